"""`deeper-jax sample`: a small SIMULATED scan, to try the other commands on."""

import argparse
import shlex


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `sample` takes."""
    parser.add_argument(
        "file",
        nargs="?",
        default="sample.h5",
        metavar="FILE",
        help="new file: .h5, .nc, .npz, .mat, .csv or .tif (default: %(default)s)",
    )
    parser.add_argument("--height", type=int, default=30, help="pixels of 0.5 µm (default: %(default)s)")
    parser.add_argument("--width", type=int, default=30, help="pixels of 0.5 µm (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=3, help="of everything random (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.epilog = (
        "Examples: deeper-jax sample; deeper-jax sample larger.nc --height=60 --width=80; "
        "then deeper-jax enhance sample.h5."
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Simulate, write, and say what to do next. Raises InputError; nothing is written then."""
    from deeper_jax.data.sample_map import write_sample

    names = ("height", "width", "seed", "overwrite")
    write_sample(options.file, **{name: getattr(options, name) for name in names})
    print(
        f"{options.file}: a SIMULATED scan of a cell, {options.height} x {options.width} pixels of 500 channels, in "
        f"counts.\nNext: deeper-jax enhance {shlex.quote(options.file)}"
    )
