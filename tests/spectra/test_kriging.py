"""Kriging against the formulas of normal distributions, and on images whose roughness is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import gamma, kv

from deeper_jax.spectra.kriging import Covariance, fit_covariances, krige_hidden, krige_raster
from deeper_jax.spectra.raster import Raster


def matern(distance, smoothness):
    """The general formula, with Bessel functions."""
    scaled = np.sqrt(2 * smoothness) * np.maximum(distance, 1e-12)
    return 2 ** (1 - smoothness) / gamma(smoothness) * scaled**smoothness * kv(smoothness, scaled)


def drawn(smoothness, length, size=40, seed=0):
    """An image of variance 100, drawn from a process of that covariance."""
    places = np.stack(np.divmod(np.arange(size * size), size), 1)
    distance = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))
    root = np.linalg.cholesky(matern(distance / length, smoothness) + 1e-8 * np.eye(size * size))
    return 10 * (root @ np.random.default_rng(seed).standard_normal(size * size)).reshape(size, size)


def normal(covariance, noise, known, asked, values):
    """Conditional mean and deviation of a normal process of unknown level."""
    lengths = np.array(covariance.lengths)

    def between(first, second):
        distance = np.linalg.norm((first[:, None] - second) / lengths, axis=-1)
        return covariance.variance * (25 + matern(distance, covariance.smoothness))

    inverse = np.linalg.inv(between(known, known) + noise * np.eye(len(known)))
    weights = between(asked, known) @ inverse
    left = covariance.variance * 26 - (weights * between(asked, known)).sum(1)
    return weights @ values, np.sqrt(left)


@pytest.mark.parametrize("smoothness", [0.5, 1.5, 2.5])
def test_it_is_the_conditional_mean(smoothness):
    image = np.random.default_rng(0).normal(5, 3, (7, 6, 1))
    covariance, noise = Covariance(smoothness, (2.0, 3.0), 9.0), np.array([0.5])
    places = np.stack(np.divmod(np.arange(42), 6), 1).astype(float)
    raster = Raster((2, 3), (1, 0))
    fine = np.stack(np.meshgrid((np.arange(14) - 1) / 2, np.arange(18) / 3, indexing="ij"), -1).reshape(-1, 2)
    answer, std = krige_raster(image, [covariance], noise, raster)
    mean, deviation = normal(covariance, 0.5, places, fine, image.ravel())
    assert_allclose(answer.ravel(), mean, atol=1e-5)
    assert_allclose(std.ravel(), deviation, atol=1e-5)

    hidden = np.zeros((7, 6), bool)
    hidden[0, 1] = hidden[3, 2] = True
    inside = np.abs(places - [3, 2]).max(1) <= 3
    seen = inside & ~hidden.ravel()
    mean, _ = normal(covariance, 0.5, places[seen], np.array([[3.0, 2.0]]), image.ravel()[seen])
    assert_allclose(krige_hidden(image, [covariance], noise, hidden)[1], mean, atol=1e-5)


def test_images_are_told_by_their_roughness():
    rough, smooth = drawn(0.5, 6.0), drawn(2.5, 4.0)
    noise = np.random.default_rng(1).standard_normal((40, 40, 2))
    found = fit_covariances(np.stack([rough, smooth], -1) + noise, 1.0)
    assert [each.smoothness for each in found] == [0.5, 2.5]
    assert 2.5 < np.sqrt(np.prod(found[1].lengths)) < 6 and 30 < found[1].variance < 300


def test_lengths_follow_the_steps_of_the_scan():
    image = drawn(1.5, 8.0)[:, ::4]
    noise = 0.1 * np.random.default_rng(1).standard_normal(image.shape)
    (found,) = fit_covariances((image + noise)[..., None], 0.01, step=(1, 4))
    assert 4 < found.lengths[0] < 16 and found.lengths[0] / found.lengths[1] == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize(("smoothness", "length"), [(0.5, 6.0), (2.5, 3.0)])
def test_no_interpolation_is_better_on_what_it_assumes(smoothness, length):
    from deeper_jax.evaluation.upsampling import reference_upsamplers

    fine = drawn(smoothness, length, seed=3)
    low = fine[1::2, 1::2, None]
    (covariance,) = fit_covariances(low + 1e-3 * np.random.default_rng(0).standard_normal(low.shape), 1e-6)
    answer, std = krige_raster(low, [covariance], np.array([1e-6]), Raster((2, 2), (1, 1)))
    error = ((answer[..., 0] - fine) ** 2).mean()
    others = [((each(low)[..., 0] - fine) ** 2).mean() for each in reference_upsamplers(2, 1, released=False).values()]
    assert error < 1.02 * min(others)
    inside = np.abs(answer[..., 0] - fine)[::2, ::2] < 1.645 * std[::2, ::2, 0]
    assert 0.8 < inside.mean() < 0.98
