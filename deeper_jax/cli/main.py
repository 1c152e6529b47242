"""The `deeper-jax` command: `deeper-jax COMMAND --help` explains each."""

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deeper_jax.allocator import keep_freed_memory
from deeper_jax.cli import enhance, evaluate, info, memory, pack, plan, sample, simulate, train
from deeper_jax.cli.command_line import Parser, run_command, stop_when_asked
from deeper_jax.version import __version__

COMMANDS = {
    "sample": (sample, "write a small simulated scan, to try the other commands on"),
    "enhance": (enhance, "denoise a map from an instrument's file, with uncertainty and a page"),
    "info": (info, "print what is in a file, and what enhance would do with it"),
    "plan": (plan, "from a first map, tell how finely to scan a sample: the same light on all pixels or on fewer"),
    "train": (train, "train a network"),
    "evaluate": (evaluate, "compare a trained network with the reference methods, or repeat an experiment"),
    "pack": (pack, "write the weights of a run to one small file"),
    "simulate": (simulate, "write simulated cells in the layout of DeepeR's files"),
    "memory": (memory, "print what a training step will need of a device's memory"),
}
"""Module and short description of each command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and do what it says; a mistake is one sentence and exit status 2."""
    if arguments is None:
        _collect_less_garbage()
        if sys.argv[1:2] == ["enhance"]:  # before there are threads; a training tells the allocator itself
            keep_freed_memory(arenas=2)
        stop_when_asked("deeper-jax")
        # XLA tells on the terminal of every stored program that it takes for another machine's, and compiles it anew.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = Parser(prog="deeper-jax", description="Denoise Raman maps and make them finer; train the networks.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, (module, words) in COMMANDS.items():
        module.add_arguments(commands.add_parser(name, help=words, description=f"{words.capitalize()}."))
    run_command(parser, sys.argv[1:] if arguments is None else arguments, "deeper-jax")


def _collect_less_garbage() -> None:
    """In a process of our own: the libraries' million objects are no garbage, and are looked through once at most.

    That takes half a second of a command: while they are imported, and again when the process ends.
    """
    gc.set_threshold(100_000, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


def run_script(command: str) -> None:
    """`train.py` and `eval.py`: one command of `COMMANDS` as a program of its own."""
    module, words = COMMANDS[command]
    name = Path(sys.argv[0]).name
    stop_when_asked(name)
    parser = Parser(prog=name, description=f"{words.capitalize()}.")
    module.add_arguments(parser)
    run_command(parser, sys.argv[1:], name)
