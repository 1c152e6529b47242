"""Quick ways of finding what stands out of noise, against the slow ones that they stand for."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.ndimage import grey_opening

from deeper_jax.spectra.residuals import is_unlike_noise, residual_outliers
from deeper_jax.spectra.sharp_features import height_over_surroundings


@pytest.mark.parametrize("channels", [12, 40, 200])
def test_the_quick_look_finds_the_spectra_that_the_exact_one_does(channels):
    rng = np.random.default_rng(1)
    residual, noise = rng.standard_normal((600, channels)), np.full((600, channels), 1.0)
    rows = rng.integers(0, 600, 120)
    for row, width in zip(rows, rng.integers(1, 12, 120), strict=True):
        start = rng.integers(0, channels - width + 1)
        residual[row, start : start + width] += rng.uniform(-12, 12) / np.sqrt(width)
    found = is_unlike_noise(residual, noise)
    assert 5 < found.sum() < 200
    assert_array_equal(found, residual_outliers(residual, noise).any(1))


@pytest.mark.parametrize("window", [3, 5, 9])
@pytest.mark.parametrize("channels", [3, 16, 101])
def test_the_surroundings_are_a_morphological_opening(window, channels):
    spectra = np.random.default_rng(2).standard_normal((8, channels)).cumsum(1)
    expected = spectra - grey_opening(spectra, (1, window), mode="nearest")
    assert_array_equal(height_over_surroundings(spectra, window), expected)
