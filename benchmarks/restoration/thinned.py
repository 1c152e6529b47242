"""Real counts thinned: `enhance` sees a share of the photo-electrons and is scored on the rest.

Error = mean of ((1 - f) / f * output - rest)^2 - mean(rest), over the variance of the rest.
"""

import argparse
import functools
from pathlib import Path

import numpy as np

import deeper_jax
from benchmarks.restoration.real_maps import real_map
from deeper_jax.enhancement.map_denoiser import denoise_map
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.tasks.load import DEFAULT_RESTORER

FRACTIONS = (0.03, 0.1, 0.3)
# Counts a photo-electron, and what is added to make the variance proportional, of Renishaw maps whose noise is known.
GAIN, PEDESTAL = 0.75, 17 / 0.75


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--maps", type=Path, default=Path(), help="folder of Renishaw maps at 785 nm")


def run(options: argparse.Namespace) -> None:
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    print("| map | electrons | enhance | without the restorer |\n| --- | --- | --- | --- |")
    for path in sorted(options.maps.glob("lukas_map*.wdf")):
        data = real_map(path, GAIN, -PEDESTAL)
        electrons, axis = data.values, data["wavenumber"].values
        present = np.isfinite(electrons).all(-1)
        counts = np.maximum(np.round(electrons[present]), 0).astype(np.int64)
        for fraction in FRACTIONS:
            seen = np.random.default_rng(0).binomial(counts, fraction)
            rest, factor = counts - seen, (1 - fraction) / fraction
            cube = np.zeros(electrons.shape)
            cube[present] = seen
            network = functools.partial(model.on_axis, axis=axis)
            errors = []
            for restore in (restorer.restore_grid, None):
                output = denoise_map(cube, present, estimate_noise(seen.astype(float)), network, restore).spectra
                errors.append((((factor * output - rest) ** 2).mean() - rest.mean()) / rest.var())
            print(f"| {path.name} | {seen.mean():.0f} | {errors[0]:.5f} | {errors[1]:.5f} |", flush=True)
