"""`deeper-jax info`: what is in a file, and what `enhance` would do with it."""

import argparse
from pathlib import Path

from deeper_jax.cli.command_line import name_or_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `info` takes."""
    parser.add_argument("file", metavar="FILE", help="a file of an instrument, or any other that read_map reads")
    parser.add_argument("--entry", metavar="NAME", help="which of several measurements in FILE, by name or number")
    parser.add_argument("--laser", type=float, metavar="NM", help="the laser's wavelength, where FILE has wavelengths")
    parser.add_argument("--wavenumbers", metavar="LIST", help="a list of wavenumbers in cm^-1, in place of FILE's axis")
    parser.add_argument("--model", metavar="RUN", help="what enhance would be given (default: the package's own)")
    parser.epilog = "Example: deeper-jax info scan.wdf"
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read, and print a line for each thing that is known. Raises InputError."""
    from deeper_jax.enhancement.description import describe_map
    from deeper_jax.inference.spectral_denoiser import SpectralDenoiser
    from deeper_jax.maps import read_map
    from deeper_jax.maps.registry import format_of
    from deeper_jax.tasks.load import load_as

    form = format_of(Path(options.file)).name
    entry = name_or_number(options.entry)
    data = read_map(options.file, entry=entry, wavenumbers=options.wavenumbers, laser=options.laser, lazy=True)
    lines = [("file", options.file), ("format", form), *describe_map(data, load_as(options.model, SpectralDenoiser))]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        print(f"{name:<{width}}  {text}")
