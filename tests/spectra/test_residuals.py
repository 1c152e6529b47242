"""Residuals that are not noise are found, and given back: against planted bands and counted tails."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from deeper_jax.spectra.residuals import LIMIT, SINGLE_LIMIT, residual_outliers, restore_outliers, sharp_losses
from deeper_jax.spectra.sharp_features import height_over_surroundings, sharp_features

CHANNELS = np.arange(200.0)


def band(position, width, height=1.0):
    """Gaussian of a full width at half maximum in channels."""
    return height * np.exp(-4 * np.log(2) * ((CHANNELS - position) / width) ** 2)


def test_noise_does_not_stand_out_and_a_lost_band_does():
    rng = np.random.default_rng(9)
    residual, noise = 2 * rng.standard_normal((3000, 200)), np.full((3000, 200), 2.0)
    chance = residual_outliers(residual, noise)
    assert_array_equal(chance, np.abs(residual) > SINGLE_LIMIT * 2)  # four of 600,000
    assert not residual_outliers(residual, noise, LIMIT).any()
    residual[7] += band(100, 12, 8.0)
    marked = residual_outliers(residual, noise) & ~chance
    assert marked[7, 97:104].all() and not marked[7, :80].any() and not marked[7, 120:].any()
    assert not np.delete(marked, 7, 0).any()


def test_a_high_line_marks_itself_and_not_everything_around_it():
    residual, noise = np.zeros((1, 200)), np.ones((1, 200))
    residual[0, 50] = 5000.0
    assert np.flatnonzero(residual_outliers(residual, noise)[0]).tolist() == [50]


def test_what_a_denoiser_took_away_is_given_back_with_its_noise():
    rng = np.random.default_rng(1)
    clean = 100 + np.stack([band(60, 3, 400), band(90, 25, 12), 0 * CHANNELS])
    measured, noise = clean + 4 * rng.standard_normal(clean.shape), np.full(clean.shape, 4.0)
    output, std = np.full(clean.shape, 100.0), np.full(clean.shape, 0.5)  # flat: both bands lost
    answer, spread, marked = restore_outliers(measured, output, std, noise)
    assert_allclose(answer[0, 58:63], measured[0, 58:63])
    assert (spread[0, 58:63] == 4.0).all()
    # The wide, low band comes back smoothed: nearer to the truth than the measured values, and than nothing.
    error = np.sqrt(((answer[1] - clean[1])[80:101] ** 2).mean())
    assert error < 0.75 * 4.0 and error < 0.5 * np.sqrt(((output[1] - clean[1])[80:101] ** 2).mean())
    assert_array_equal(answer[2], output[2])
    assert marked.any(1).tolist() == [True, True, False] and not marked[0, 70:].any()
    assert (np.abs(measured - answer) <= SINGLE_LIMIT * noise).all()
    assert (output == 100.0).all() and (std == 0.5).all()  # the arguments are not written to


def test_narrow_high_bands_keep_their_height_to_a_share_of_it():
    measured, noise = np.stack([100 + band(80.3, width, 2000) for width in (1, 2, 3, 6)]), np.full((4, 200), 20.0)
    weaker = 100 + 0.96 * (measured - 100)  # 4 % lost: 80 counts, four deviations
    assert sharp_losses(measured, weaker, noise).any(1).tolist() == [True, True, True, False]  # training had the last
    assert not sharp_losses(measured, 100 + 0.99 * (measured - 100), noise).any()


def test_widths_are_those_of_gaussians_wherever_they_lie():
    for width in (1.0, 1.5, 2.0, 3.0):
        spectra = np.stack([band(50 + shift, width, 1000.0) for shift in np.linspace(-0.49, 0.49, 25)])
        excess = height_over_surroundings(spectra, 15)
        found = sharp_features(spectra, excess, np.ones(spectra.shape), 50.0)
        assert len(found.row) == 25
        assert found.narrower(1.05 * width).all() and not found.narrower(0.95 * width).any()
