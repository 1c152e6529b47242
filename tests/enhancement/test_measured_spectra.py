"""Maps in blocks: whatever their size, the answer is that of the whole map at once."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter
from tiny_models import spectra_of_bands, tiny_denoiser

import deeper_jax
from deeper_jax.enhancement import blocks, checked_spectra, measured_spectra
from deeper_jax.enhancement.blocks import slices_of
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.maps import raman_map


@pytest.fixture
def with_gaps():
    rng = np.random.default_rng(0)
    cube, present = rng.standard_normal((9, 7, 20)).astype(np.float32), rng.random((9, 7)) < 0.7
    cube[~present] = np.nan
    return cube, present


def test_rows_are_the_spectra_that_were_measured(with_gaps):
    cube, present = with_gaps
    spectra = MeasuredSpectra(cube, present)
    expected = cube[present].astype(np.float64)
    assert spectra.shape == expected.shape
    assert_array_equal(np.concatenate([spectra.rows(rows) for rows in spectra.blocks(60)]), expected)
    assert_array_equal(spectra.take(np.array([7, 2, 2])), expected[[7, 2, 2]])
    assert_allclose(spectra.means()[0], expected.mean(1))
    assert_allclose(spectra.means()[1], expected.mean(0), atol=1e-12)
    assert spectra.extremes() == (expected.min(), expected.max())
    spectra.replace({3: np.arange(20.0)})
    assert_array_equal(spectra.rows(slice(2, 5))[1], np.arange(20.0))
    assert_array_equal(spectra.take(np.array([0, 3]))[1], np.arange(20.0))
    assert_array_equal(spectra.as_measured(slice(3, 4)), cube[present][3:4])


@pytest.mark.parametrize("slab", [1, 400, 1 << 22])
def test_smoothing_in_slabs_is_that_of_the_whole_map(with_gaps, monkeypatch, slab):
    monkeypatch.setattr(measured_spectra, "_SLAB", slab)
    cube, present = (np.repeat(each, 3, 0) for each in with_gaps)
    parts = list(MeasuredSpectra(cube, present).smoothed(1.0, lambda block, rows: block * 2))
    assert len(parts) == {1: 4, 400: 4, 1 << 22: 1}[slab]
    weights = gaussian_filter(present.astype(float), 1.0)
    whole = gaussian_filter(2 * np.where(present[..., None], cube.astype(np.float64), 0.0), (1, 1, 0))
    assert_allclose(np.concatenate([near for _, near in parts]), (whole / weights[..., None])[present], atol=1e-12)
    assert_array_equal(np.concatenate([own for own, _ in parts]), 2 * cube[present].astype(np.float64))


def test_slices_cover_all_rows():
    assert slices_of(7, 10, 30, start=5) == [slice(5, 8), slice(8, 11), slice(11, 12)]
    assert slices_of(2, 10, 1) == [slice(0, 1), slice(1, 2)]


def test_a_map_in_tiny_blocks_is_enhanced_as_at_once(monkeypatch):
    values, axis = spectra_of_bands(24, 9, noise=2.0)
    values[4, 5, 30] += 900.0
    values[10, 2:5] = np.nan
    given, model = raman_map(values, axis), tiny_denoiser()
    whole = deeper_jax.enhance(given, model)
    assert whole.attrs["spectra"] == 24 * 9 - 3 and '"whole_map": true' in whole.attrs["steps"]
    for module, name, size in ((blocks, "_BLOCK", 300), (checked_spectra, "TOGETHER", 900)):
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(measured_spectra, "_SLAB", 1)
    parts = deeper_jax.enhance(given, model)
    noise = whole.attrs["noise_rms"]
    for name in ("intensity", "uncertainty"):
        assert_allclose(parts[name], whole[name], atol=1e-6 * noise, rtol=0)
    for name in ("flagged", "cosmic_ray", "cosmic_ray_removed", "measured"):
        assert_array_equal(parts[name], whole[name])


def test_the_measured_values_are_not_copied_and_cannot_be_changed_by_mistake():
    values, axis = spectra_of_bands(5, 6, noise=2.0)
    given, model = raman_map(values, axis), tiny_denoiser()
    result = deeper_jax.enhance(given, model, use_map=False)
    assert np.shares_memory(result["measured"].values, given.values)
    with pytest.raises(ValueError, match="is a view|read-only"):
        result["measured"][0, 0] = 0.0
    given[0, 0] = 7.0  # a place where nothing was measured, which the answer shows as such
    result = deeper_jax.enhance(given, model, use_map=False)
    assert np.isnan(result["measured"][0, 0]).all() and (given[0, 0] == 7.0).all()
    assert_array_equal(result["measured"].values[1:], values[1:])
