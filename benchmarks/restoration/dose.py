"""Cells and cartilage scanned in each pixel, or in each second, third or fourth for 4, 9 or 16 times as long.

Root mean square error of `enhance` over the truth's deviation; mean and half-width of the 95 % interval over samples.
"""

import argparse

import numpy as np

import deeper_jax
from benchmarks.restoration.samples import SIMULATED, add_samples, numbers, quiet, samples, told, whole_numbers
from deeper_jax.maps import raman_map
from deeper_jax.simulator.config import default_wavenumbers
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER


def add_options(parser: argparse.ArgumentParser) -> None:
    add_samples(parser)
    parser.add_argument("--levels", type=numbers, default="0.1,0.3,1,3", help="light a pixel if every pixel is scanned")
    parser.add_argument("--steps", type=whole_numbers, default="1,2,3,4", help="from one pixel of a scan to the next")


def run(options: argparse.Namespace) -> None:
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    titles = " | ".join(f"every {step}" for step in options.steps)
    print(f"| sample | light a pixel | {titles} |\n|{' --- |' * (2 + len(options.steps))}")
    for kind, (_, base) in SIMULATED.items():
        for level in options.levels:
            cells = []
            for step in options.steps:
                errors = []
                config = quiet(base, level * step**2)
                for cube, truth in samples(kind, config, range(options.samples), options.side):
                    low = raman_map(cube[Raster.of((step, step)).places], default_wavenumbers())
                    result = deeper_jax.enhance(low, model, scale=step, restorer=restorer, cosmic_rays="keep")
                    errors.append(np.sqrt(((result["intensity"].values - truth) ** 2).mean() / truth.var()))
                cells.append(told(errors))
            print(f"| {kind} | {level:g} | {' | '.join(cells)} |", flush=True)
