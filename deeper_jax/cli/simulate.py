"""`deeper-jax simulate`: simulated cells in the layout of DeepeR's files."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `simulate` takes."""
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
    parser.epilog = (
        "Example: deeper-jax simulate data/cells --cells=8 --test-cells=2; "
        "then deeper-jax train --config=denoising --config.data.path=data/cells --workdir=runs/cells."
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Simulate and write. Raises InputError."""
    from deeper_jax.data.simulated_data import write_simulated_dataset

    names = ("cells", "test_cells", "counts_cells", "height", "width", "seed")
    write_simulated_dataset(options.folder, **{name: getattr(options, name) for name in names})
    print(f"{options.cells} simulated cells in {options.folder}.")
