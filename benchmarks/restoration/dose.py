"""Samples scanned in each pixel, or in each second, third or fourth for 4, 9 or 16 times as long.

    python -m benchmarks.restoration dose                                  # simulated cells and sections of cartilage
    python -m benchmarks.restoration dose --maps renishaw.wdf=0.75,-22.667 # photo-electrons of measured maps

Root mean square error of `enhance` over the root of the map's variance about its mean spectrum; mean and half-width of
the 95 % interval over samples, or over draws of the photo-electrons that a scan of a measured map is given. There the
error is taken in all pixels, on the photo-electrons that the scan was not given (thinned.py says how and of which
maps); light is theirs in a channel if every pixel is scanned. Scans that need more than most of a map's, or have too
few pixels, are left out.
"""

import argparse
from typing import Any

import numpy as np

import deeper_jax
from benchmarks.restoration.real_maps import CountedMap, map_variance, noise_free_variance
from benchmarks.restoration.samples import SIMULATED, add_samples, numbers, quiet, samples, told, whole_numbers
from benchmarks.restoration.thinned import held_out_error
from deeper_jax.enhancement.components import SMALLEST_MAP
from deeper_jax.maps import raman_map
from deeper_jax.simulator.config import default_wavenumbers
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER

# Share of a pixel's photo-electrons that a scan may have at most: it is scored on the others.
MOST = 0.7


def add_options(parser: argparse.ArgumentParser) -> None:
    add_samples(parser)
    parser.add_argument("--levels", type=numbers, default="0.1,0.3,1,3", help="light a pixel if every pixel is scanned")
    parser.add_argument("--steps", type=whole_numbers, default="1,2,3,4", help="from one pixel of a scan to the next")
    parser.add_argument("--maps", type=CountedMap.parsed, nargs="+", help="FILE=GAIN,PEDESTAL; not simulated samples")
    parser.add_argument("--electrons", type=numbers, default="1,3,10,30", help="light of scans of measured maps")


def run(options: argparse.Namespace) -> None:
    titles = " | ".join(f"every {step}" for step in options.steps)
    print(f"| sample | light a pixel | {titles} |\n|{' --- |' * (2 + len(options.steps))}")
    restorer = deeper_jax.load(DEFAULT_RESTORER)
    (_measured if options.maps else _simulated)(options, deeper_jax.load(), restorer)


def _simulated(options: argparse.Namespace, model: Any, restorer: Any) -> None:
    axis = default_wavenumbers()
    for kind, (_, base) in SIMULATED.items():
        for level in options.levels:
            cells = []
            for step in options.steps:
                errors = []
                config = quiet(base, level * step**2)
                for cube, truth in samples(kind, config, range(options.samples), options.side):
                    output = _scanned(cube, axis, step, model, restorer)
                    errors.append(np.sqrt(((output - truth) ** 2).mean() / map_variance(truth)))
                cells.append(told(errors))
            print(f"| {kind} | {level:g} | {' | '.join(cells)} |", flush=True)


def _measured(options: argparse.Namespace, model: Any, restorer: Any) -> None:
    for each in options.maps:
        counts, axis = each.counts()
        # Pixels that the scans of all steps cover.
        sides = [min(side // step * step for step in options.steps) for side in counts.shape[:2]]
        for electrons in options.electrons:
            cells = []
            for step in options.steps:
                share = electrons * step**2 / counts.mean()
                if share > MOST or np.prod([side // step for side in counts.shape[:2]]) < SMALLEST_MAP:
                    cells.append("–")
                    continue
                errors = []
                for draw in range(options.samples):
                    seen, rest, left = given(counts, share, step, np.random.default_rng(draw))
                    output = _scanned(seen, axis, step, model, restorer) / share
                    inside = np.s_[: sides[0], : sides[1]]
                    errors.append(held_out_error(output[inside], rest[inside], left[inside]))
                cells.append(told(np.sqrt(np.maximum(errors, 0.0) / noise_free_variance(counts))))
            print(f"| {each.path.name} | {electrons:g} | {' | '.join(cells)} |", flush=True)


def _scanned(cube: np.ndarray, axis: np.ndarray, step: int, model: Any, restorer: Any) -> np.ndarray:
    """What `enhance` makes of every `step`-th pixel of a map, on the map's grid."""
    low = raman_map(cube[Raster.of((step, step)).places].astype(np.float64), axis)
    return deeper_jax.enhance(low, model, scale=step, restorer=restorer, cosmic_rays="keep")["intensity"].values


def given(
    counts: np.ndarray, share: float, step: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A scan's share of the photo-electrons of every `step`-th pixel, of a map [H, W, L] cut to whole steps.

    Returns:
        What the scan has been given, 0 between its pixels; what it has not; and the share of that, [H, W, 1].
    """
    height, width = (side // step * step for side in counts.shape[:2])
    counts = counts[:height, :width]
    raster = Raster.of((step, step))
    scanned = raster.spread(np.ones((height // step, width // step), bool))[..., None]
    seen = np.where(scanned, generator.binomial(counts, share), 0)
    return seen, counts - seen, np.where(scanned, 1 - share, 1.0)
