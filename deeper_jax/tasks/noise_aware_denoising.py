"""Training data of the noise-aware denoising task: NoiseAwareUNet on spectra simulated anew at every step."""

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from deeper_jax.models.noise_aware_unet import moving_average
from deeper_jax.simulator import SimulatorConfig, VariedSpectra, simulate_spectra, simulate_varied_spectra
from deeper_jax.spectra.noise import SMOOTHING
from deeper_jax.tasks.denoising import simulated_job
from deeper_jax.training.job import Batch, TrainingJob


def noise_aware_denoising_job(config: ConfigDict) -> TrainingJob:
    """Network and data of a config like configs/default_denoiser.py.

    Each batch is made of spectra of widely varied instruments and, for `data.cell_fraction` of it, of cells as
    `simulate_spectra` makes them with the ranges of `data.simulator`, both with the noise-free truth as target and in
    units of their noise: a batch's MSE is the share of the noise's variance that is left.

    Raises:
        InputError: unusable settings.
    """
    settings, length = config.data, config.model.length
    cell_ranges = SimulatorConfig(**settings.simulator.to_dict())
    batch_size = config.train.batch_size
    from_cells = round(settings.cell_fraction * batch_size)

    def make_batch(key: jax.Array) -> Batch:
        keys = jax.random.split(key, 4)
        parts = [simulate_varied_spectra(keys[0], batch_size - from_cells, length, settings.spectra_per_instrument)]
        if from_cells:
            parts.append(_cells(keys[1], from_cells, length, cell_ranges))
        spectra = VariedSpectra(*(jnp.concatenate(rows) for rows in zip(*parts, strict=True)))
        return _in_units_of_noise(keys[2], spectra, settings.noise_error)

    record = {
        "normalisation": "none: the network is told the noise and scales its input itself",
        "wavenumbers": None,
        "preprocessing": [{"name": "remove_cosmic_rays"}],
    }
    return simulated_job(config, make_batch, record)


def _cells(key: jax.Array, count: int, length: int, ranges: SimulatorConfig) -> VariedSpectra:
    """Cells on an axis that starts at 480 cm^-1 in steps of 2.6, about that of DeepeR's cells."""
    axis = 480.0 + 2.6 * np.arange(length, dtype=np.float32)
    low, _, truth, _ = simulate_spectra(key, count, axis, ranges)
    gain, read = sum(ranges.low_gain) / 2, sum(ranges.read_noise) / 2
    each = jnp.ones((count, 1))
    return VariedSpectra(low, truth, gain * each, (read**2 + 1 / 12) * each, (read**2 + 1 / 12) * each)


def _in_units_of_noise(key: jax.Array, spectra: VariedSpectra, noise_error: float) -> Batch:
    """Input [N, 2, L] and target [N, L].

    The noise that the network is told is off by a factor, and follows the noisy spectrum, as estimates do: noise that
    followed the truth would tell the network the truth.
    """
    unit = jnp.sqrt(jnp.square(spectra.noise(spectra.truth)).mean(1, keepdims=True))
    told = spectra.noise(moving_average(spectra.noisy, SMOOTHING))
    told = told * jnp.exp(noise_error * jax.random.normal(key, unit.shape))
    return {"input": jnp.stack([spectra.noisy, told], axis=1) / unit[:, None], "target": spectra.truth / unit}
