"""Coarse scans of simulated cells and cartilage made finer, beside the scan denoised and interpolated in the best way.

Squared errors in percent of the noise's variance; the best interpolation is chosen on the truth.
"""

import argparse
from typing import Any

import numpy as np
from scipy import stats

import deeper_jax
from benchmarks.restoration.samples import SIMULATED, add_samples, error, numbers, quiet, samples, told, whole_numbers
from deeper_jax.enhancement.map_denoiser import denoise_map
from deeper_jax.enhancement.uncertainty import NINETY_PERCENT
from deeper_jax.evaluation.upsampling import reference_upsamplers
from deeper_jax.maps import raman_map
from deeper_jax.simulator.config import default_wavenumbers
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER


def add_options(parser: argparse.ArgumentParser) -> None:
    add_samples(parser)
    parser.add_argument("--levels", type=numbers, default="1,3,10", help="light over the measured")
    parser.add_argument("--scales", type=whole_numbers, default="2,3,4", help="such as 2,3,4")


def run(options: argparse.Namespace) -> None:
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    titles = "sample | light | scale | enhance | denoised, best interpolation | ratio | p | 90 %: measured | between"
    print(f"| {titles} |\n|{' --- |' * 9}")
    for kind, (_, base) in SIMULATED.items():
        for level in options.levels:
            rows: dict[int, list[list[float]]] = {scale: [] for scale in options.scales}
            for cube, truth in samples(kind, quiet(base, level), range(options.samples), options.side):
                for scale, found in rows.items():
                    found.append(_refined(cube, truth, scale, model, restorer))
            for scale, found in rows.items():
                ours, best, *inside = np.array(found).T
                p = f"{stats.ttest_rel(ours, best).pvalue:.1g}" if len(ours) > 1 else "-"
                cells = [told(ours), told(best), f"{ours.mean() / best.mean():.2f}", p]
                cells += [f"{each.mean():.2f}" for each in inside]
                print(f"| {kind} | {level:g} | {scale} | {' | '.join(cells)} |", flush=True)


def _refined(cube: np.ndarray, truth: np.ndarray, scale: int, model: Any, restorer: Any) -> list[float]:
    raster = Raster.of((scale, scale))
    low = cube[raster.places]
    given = raman_map(low, default_wavenumbers())
    result = deeper_jax.enhance(given, model, scale=scale, restorer=restorer, cosmic_rays="keep")
    noise_model, present = estimate_noise(low.reshape(-1, low.shape[-1])), np.ones(low.shape[:2], bool)
    denoised = denoise_map(low, present, noise_model, model.network).spectra.reshape(low.shape)
    upsamplers = reference_upsamplers(scale, 1, released=False).values()
    best = min(error(upsample(denoised), truth, cube) for upsample in upsamplers)
    inside = np.abs(result["intensity"].values - truth) <= NINETY_PERCENT * result["uncertainty"].values
    measured = raster.spread(present)
    return [
        *(error(result["intensity"].values, truth, cube), best),
        *(inside[measured].mean(), inside[~measured].mean()),
    ]
