"""The widely varied spectra that the default denoiser learns from, and the task made of them."""

import jax
import numpy as np
import pytest

from configs import default_denoiser
from deeper_jax.simulator import simulate_varied_spectra
from deeper_jax.tasks.noise_aware_denoising import _in_units_of_noise
from deeper_jax.tasks.registry import training_job
from deeper_jax.training.losses import gaussian

simulate = jax.jit(simulate_varied_spectra, static_argnums=(1, 2))


@pytest.fixture(scope="module")
def spectra():
    return jax.device_get(simulate(jax.random.key(0), 400, 128))


def test_the_noise_is_what_the_law_says(spectra):
    deviation = np.asarray(spectra.noise(spectra.truth))
    normal = (spectra.noisy - spectra.truth) / deviation
    assert abs(normal.std() - 1) < 0.01 and abs(normal.mean()) < 0.01
    # Shot noise: where a spectrum is brighter than its mean, it is noisier.
    assert (deviation > 0).all() and (np.ptp(deviation, axis=1) > 0.05 * deviation.mean(1)).mean() > 0.5


def test_the_spectra_differ_as_widely_as_they_should(spectra):
    level = np.asarray(spectra.noise(spectra.truth)).mean(1) / np.ptp(spectra.truth, axis=1).clip(1e-3)
    assert np.quantile(level, 0.05) < 0.005 and np.quantile(level, 0.95) > 0.2
    assert np.isfinite(spectra.noisy).all()
    assert (spectra.truth.min(1) < 0).any() and (spectra.truth.min(1) > 0.5).any()


def test_spectra_of_an_instrument_share_its_noise_and_others_do_not(spectra):
    gains = spectra.gain[:, 0].reshape(-1, 4)
    assert (gains == gains[:, :1]).all() and len(np.unique(gains)) == 100


def test_the_same_key_gives_the_same_spectra(spectra):
    again = simulate(jax.random.key(0), 400, 128)
    np.testing.assert_array_equal(spectra.noisy, again.noisy)


def test_the_noise_that_is_told_does_not_tell_the_truth(spectra):
    batch = _in_units_of_noise(jax.random.key(1), spectra, 0.0)
    told, noisy = np.asarray(batch["input"][:, 1]), np.asarray(batch["input"][:, 0])
    # With the noisy spectrum replaced by another of the same mean over nine channels, the same would be told.
    kernel = np.full(9, 1 / 9)
    padded = np.pad(noisy, ((0, 0), (4, 4)), mode="edge")
    smooth = np.stack([np.convolve(row, kernel, "valid") for row in padded])
    unit = np.sqrt(np.square(np.asarray(spectra.noise(spectra.truth))).mean(1, keepdims=True))
    expected = np.asarray(spectra.noise(smooth * unit)) / unit
    np.testing.assert_allclose(told, expected, rtol=2e-3)
    np.testing.assert_allclose(np.asarray(batch["target"]) * unit, spectra.truth, rtol=1e-4, atol=1e-3)


def test_gaussian_loss_is_the_likelihood_of_scipy():
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    mean, log_deviation, target = rng.standard_normal((3, 5, 7))
    values, squared = gaussian(np.stack([mean, log_deviation], 1), target)
    expected = -norm.logpdf(target, mean, np.exp(log_deviation)) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    np.testing.assert_allclose(squared, (mean - target) ** 2, rtol=1e-5)


def test_the_task_mixes_both_kinds_and_repeats_itself():
    config = default_denoiser.get_config("width=4")
    config.model.length, config.train.batch_size, config.data.validation_spectra = 64, 8, 16
    job = training_job(config)
    first, second = (next(job.train_batches(step, 3)) for step in (0, 1))
    again = next(job.train_batches(1, 3))
    assert first["input"].shape == (8, 2, 64) and first["target"].shape == (8, 64)
    np.testing.assert_array_equal(second["input"], again["input"])
    assert not np.array_equal(first["input"], second["input"])
    assert sum(mask.sum() for _, mask in job.validation_batches()) == 16
