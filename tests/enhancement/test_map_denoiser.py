"""The numerics of enhancing a map, against independent computations and planted truths."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter

from deeper_jax.enhancement.components import find_components, noise_by_pixel
from deeper_jax.enhancement.map_denoiser import Calibrations, Estimate, alone, denoise_map, with_exceptions
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.similar_pixels import bilateral_filter
from deeper_jax.enhancement.uncertainty import Case, coverage, fit_calibration, fit_factor, parametric_bootstrap
from deeper_jax.errors import InputError
from deeper_jax.spectra.noise import NoiseModel, estimate_noise

CHANNELS = np.arange(200.0)


def band(position, width=6.0):
    return np.exp(-0.5 * ((CHANNELS - position) / width) ** 2)


def mixture(rng, pixels=400):
    amounts = rng.uniform(0, 1, (pixels, 2))
    return 20 + 40 * amounts @ np.stack([band(60) + band(120), band(90, 10)])


@pytest.mark.parametrize(("gain", "floor", "offset"), [(0.2, 0.6, 0), (0.5, 0.01, 0), (0.0, 2.0, -5), (0.3, 0.5, 500)])
def test_shot_and_read_noise_are_found(gain, floor, offset):
    rng = np.random.default_rng(3)
    truth = mixture(rng)
    noisy = truth + np.sqrt(gain * truth + floor) * rng.standard_normal(truth.shape) + offset
    found = estimate_noise(noisy).std(truth + offset)
    assert_allclose(found, np.sqrt(gain * truth + floor), rtol=0.06)


def test_cosmic_rays_do_not_count_as_noise():
    rng = np.random.default_rng(4)
    noisy = mixture(rng) + rng.standard_normal((400, 200))
    noisy[rng.random(noisy.shape) < 0.001] += 500
    assert_allclose(estimate_noise(noisy).std(noisy.mean(0)), 1.0, rtol=0.06)


def test_noise_needs_spectra():
    with pytest.raises(InputError, match="16 channels or more"):
        estimate_noise(np.zeros((3, 8)))


def test_the_components_are_those_of_an_independent_decomposition():
    rng = np.random.default_rng(5)
    truth = mixture(rng)
    noisy = truth + rng.standard_normal(truth.shape)
    parts = find_components(MeasuredSpectra.of_rows(noisy), NoiseModel(0.0, 1.0, 1.0), np.ones((400, 1)))
    assert len(parts.components) == 3 and parts.noise_factor == 1.0
    assert_allclose(parts.components[0], 1 / np.sqrt(200))
    centred = noisy - noisy.mean(1, keepdims=True)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    expected = (left[:, :2] * values[:2]) @ right[:2] + noisy.mean(1, keepdims=True)
    every = slice(0, 400)
    found = (parts.scores(noisy, every) @ parts.components) * parts.by_pixel * parts.by_channel
    assert_allclose(found, expected, atol=1e-8)
    assert_allclose(parts.singular_values[1:], values[:2])
    assert parts.certain.all()


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_has_no_components(seed):
    noise = np.random.default_rng(seed).standard_normal((500, 120)) + 7
    assert (
        len(find_components(MeasuredSpectra.of_rows(noise), NoiseModel(0.0, 1.0, 1.0), np.ones((500, 1))).components)
        == 1
    )


def test_correlated_noise_is_not_taken_for_structure():
    rng = np.random.default_rng(6)
    white = rng.standard_normal((600, 202))
    noise = white[:, 1:-1] + 0.3 * (white[:, :-2] + white[:, 2:])
    parts = find_components(MeasuredSpectra.of_rows(noise), estimate_noise(noise), np.ones((600, 1)))
    assert len(parts.components) <= 3


def test_a_component_that_only_neighbours_together_show_is_found():
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:30, :30]
    strong, weak = np.sin(x / 5.0), np.cos(y / 6.0)
    rows = np.stack([strong.ravel() * 3, weak.ravel() * 0.3], 1) @ np.stack([band(60), band(120)])
    noisy = rows + rng.standard_normal((900, 200))
    ones, model = np.ones((900, 1)), NoiseModel(0.0, 1.0, 1.0)
    assert len(find_components(MeasuredSpectra.of_rows(noisy), model, ones).components) == 2
    parts = find_components(MeasuredSpectra(noisy.reshape(30, 30, -1), np.ones((30, 30), bool)), model, ones, 1.0)
    assert len(parts.components) == 3
    assert abs(parts.components[2] @ band(120)) > 0.7 * np.linalg.norm(band(120))
    # By itself no pixel shows it.
    assert parts.certain[2] and parts.shares[2] == 0


def test_noise_that_neighbours_share_is_no_component():
    rng = np.random.default_rng(9)
    y, x = np.mgrid[:30, :30]
    noise = gaussian_filter(rng.standard_normal((30, 30, 200)), (0.7, 0.7, 0)).reshape(900, 200)
    noisy = 3 * np.sin(x / 5.0).reshape(900, 1) * band(60) + noise / noise.std()
    cube = MeasuredSpectra(noisy.reshape(30, 30, -1), np.ones((30, 30), bool))
    parts = find_components(cube, NoiseModel(0.0, 1.0, 1.0), np.ones((900, 1)), 1.0)
    assert parts.certain.sum() == 2


def test_the_noise_of_a_pixel_is_that_of_its_surroundings_or_of_all():
    shot = NoiseModel(1.0, 0.0, 1e-3)
    assert_allclose(noise_by_pixel(10.0, shot, np.linspace(8, 12, 6)), np.sqrt(10.0))
    uneven = np.linspace(1, 100, 6)
    assert_allclose(noise_by_pixel(10.0, shot, uneven)[:, 0], np.sqrt(uneven))


def test_like_pixels_are_averaged_and_others_are_not():
    rng = np.random.default_rng(7)
    scores = rng.standard_normal((20, 24, 2))
    scores[:, 12:] += 40  # an edge
    scores[5, 5] -= 60  # a single pixel
    present = np.ones((20, 24), bool)
    present[3] = False
    average, spread = bilateral_filter(scores, present)
    truth = np.zeros_like(scores)
    truth[:, 12:], truth[5, 5] = 40, -60
    error = average - truth
    assert np.abs(error[5, 5]).max() < 3.5 and spread[5, 5] > 0.9
    inside = present.copy()
    inside[5, 5] = False
    assert (error[inside] ** 2).mean() < 0.15
    # The edge is as well kept as the rest.
    assert (error[4:, 11:13] ** 2).mean() < 0.2
    # The variance that is told is the variance that is there.
    assert 0.5 < (error[inside] ** 2).mean() / spread[inside].mean() < 2.5


def test_averages_are_the_weighted_means_that_the_definition_says():
    rng = np.random.default_rng(8)
    scores, present = 0.1 * rng.standard_normal((4, 5, 3)), np.ones((4, 5), bool)
    present[2, 2] = False
    average, _ = bilateral_filter(scores, present, reach=1.5)
    # So alike that only nearness counts.
    places = np.argwhere(present)
    for here in places:
        weights = np.exp(-((places - here) ** 2).sum(1) / (2 * 1.5**2))
        expected = (weights[:, None] * scores[tuple(places.T)]).sum(0) / weights.sum()
        assert_allclose(average[tuple(here)], expected, atol=1e-12)


def smoothing(spectra, noise):
    """A stand-in for the network: a moving average of nine channels."""
    kernel = np.full(9, 1 / 9)
    padded = np.pad(spectra, ((0, 0), (4, 4)), mode="edge")
    return np.stack([np.convolve(row, kernel, "valid") for row in padded]), noise / 3


def identity(spectra, noise):
    return spectra, noise


def test_a_map_comes_out_better_than_its_spectra_one_by_one():
    rng = np.random.default_rng(10)
    amounts = np.zeros((20, 30, 2))
    amounts[:, :15, 0], amounts[:, 15:, 1] = 1.0, 0.7
    truth = 20 + 20 * amounts @ np.stack([band(60), band(120)])
    cube = truth + 2 * rng.standard_normal(truth.shape)
    noise_model, present = NoiseModel(0.0, 4.0, 4.0), np.ones((20, 30), bool)
    flat = truth.reshape(-1, 200)
    together = denoise_map(cube, present, noise_model, identity, {})
    by_itself = alone(cube.reshape(flat.shape), noise_model, smoothing)
    assert ((together.spectra - flat) ** 2).mean() < 0.1 * ((by_itself.spectra - flat) ** 2).mean()


def test_what_is_in_one_pixel_only_is_not_lost():
    rng = np.random.default_rng(11)
    truth = np.tile(20 + 20 * band(60), (20, 30, 1))
    truth[8, 9] += 9 * band(150)  # under no component: 9 of noise 2, in 600 pixels
    cube = truth + 2 * rng.standard_normal(truth.shape)
    found = denoise_map(cube, np.ones((20, 30), bool), NoiseModel(0.0, 4.0, 4.0), smoothing, {})
    height = found.spectra.reshape(truth.shape)[8, 9, 145:156].mean() - 20
    assert height > 0.6 * 9 * band(150)[145:156].mean()


def test_what_is_in_one_pixel_only_is_as_certain_as_a_spectrum_by_itself():
    rng = np.random.default_rng(11)
    truth = np.tile(20 + 20 * band(60), (20, 30, 1))
    truth[8, 9] += 200 * band(150)
    cube = (truth + 2 * rng.standard_normal(truth.shape)).reshape(-1, 200)
    common = Estimate(np.tile(20 + 20 * band(60), (600, 1)), np.full((600, 200), 0.5), np.full((600, 200), 2.0))
    calibrations = Calibrations(lambda deviation, _: 3 * deviation, lambda deviation, noise: 5 * deviation + noise)
    found = with_exceptions(cube, common, smoothing, calibrations)
    particle = 8 * 30 + 9
    assert_allclose(found.std[particle, 140:160], 5 * 2 / 3 + 2, rtol=0.02)
    assert_allclose(np.delete(found.std, particle, 0), 1.5)
    assert_allclose(found.spectra, with_exceptions(cube, common, smoothing).spectra)
    assert (common.std == 0.5).all()


def test_gaps_and_small_maps():
    rng = np.random.default_rng(12)
    cube = 20 + rng.standard_normal((6, 7, 200))
    present = rng.random((6, 7)) < 0.7
    cube[~present] = np.nan
    found = denoise_map(cube, present, NoiseModel(0.0, 1.0, 1.0), smoothing, {})
    assert found.spectra.shape == (present.sum(), 200) and np.isfinite(found.spectra).all()
    one = denoise_map(cube[present][0], np.ones((), bool), NoiseModel(0.0, 1.0, 1.0), smoothing, {})
    assert one.spectra.shape == (1, 200)


def test_calibration_mends_deviations_that_are_off():
    rng = np.random.default_rng(13)
    cases = [
        Case(rng.standard_normal(20000) * np.hypot(1.7 * d, 0.05 * n), np.full(20000, d), np.full(20000, n))
        for d, n in ((1.0, 1.0), (0.02, 1.0), (0.1, 3.0))
    ]
    assert coverage(cases[1]) < 0.6
    settings = fit_calibration([case] for case in cases)
    assert all(abs(coverage(case, **settings) - 0.9) < 0.02 for case in cases)
    # The factor alone comes near to all three, as far as it can.
    factor = fit_factor([case] for case in cases[::2])
    assert 1.7 < factor < np.hypot(1.7, 0.05 * 3 / 0.1)
    assert all(abs(coverage(case, factor) - 0.9) < 0.06 for case in cases[::2])


def test_repeated_noise_finds_a_known_deviation():
    output, noise = np.zeros((400, 50)), np.full((400, 50), 3.0)
    assert_allclose(parametric_bootstrap(lambda x: 0.5 * x, output, noise).mean(), 1.5, rtol=0.05)
