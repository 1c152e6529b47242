"""Measured counts thinned: each method sees a share of the photo-electrons and is scored on the rest.

    python -m benchmarks.restoration thinned --maps renishaw.wdf=0.75,-22.667 grains.npz=0.4,570

All methods are blind, the edge and the smoothing of the peers included (peers.py). Errors in percent of the map's
variance, mean and half-width of the 95 % interval over draws of the share; so it holds what the draw makes of one
measurement, not what another measurement would. Error: mean of ((1 - f) / f * output - rest)^2 less mean(rest), which
is the variance of its noise, over (1 - f)^2. The map's variance is that about its mean spectrum, less the mean of the
counts too. The ratio is of each draw's errors with and without the restorer.

That holds for counts whose variance is their mean once the pedestal is taken off and the gain divided out. With reading
noise of variance r, at a gain of g counts a photo-electron, a pedestal r / g lower makes it so.
"""

import argparse
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

import deeper_jax
from benchmarks.restoration.peers import NOT_INSTALLED, blind, peers
from benchmarks.restoration.real_maps import CountedMap, noise_free_variance
from benchmarks.restoration.samples import numbers, told
from deeper_jax.enhancement.map_denoiser import denoise_map
from deeper_jax.enhancement.score_images import Restore
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.tasks.load import DEFAULT_RESTORER

OURS, WITHOUT = "enhance", "without the restorer"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--maps", type=CountedMap.parsed, nargs="+", required=True, help="FILE=GAIN,PEDESTAL of each")
    parser.add_argument("--fractions", type=numbers, default="0.03,0.1,0.3", help="share of the photo-electrons seen")
    parser.add_argument("--draws", type=int, default=5, help="of each share")


def run(options: argparse.Namespace) -> None:
    model, restorer, others = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER), peers()
    titles = ["map", "electrons", OURS, WITHOUT, "ratio", *others]
    print(f"| {' | '.join(titles)} |\n|{' --- |' * len(titles)}")
    ratios: dict[float, list[float]] = {fraction: [] for fraction in options.fractions}
    for each in options.maps:
        counts, axis = each.counts()
        percent = 100 / noise_free_variance(counts)
        for fraction, means in ratios.items():
            errors: dict[str, list[float]] = {}
            for draw in range(options.draws):
                generator = np.random.default_rng(draw)
                seen = generator.binomial(counts, fraction)
                outputs = {
                    OURS: enhanced(seen, axis, model, {"network": restorer.restore_grid}),
                    WITHOUT: enhanced(seen, axis, model, {}),
                    **{name: blind(seen, ways[0], generator) for name, ways in others.items() if ways},
                }
                for name, output in outputs.items():
                    error = percent * held_out_error(output / fraction, counts - seen, 1 - fraction)
                    errors.setdefault(name, []).append(error)
            ratio = np.divide(errors[OURS], errors[WITHOUT])
            means.append(float(ratio.mean()))
            cells = [told(errors[OURS]), told(errors[WITHOUT]), told(ratio)]
            cells += [told(errors[name]) if name in errors else NOT_INSTALLED for name in others]
            print(f"| {each.path.name} | {fraction * counts.mean():.1f} | {' | '.join(cells)} |", flush=True)
    for fraction, means in ratios.items():
        print(f"\nRatio at {fraction:g} of the light: median {np.median(means):.3f}, worst {max(means):.3f}")


def enhanced(measured: np.ndarray, axis: np.ndarray, model: Any, restorers: Mapping[str, Restore]) -> np.ndarray:
    """What `enhance` makes of a map [H, W, L] without cosmic rays, with or without the restorer."""
    cube, network = measured.astype(np.float64), functools.partial(model.on_axis, axis=axis)
    noise_model = estimate_noise(cube.reshape(-1, len(axis)))
    return denoise_map(cube, np.ones(cube.shape[:2], bool), noise_model, network, restorers).spectra.reshape(cube.shape)


def held_out_error(output: np.ndarray, rest: np.ndarray, left: np.ndarray | float) -> float:
    """Mean squared error for all photo-electrons of a map, as those show it that were not seen.

    Args:
        output: [H, W, L], what was made of those that were seen, over their share.
        rest: [H, W, L], those that were not.
        left: the share of these, of each pixel [H, W, 1] or of all.
    """
    return float((((left * output - rest) ** 2 - rest) / np.square(left)).mean())
