"""The `deeper-jax` command."""

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from deeper_jax.cli.command_line import run_quietly
from deeper_jax.cli.enhance import add_arguments as add_enhance_arguments
from deeper_jax.errors import InputError
from deeper_jax.version import __version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and do what it says; a mistake is one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="deeper-jax", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    add_enhance_arguments(
        commands.add_parser("enhance", help="denoise a map from an instrument's file, with uncertainty and a page")
    )
    _add_pack(commands.add_parser("pack", help="write the weights of a run to one small file"))
    _add_simulate(commands.add_parser("simulate", help="write simulated cells in the layout of DeepeR's files"))
    _add_memory(commands.add_parser("memory", help="print what a training step will need of a device's memory"))
    options = parser.parse_args(arguments)
    run_quietly("deeper-jax", lambda: options.run(options), stopped="stopped.")


def _add_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_directory", metavar="RUN", help="a run's directory or one checkpoint")
    parser.add_argument("file", metavar="FILE.npz", help="new file; `deeper_jax.load` and `--model` take it")
    parser.set_defaults(run=_pack)


def _pack(options: argparse.Namespace) -> None:
    from deeper_jax.inference.weights_file import check_new_weights_file, write_weights_file
    from deeper_jax.tasks.load import load

    file = Path(options.file)
    check_new_weights_file(file)
    model = load(options.run_directory)
    if "config" not in model.record:
        raise InputError(f"{options.run_directory}: these weights carry no config; give a run's directory.")
    # Where the run lay is nobody else's business.
    record = {name: value for name, value in model.record.items() if name not in ("checkpoint", "source")}
    write_weights_file(file, model.params, model.stats, record)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, step {model.record.get('step', 'unknown')}.")


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="new or empty folder to write to")
    parser.add_argument("--cells", type=int, default=16, help="cells in all (default: %(default)s)")
    parser.add_argument("--test-cells", type=int, default=4, help="of them for testing (default: %(default)s)")
    parser.add_argument(
        "--counts-cells",
        type=int,
        default=0,
        help="training cells that keep their background, as raw counts (default: %(default)s)",
    )
    parser.add_argument("--height", type=int, default=32, help="pixels (default: %(default)s)")
    parser.add_argument("--width", type=int, default=32, help="pixels (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: %(default)s)")
    parser.set_defaults(run=_simulate)


def _simulate(options: argparse.Namespace) -> None:
    from deeper_jax.data.simulated_data import write_simulated_dataset

    names = ("cells", "test_cells", "counts_cells", "height", "width", "seed")
    write_simulated_dataset(options.folder, **{name: getattr(options, name) for name in names})
    print(f"{options.cells} simulated cells in {options.folder}.")


def _add_memory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="FILE[:args]", help="e.g. configs/super_resolution.py:scale=4,blocks=16")
    parser.add_argument("--batch-sizes", default="2,16", help="comma-separated (default: %(default)s)")
    parser.set_defaults(run=_memory)


def _memory(options: argparse.Namespace) -> None:
    from deeper_jax.tasks.memory import step_memory

    sizes = options.batch_sizes.split(",")
    if not all(size.isdigit() and int(size) for size in sizes):
        raise InputError(f"--batch-sizes is {options.batch_sizes!r}; give whole numbers, such as 2,16.")
    config = load_config(options.config)
    variants = ["none", "blocks", "groups", "both"] if "remat" in config.model else [None]
    print("| remat | batch | parameters and optimizer | step's temporaries | together |")
    print("| --- | --- | --- | --- | --- |")
    for remat in variants:
        if remat is not None:
            config.model.remat = remat
        for size in sizes:
            need = step_memory(config, int(size))
            together = need.state + need.temporary
            cells = [remat or "-", size, *(f"{n / 2**30:.2f} GiB" for n in (need.state, need.temporary, together))]
            print(f"| {' | '.join(cells)} |", flush=True)


def load_config(name: str) -> ConfigDict:
    """The configuration `FILE[:args]`, as `train.py --config` reads it; InputError if it cannot be read."""
    file, _, argument = name.partition(":")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{file}: there is no such config file; give one, such as configs/super_resolution.py.")
    # Configs import their neighbours as `configs.name`.
    sys.path.insert(0, str(path.resolve().parents[1]))
    try:
        return runpy.run_path(str(path))["get_config"](argument or None)
    except (KeyError, ValueError) as error:
        raise InputError(f"{name}: {error}") from error
