"""Interpolation on a raster with gaps, against the registered upsampling methods and in both array libraries."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from deeper_jax.errors import InputError
from deeper_jax.evaluation.upsampling import upsample
from deeper_jax.spectra.interpolation import interpolate_raster
from deeper_jax.spectra.raster import Raster, finer_coordinates


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_without_gaps_it_is_the_registered_lanczos_interpolation(scale):
    coarse = np.random.default_rng(scale).standard_normal((9, 11, 3))
    raster = Raster.of((scale, scale))
    mask = raster.spread(np.ones((9, 11)))
    fine = interpolate_raster(np.moveaxis(raster.spread(coarse), -1, 0), mask, *raster)
    expected = upsample(coarse, "lanczos3", scale, 1)
    assert_allclose(np.moveaxis(fine, 0, -1), expected, atol=1e-12)


def test_two_lobes_ring_less_at_an_edge_than_three():
    """By hand: halfway between four pixels, Lanczos' kernel of two lobes is sinc(d) sinc(d / 2), normalised."""
    raster, edge = Raster((1, 2), (0, 0)), np.array([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    given = raster.spread(edge), raster.spread(np.ones(edge.shape)), *raster
    narrow, wide = (interpolate_raster(*given, lobes)[0, 1::2] for lobes in (2, 3))
    weights = np.sinc([1.5, 0.5, 0.5, 1.5]) * np.sinc([0.75, 0.25, 0.25, 0.75])
    assert_allclose(narrow[3], (weights[1:] / weights.sum()).sum())
    assert narrow.max() - 1 < wide.max() - 1 and narrow[4] == pytest.approx(1) and wide[4] < 0.98


def test_measured_pixels_keep_their_values_and_gaps_are_filled_from_around():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:20, :24]
    image = 1e4 + x + 2.0 * y
    present = rng.random((20, 24)) > 0.1
    present[8:10, 8:11] = False
    raster = Raster((2, 3), (1, 2))
    mask = raster.spread(present).astype(float)
    fine = interpolate_raster(raster.spread(np.where(present, image, 0.0)), mask, *raster)
    assert_array_equal(fine[raster.places][present], image[present])
    assert np.abs(fine[raster.places] - image)[2:-2, 2:-2].max() < 3.0


def test_both_array_libraries_agree():
    rng = np.random.default_rng(1)
    image = rng.standard_normal((4, 24, 24)).astype(np.float32)
    raster = Raster((3, 2), (2, 0))
    mask = raster.spread(rng.random((8, 12)) > 0.2).astype(np.float32)
    there = interpolate_raster(
        jnp.asarray(image * mask), jnp.asarray(mask), jnp.array(raster.step), jnp.array(raster.offset)
    )
    assert_allclose(there, interpolate_raster(image * mask, mask, *raster), atol=1e-5)


def test_coordinates_lie_where_the_raster_says():
    coarse = np.array([10.0, 12.0, 16.0])
    fine = finer_coordinates(coarse, 3, 1)
    assert_allclose(fine[1::3], coarse)
    assert_allclose(fine, [10 - 2 / 3, 10, 10 + 2 / 3, 12 - 2 / 3, 12, 12 + 4 / 3, 16 - 4 / 3, 16, 16 + 4 / 3])
    assert_array_equal(finer_coordinates(coarse, 1, 0), coarse)
    with pytest.raises(InputError, match="one position"):
        finer_coordinates(coarse[:1], 2, 1)
