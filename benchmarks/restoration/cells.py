"""Simulated cells on the measured grid, `enhance` with the map restorer and without it.

Squared errors in percent of the noise's variance, the offset of the read-outs constant or random; mean and half-width
of the 95 % interval over cells.
"""

import argparse
import dataclasses

import numpy as np

import deeper_jax
from benchmarks.restoration.samples import add_samples, error, numbers, quiet, samples, told
from deeper_jax.enhancement.map_denoiser import denoise_map
from deeper_jax.simulator import SimulatorConfig
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.tasks.load import DEFAULT_RESTORER


def add_options(parser: argparse.ArgumentParser) -> None:
    add_samples(parser)
    parser.add_argument("--levels", type=numbers, default="1,3,10", help="light over the measured")


def run(options: argparse.Namespace) -> None:
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    print("| light | offset of the read-outs | enhance | without the restorer |\n| --- | --- | --- | --- |")
    for level in options.levels:
        for name, chance in (("constant", 0.0), ("random", SimulatorConfig().offset_step_probability)):
            config = dataclasses.replace(quiet(SimulatorConfig(), level), offset_step_probability=chance)
            errors: tuple[list[float], list[float]] = ([], [])
            for cube, truth in samples("cell", config, range(options.samples), options.side):
                noise_model, present = estimate_noise(cube.reshape(-1, cube.shape[-1])), np.ones(cube.shape[:2], bool)
                for found, restorers in zip(errors, ({"network": restorer.restore_grid}, {}), strict=True):
                    output = denoise_map(cube, present, noise_model, model.network, restorers).spectra
                    found.append(error(output.reshape(truth.shape), truth, cube))
            print(f"| {level:g} | {name} | {told(errors[0])} | {told(errors[1])} |", flush=True)
