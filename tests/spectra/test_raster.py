"""The raster keeps the right pixels, and binning the right channels."""

import numpy as np
import pytest

from deeper_jax.errors import InputError
from deeper_jax.spectra.raster import (
    bin_spectra,
    crop_to_multiple,
    default_patch,
    default_raster_offset,
    downsample,
    raster_offset_choices,
)


def numbered(height, width, length=2):
    """Pixel (i, j) holds 100 i + j in every channel."""
    return np.add.outer(100 * np.arange(height), np.arange(width))[..., None] * np.ones(length)


def test_raster_by_hand():
    low = downsample(numbered(6, 9), 3, 1)
    np.testing.assert_array_equal(low[..., 0], [[101, 104, 107], [401, 404, 407]])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_low_resolution_pixel_is_the_high_resolution_one_at_its_place(scale):
    image = np.random.default_rng(scale).random((2, 5 * scale, 3 * scale, 4))
    for raster_offset in range(scale):
        low = downsample(image, scale, raster_offset)
        assert low.shape == (2, 5, 3, 4)
        for i, j in np.ndindex(5, 3):
            np.testing.assert_array_equal(low[:, i, j], image[:, raster_offset + i * scale, raster_offset + j * scale])


def test_starts_and_patches_of_the_scales():
    assert [default_raster_offset(scale) for scale in (2, 3, 4)] == [1, 1, 1]
    assert [raster_offset_choices(scale) for scale in (2, 3, 4)] == [(1,), (1,), (1, 2)]
    assert [default_patch(scale) for scale in (2, 3, 4)] == [64, 63, 64]
    with pytest.raises(InputError, match=r"scale: found 5.*\(2, 3, 4\)"):
        default_raster_offset(5)


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(InputError, match="64 x 64.*multiples of the scale 3; crop to 63 x 63"):
        downsample(np.zeros((64, 64, 1)), 3, 1)
    with pytest.raises(ValueError, match="raster_offset"):
        downsample(np.zeros((4, 4, 1)), 2, 2)
    assert crop_to_multiple(numbered(7, 8), 3).shape == (6, 6, 2)
    with pytest.raises(InputError):
        crop_to_multiple(numbered(2, 8), 3)


@pytest.mark.parametrize(("length", "kept", "factor"), [(12, 4, 3), (13, 5, 2), (500, 50, 10), (7, 7, 1)])
def test_bins_are_means_of_neighbouring_channels(length, kept, factor):
    image = np.random.default_rng(0).random((2, 3, length)).astype(np.float32)
    axis = np.linspace(500, 1800, length)
    binned, wavenumbers = bin_spectra(image, axis, kept)
    assert binned.shape == (2, 3, kept) and binned.dtype == np.float32
    for channel in range(kept):
        window = slice(channel * factor, (channel + 1) * factor)
        np.testing.assert_allclose(binned[..., channel], image[..., window].astype(float).mean(-1), rtol=1e-6)
        np.testing.assert_allclose(wavenumbers[channel], axis[window].mean(), rtol=1e-12)
    assert bin_spectra(image, None, kept)[1] is None


@pytest.mark.parametrize("length", [0, 11])
def test_impossible_bins(length):
    with pytest.raises(InputError, match="binning"):
        bin_spectra(np.zeros((1, 1, 10)), None, length)
