"""Maps made finer with nothing trained by the user: positions, gaps, marks, uncertainty, and what is refused."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import deeper_jax
from deeper_jax.enhancement.finer_map import _unit_between
from deeper_jax.enhancement.map_denoiser import SPLITS
from deeper_jax.errors import InputError
from deeper_jax.evaluation.upsampling import upsample
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.maps import raman_map
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER

AXIS = np.linspace(600.0, 1800.0, 120)


def bands(*centres):
    return np.exp(-0.5 * ((AXIS - np.array(centres)[:, None]) / 15) ** 2)


def scene(size=36):
    """A smooth sample with an edge, [H, W, L] expected counts."""
    y, x = np.mgrid[:size, :size]
    images = np.stack([2 + np.sin(x / 6), 2 + np.cos(y / 5), 3.0 * (np.hypot(y - 18, x - 16) < 9)], -1)
    return 15 + 12 * images @ bands(800, 1100, 1450)


@pytest.fixture(scope="module")
def coarse():
    truth = scene()
    low = np.random.default_rng(0).poisson(truth[1::2, 1::2]).astype(np.float64)
    return truth, low, raman_map(low, AXIS, y=10 + 2.0 * np.arange(18), x=-5 - 4.0 * np.arange(18))


@pytest.fixture(scope="module")
def finer(coarse):
    return deeper_jax.enhance(coarse[2], scale=2)


def test_it_lies_where_the_map_lies(coarse, finer):
    assert finer["intensity"].shape == (36, 36, 120)
    assert_allclose(finer["y"].values[1::2], coarse[2]["y"].values)
    assert_allclose(finer["x"].values[1::2], coarse[2]["x"].values)
    assert_allclose(np.diff(finer["x"].values), -2.0)
    assert finer.attrs["scale"] == "[2, 2]" and finer.attrs["raster_offset"] == "[1, 1]"
    assert_array_equal(finer["measured"].values, coarse[1])
    assert finer["denoised"].dims == ("y_measured", "x_measured", "wavenumber")
    assert finer["component_scores"].dims == ("y_measured", "x_measured", "component")
    assert_allclose(finer["intensity"].values[1::2, 1::2], finer["denoised"].values, rtol=1e-9)


def test_the_companion_is_asked_for_each_split_and_for_the_scan_once(coarse, finer, monkeypatch):
    restore, turned = LoadedMapRestorer.restore, []

    def counted(*arguments, **settings):
        turned.append(settings.get("turned", False))
        return restore(*arguments, **settings)

    monkeypatch.setattr(LoadedMapRestorer, "restore", counted)
    assert_array_equal(deeper_jax.enhance(coarse[2], scale=2)["intensity"], finer["intensity"])
    assert sum(turned) == SPLITS + 1


def test_it_is_nearer_to_the_truth_than_the_interpolated_scan(coarse, finer):
    truth, low, _ = coarse
    error = ((finer["intensity"].values - truth) ** 2).mean()
    assert error < 0.3 * ((upsample(low, "bicubic", 2, 1) - truth) ** 2).mean()
    assert error < 1.1 * ((upsample(finer["denoised"].values, "bicubic", 2, 1) - truth) ** 2).mean()


def test_in_the_measured_pixels_the_companion_is_asked_too(coarse, finer):
    shares = next(step for step in json.loads(finer.attrs["steps"]) if step["name"] == "denoise")["components"]
    assert list(shares) == ["as measured", "similar pixels", "network", "companion"]
    assert_allclose(np.sum(list(shares.values()), axis=0), 1.0, atol=0.03)
    assert max(shares["companion"][1:]) > 0.2
    truth = coarse[0][1::2, 1::2]
    errors = [((each - truth) ** 2).mean() for each in (finer["denoised"], deeper_jax.enhance(coarse[2])["intensity"])]
    assert errors[0] < 1.02 * errors[1]


def test_the_uncertainty_is_about_right_in_measured_pixels_and_in_new_ones(coarse, finer):
    inside = np.abs(finer["intensity"].values - coarse[0]) < 1.645 * finer["uncertainty"].values
    new = np.ones((36, 36), bool)
    new[1::2, 1::2] = False
    assert 0.75 < inside[~new].mean() < 0.99 and 0.75 < inside[new].mean() < 0.99


def test_where_the_noise_rises_along_the_map_so_does_the_unit_between_its_pixels():
    """Scores of one sample all over, in units of noise that doubles from pixel to pixel; a gap tells nothing."""
    present = np.ones((3, 5), bool)
    present[1, 2:4] = False
    unit = np.broadcast_to(2.0 ** np.arange(5), (3, 5))
    found = _unit_between(unit[present][:, None], present, Raster((1, 4), (0, 1)))[..., 0]
    linear = np.interp(np.arange(20) - 1, 4 * np.arange(5), unit[0])
    assert_allclose(found[[0, 2]], [linear] * 2)
    # Beside a gap the measured pixel speaks alone, up to the middle between the two.
    empty = np.isnan(found[1])
    assert_array_equal(np.flatnonzero(~empty), [0, 1, 2, 3, 4, 5, 6, 15, 16, 17, 18, 19])
    assert_allclose(found[1, [5, 6, 15, 17]], [2.0, 2.0, 16.0, 16.0])


def test_gaps_stay_empty_and_a_particle_is_kept(coarse):
    low = coarse[1].copy()
    low[4:9, 6:12] = np.nan
    low[12, 3] += 200 * bands(1650)[0]
    restorer = deeper_jax.load(DEFAULT_RESTORER)
    result = deeper_jax.enhance(raman_map(low, AXIS), scale=(2, 1), cosmic_rays="keep", restorer=restorer)
    intensity = result["intensity"].values
    assert intensity.shape == (36, 18, 120)
    assert np.isnan(intensity[9:17, 6:12]).all() and np.isfinite(intensity[0:8]).all()
    line = np.abs(AXIS - 1650).argmin()
    assert intensity[25, 3, line] > 150
    # Half as high between that pixel and the next, and known to be a guess there.
    assert 60 < intensity[24, 3, line] < 140
    # Nearly half of the guess.
    assert result["uncertainty"].values[24, 3, line] > 0.46 * intensity[24, 3, line]


def test_arrays_in_and_out_in_the_order_of_their_channels(coarse, finer):
    falling = deeper_jax.restore(coarse[1][..., ::-1], AXIS[::-1], scale=2)
    assert_allclose(falling.spectra[..., ::-1], finer["intensity"].values, rtol=1e-6)
    assert falling.uncertainty.shape == falling.spectra.shape and falling.flagged.shape == (18, 18, 120)


def test_a_network_of_another_kind_is_refused(coarse):
    with pytest.raises(InputError, match="not a map restorer"):
        deeper_jax.enhance(coarse[2], scale=2, restorer=deeper_jax.load())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"scale": 0}, "from 1 to 4"),
        ({"scale": 5}, "from 1 to 4"),
        ({"scale": 2.0}, "from 1 to 4"),
        ({"scale": (2, 3, 4)}, "from 1 to 4"),
        ({"scale": 2, "use_map": False}, "use_map"),
        ({"scale": 2, "super_resolver": "run"}, "choose one of the two"),
    ],
)
def test_what_cannot_be_is_one_sentence(coarse, options, match):
    with pytest.raises(InputError, match=match):
        deeper_jax.enhance(coarse[2], **options)


def test_only_maps_can_be_made_finer(coarse):
    with pytest.raises(InputError, match="Only a map"):
        deeper_jax.enhance(raman_map(coarse[1][0], AXIS), scale=2)
    with pytest.raises(InputError, match="one position"):
        deeper_jax.enhance(raman_map(coarse[1][:1], AXIS), scale=2)
    noise = np.random.default_rng(1).normal(10, 1, (8, 9, 120))
    with pytest.raises(InputError, match="nothing in common"):
        deeper_jax.enhance(raman_map(noise, AXIS), scale=2)
