"""Preprocessing against SciPy, pybaselines and simulated truth."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from paths import SHARED
from pybaselines import Baseline
from scipy import ndimage

from deeper_jax.errors import InputError
from deeper_jax.simulator import SimulatorConfig
from deeper_jax.simulator.detector import add_cosmic_rays
from deeper_jax.spectra import preprocessing as pp

AXIS = np.linspace(500.0, 1800.0, 500)


def noisy_spectra(seed, shape=(4, 500), level=50.0):
    return np.random.default_rng(seed).normal(level, 5.0, shape).astype(np.float32)


@pytest.mark.parametrize("window", [1, 3, 8, 57, 301])
@pytest.mark.parametrize("length", [5, 500])
def test_moving_extremes_equal_scipy(window, length):
    x = noisy_spectra(window, (2, 3, length))
    size = min(2 * (window // 2) + 1, 2 * length - 1)
    np.testing.assert_array_equal(
        pp.moving_maximum(x, window),
        ndimage.maximum_filter1d(x, size, axis=-1, mode="constant", cval=-np.inf),
    )
    np.testing.assert_array_equal(
        pp.moving_minimum(x, window), ndimage.minimum_filter1d(x, size, axis=-1, mode="constant", cval=np.inf)
    )


def test_smoothing_equals_scipy():
    x = noisy_spectra(0)
    np.testing.assert_allclose(
        pp.moving_mean(x, 31), ndimage.uniform_filter1d(x.astype(float), 31, mode="reflect"), rtol=2e-6
    )
    np.testing.assert_allclose(
        pp.gaussian_smooth(x, 1.7), ndimage.gaussian_filter1d(x.astype(float), 1.7, mode="reflect"), rtol=2e-6
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_envelope_equals_scipy_and_pybaselines(seed):
    x = noisy_spectra(seed) + 80 * np.exp(-(((AXIS - 1450) / 20) ** 2)).astype(np.float32) + 0.05 * AXIS
    x = x.astype(np.float32)
    opened = ndimage.grey_opening(x, size=(1, 61))
    np.testing.assert_array_equal(pp.lower_envelope(x, 61), opened)
    ours = np.asarray(pp.lower_envelope(x, 61, smoothing=21))
    for spectrum, baseline in zip(x, ours, strict=True):
        theirs, _ = Baseline(AXIS).rolling_ball(spectrum, half_window=30, smooth_half_window=10)
        # The ends differ: pybaselines extrapolates, we mirror.
        np.testing.assert_allclose(baseline[60:-60], theirs[60:-60], rtol=1e-5)


def subtracted(spectra, axis, width, smoothing, presmoothing):
    return pp.subtract_background(spectra, axis, "rolling_ball", width, smoothing, presmoothing)[0]


def test_subtraction_takes_widths_in_wavenumbers():
    x = noisy_spectra(3)
    step = (AXIS[-1] - AXIS[0]) / 499
    expected = x - pp.lower_envelope(x, 2 * round(200 / step / 2) + 1, 2 * round(50 / step / 2) + 1)
    np.testing.assert_allclose(subtracted(x, AXIS, 200.0, 50.0, 0.0), expected, atol=1e-4)
    half = subtracted(x[:, ::2], AXIS[::2], 200.0, 50.0, 0.0)
    assert half.shape == (4, 250)


def test_envelope_leaves_a_pedestal_that_presmoothing_lowers():
    x = noisy_spectra(4, (50, 500))
    means = [float(subtracted(x, AXIS, 200.0, 100.0, p).mean()) for p in (0.0, 4.0, 12.0)]
    assert means[0] > 8.0 and means[0] > means[1] > means[2] > 0.0


def test_crop_keeps_the_range_and_refuses_an_empty_one():
    x = noisy_spectra(0)
    kept, axis = pp.crop(x, AXIS, 600.0, 1700.0)
    inside = (AXIS >= 600) & (AXIS <= 1700)
    np.testing.assert_array_equal(axis, AXIS[inside])
    np.testing.assert_array_equal(kept, x[:, inside])
    with pytest.raises(InputError, match="500.0 to 1800.0"):
        pp.crop(x, AXIS, 2000.0, 3000.0)


def test_normalise_by_each_rule():
    x = np.abs(noisy_spectra(1, (3, 4, 50)))
    np.testing.assert_allclose(pp.normalise(x), x / x.max(-1, keepdims=True), rtol=1e-6)
    low = x - x.min(-1, keepdims=True)
    np.testing.assert_allclose(pp.normalise(x, "range"), low / low.max(-1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(pp.normalise(x, "area"), x / x.sum(-1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(pp.normalise(x, "global_max"), x / x.max(), rtol=1e-6)
    with pytest.raises(InputError, match="'sum'"):
        pp.normalise(x, "sum")


@pytest.mark.parametrize("by", pp.NORMALISATIONS)
@pytest.mark.parametrize("length", [1, 2, 4, 500])
def test_degenerate_spectra_never_give_nan(by, length):
    steps = [*pp.PUBLISHED_STEPS[:2], {"name": "normalise", "by": by}]
    for value in (0.0, 7.0, -3.0):
        out, _ = pp.apply_steps(np.full((2, length), value), np.linspace(500, 1800, length), steps)
        assert out.shape == (2, length) and np.isfinite(out).all()


@pytest.mark.parametrize(("level", "noise"), [(7.0, 1.45), (100.0, 5.0)])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_cosmic_rays_go_and_the_rest_stays(level, noise, width):
    rng = np.random.default_rng(width)
    signal = level * (1 + 0.8 * np.exp(-(((AXIS - 1450) / 20) ** 2)))
    clean = np.round(signal + rng.normal(0, noise, (60, 500)))
    spiked = clean.copy()
    place = rng.integers(0, 500 - width, 60)
    for row, start in enumerate(place):
        spiked[row, start : start + width] += 5 * level * np.array([1.0, 0.6, 0.4])[:width]
    out = np.asarray(pp.remove_cosmic_rays(jnp.asarray(spiked, jnp.float32)))
    hit = spiked != clean
    # A weak flank on top of a low channel may pass for noise; nothing higher may stay.
    assert np.abs(out - signal)[hit].max() < 8 * noise
    assert (np.abs(out - signal)[hit] > 4 * noise).mean() < 0.05
    assert (out != spiked)[~hit].mean() < 1e-4


def test_high_channel_beside_a_ray_is_not_replaced_by_the_ray():
    # The first channel is noise, high enough to be taken for the ray's flank; its neighbour is the ray.
    rng = np.random.default_rng(0)
    clean = np.round(150 + rng.normal(0, 3.0, (1, 500)))
    clean[0, 43:48] = [171, 154, 151, 155, 150]
    spiked = clean.copy()
    spiked[0, 44:47] += [1190, 3970, 2380]
    out = np.asarray(pp.remove_cosmic_rays(jnp.asarray(spiked, jnp.float32)))
    assert np.abs(out - 150)[0, 40:50].max() < 25


@pytest.mark.parametrize("distance", [0, 10])
@pytest.mark.parametrize(("level", "readouts"), [(20.0, 1), (200.0, 10)])
def test_no_ray_of_the_simulator_is_left(level, readouts, distance):
    # Every spectrum is hit, some twice at a distance: as many rays as in hundreds of simulated cells.
    rng = np.random.default_rng(readouts)
    band = np.exp(-4 * np.log(2) * ((AXIS - 1003) / 11) ** 2) + np.exp(-(((AXIS - 1450) / 18) ** 2))
    truth = level * (1 + np.linspace(0.3, 0, 500) + rng.uniform(0, 1, (4000, 1)) * band)
    variance = 0.2 * truth + 0.6 * readouts
    clean = np.round(rng.normal(truth, np.sqrt(variance))).astype(np.float32)
    numbers = rng.uniform(0, 1, (4, 4000)).astype(np.float32)
    spiked = add_cosmic_rays(numbers, clean, truth, 1.0, SimulatorConfig().cosmic_height)
    if distance:
        numbers[1] = (numbers[1] + distance / 500) % 1
        spiked = add_cosmic_rays(numbers, spiked, truth, 1.0, SimulatorConfig().cosmic_height)
    spiked = np.asarray(spiked)
    out = np.asarray(pp.remove_cosmic_rays(spiked))
    assert (spiked - truth).max() > 10 * truth.max()
    # Under a ray on top of a band the band is cut, never more.
    assert ((out - truth) / np.sqrt(variance)).max() < 10
    assert np.abs(out - truth).max() < 0.7 * level
    assert (out != spiked)[spiked == clean].mean() < 1e-4


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sharp_band_is_no_cosmic_ray(seed):
    # Phe at 1003, as narrow as the resolution, as high as everything else together, at both noise levels.
    rng = np.random.default_rng(seed)
    band = np.exp(-4 * np.log(2) * ((AXIS - 1003) / 11) ** 2) + 0.6 * np.exp(-(((AXIS - 1450) / 18) ** 2))
    for scale, noise in ((100.0, 5.0), (5.0, 1.4), (1000.0, 1.0)):
        x = (scale * band + rng.normal(0, noise, (50, 500))).astype(np.float32)
        near = np.abs(AXIS - 1003) < 20
        np.testing.assert_array_equal(np.asarray(pp.remove_cosmic_rays(x))[:, near], x[:, near])


def test_real_pairs_are_hardly_touched():
    path = SHARED / "data" / "cell_pairs_real.npz"
    if not path.exists():
        pytest.skip("the real cell pairs are not beside the project")
    pairs = np.load(path)
    for name in ("low", "high"):
        x = pairs[name].astype(np.float32)
        assert (np.asarray(pp.remove_cosmic_rays(x)) != x).mean() < 1e-4


def test_steps_compose_survive_json_and_jit():
    x = np.abs(noisy_spectra(5, (2, 3, 500)))
    steps = json.loads(json.dumps([{"name": "crop", "low": 600, "high": 1750.5}, *pp.PUBLISHED_STEPS]))
    out, axis = pp.apply_steps(x, AXIS, steps)
    cropped, expected_axis = pp.crop(x, AXIS, 600, 1750.5)
    by_hand = subtracted(pp.remove_cosmic_rays(cropped), expected_axis, pp.WIDTH, pp.SMOOTHING, pp.PRESMOOTHING)
    np.testing.assert_allclose(out, by_hand, atol=1e-4)
    np.testing.assert_array_equal(axis, expected_axis)
    compiled = jax.jit(lambda s: pp.apply_steps(s, AXIS, steps)[0])(x)
    np.testing.assert_allclose(compiled, out, atol=1e-4)
    # Whole images and single spectra give the same numbers.
    np.testing.assert_allclose(pp.apply_steps(x[1, 2], AXIS, steps)[0], out[1, 2], atol=1e-4)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("crop", "dictionary"),
        ({"by": "max"}, "'name'"),
        ({"name": "smooth"}, "expected one of crop"),
        ({"name": "crop", "low": 600}, "lacks high"),
        ({"name": "crop", "low": "600", "high": 1800}, "number"),
        ({"name": "normalise", "by": "peak"}, "expected one of max"),
        ({"name": "normalise", "axis": 1}, "unknown parameter 'axis'"),
        ({"name": "subtract_background", "method": "arpls"}, "rolling_ball"),
        ({"name": "subtract_background", "width": -5}, "not negative"),
        ({"name": "subtract_background", "width": float("nan")}, "not negative"),
        ({"name": "remove_cosmic_rays", "channels": 2.5}, "whole number"),
        ({"name": "remove_cosmic_rays", "channels": True}, "number"),
        ({"name": ["crop"]}, "expected one of crop"),
    ],
)
def test_wrong_steps_are_refused(step, message):
    with pytest.raises(InputError, match=message) as error:
        pp.validate_steps([{"name": "normalise"}, step])
    assert "step 2" in str(error.value)


def test_steps_that_are_no_list_are_refused():
    with pytest.raises(InputError, match="list"):
        pp.validate_steps({"name": "normalise"})


def test_axis_must_fit():
    with pytest.raises(InputError, match="499"):
        pp.apply_steps(noisy_spectra(0), AXIS[:-1], [])


def test_minimum_method_brings_every_minimum_to_zero():
    out, _ = pp.apply_steps(noisy_spectra(0), AXIS, [{"name": "subtract_background", "method": "minimum"}])
    np.testing.assert_array_equal(np.asarray(out).min(-1), 0.0)


def test_what_was_removed_is_said_with_its_place(caplog):
    axis = np.arange(400.0, 1000.0, 3.0)
    spectra = np.random.default_rng(0).normal(100, 2, (6, 200)).astype(np.float32)
    spectra[2, 50] += 900
    spectra[4, 120:122] += 700
    with caplog.at_level("WARNING", "deeper_jax"):
        out, _ = pp.apply_steps(spectra, axis, [{"name": "remove_cosmic_rays"}])
    assert np.argwhere(np.asarray(out) != spectra).tolist() == [[2, 50], [4, 120], [4, 121]]
    assert "changed 3 channels of 2 of 6 spectra" in caplog.text
    assert "550 (1), 760 (1), 763 (1)" in caplog.text
    caplog.clear()
    pp.apply_steps(np.asarray(out), axis, [{"name": "remove_cosmic_rays"}])
    assert not caplog.records
    jax.jit(lambda x: pp.apply_steps(x, axis, [{"name": "remove_cosmic_rays"}])[0])(spectra)
    assert not caplog.records
