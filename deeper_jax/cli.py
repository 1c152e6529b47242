"""The `deeper-jax` command."""

import argparse
from collections.abc import Sequence

from deeper_jax.command_line import run_quietly
from deeper_jax.version import __version__


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and do what it says; a mistake is one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="deeper-jax", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_simulate(commands.add_parser("simulate", help="write simulated cells in the layout of DeepeR's files"))
    options = parser.parse_args(arguments)
    run_quietly("deeper-jax", lambda: options.run(options))


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
    from deeper_jax.data.simulated_dataset import write_simulated_dataset

    names = ("cells", "test_cells", "counts_cells", "height", "width", "seed")
    write_simulated_dataset(options.folder, **{name: getattr(options, name) for name in names})
    print(f"{options.cells} simulated cells in {options.folder}.")
