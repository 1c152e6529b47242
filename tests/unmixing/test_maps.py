"""Maps of bands against integrals known in closed form, and false colours by hand."""

import matplotlib.colors
import numpy as np
import pytest

from deeper_jax.errors import InputError
from deeper_jax.simulator.config import default_wavenumbers
from deeper_jax.unmixing import band_area, false_colour_image, peak_intensity
from deeper_jax.unmixing.false_colour import PALETTE

AXIS = np.array([600.0, 604.0, 607.0, 615.0, 616.0, 630.0, 631.5, 640.0])
"""Uneven steps on purpose."""


def random_image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((3, 4, AXIS.size))


@pytest.fixture(params=["ascending", "descending"])
def turned(request):
    """What turns the last axis of an array into the order of the case."""
    return (lambda array: array) if request.param == "ascending" else (lambda array: array[..., ::-1])


def test_peak_intensity_is_linear_between_channels(turned):
    image = random_image()
    for peak in (600.0, 602.0, 611.5, 616.0, 639.9, 640.0):
        found = peak_intensity(turned(image), turned(AXIS), peak)
        expected = [[np.interp(peak, AXIS, spectrum) for spectrum in row] for row in image]
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_array_equal(peak_intensity(turned(image), turned(AXIS), 615.0), image[..., 3])


def test_peak_intensity_of_a_single_channel():
    np.testing.assert_array_equal(peak_intensity([[3.0], [4.0]], [1450.0], 1450), [3, 4])


def test_peak_intensity_does_not_hand_out_the_image_itself():
    image = random_image()
    peak_intensity(image, AXIS, 615.0)[:] = -1
    assert image.min() >= 0


def test_band_area_of_a_triangle(turned):
    """Height 2 at 615 on a base from 604 to 630: area 26; the ends in between cut off what geometry says."""
    triangle = np.interp(AXIS, [604, 615, 630], [0, 2, 0])
    spectra = turned(np.stack([triangle, -3 * triangle]))
    for low, high in ((604, 630), (600, 640), (602, 635)):
        np.testing.assert_allclose(band_area(spectra, turned(AXIS), low, high), [26, -78], rtol=1e-13)
    # 609.5 and 622.5 are half way up: what is left above the line is a triangle of height 1 on 13.
    np.testing.assert_allclose(band_area(spectra, turned(AXIS), 609.5, 622.5)[0], 6.5, rtol=1e-13)


def test_band_area_forgives_a_sloping_background(turned):
    image, slope = random_image(1), 5.0 - 0.03 * AXIS
    area = band_area(turned(image), turned(AXIS), 605.0, 633.0)
    np.testing.assert_allclose(band_area(turned(image + slope), turned(AXIS), 605.0, 633.0), area, atol=1e-12)
    assert area.shape == (3, 4) and np.abs(area).min() > 1e-3


def test_band_area_of_a_lorentzian_on_the_instruments_axis():
    """A line of height 1 and half width g holds 2 g atan(a / g) between -a and a; its chord 2 a / (1 + a^2 / g^2)."""
    axis, centre, half_width, half_band = default_wavenumbers().astype(np.float64), 1450.3, 14.0, 40.0
    spectrum = 1 / (1 + ((axis - centre) / half_width) ** 2) + 0.4 + 1e-3 * axis
    exact = 2 * half_width * np.arctan(half_band / half_width) - 2 * half_band / (1 + (half_band / half_width) ** 2)
    found = band_area(spectrum, axis, centre - half_band, centre + half_band)
    assert found == pytest.approx(exact, rel=2e-3)
    # Equal steps in place of the true ones would be off by more than the rule itself is.
    even = np.linspace(axis[0], axis[-1], axis.size)
    assert abs(band_area(spectrum, even, centre - half_band, centre + half_band) / exact - 1) > 1e-2


def test_bands_outside_the_axis_are_refused_with_both_ranges():
    image = random_image()
    with pytest.raises(InputError, match=r"found 650 cm\^-1.* 600 to 640"):
        peak_intensity(image, AXIS, 650)
    for low, high in ((590, 620), (620, 650), (700, 800), (620, 610), (620, 620), (np.nan, 620)):
        with pytest.raises(InputError, match=rf"found {low:g} to {high:g} cm\^-1.* 600 to 640"):
            band_area(image, AXIS, low, high)
    with pytest.raises(InputError, match="no channel between 617 and 629"):
        band_area(image, AXIS, 617, 629)


def test_unusable_axes_are_refused():
    image = random_image()
    with pytest.raises(InputError, match="8 spectral channels and 7"):
        peak_intensity(image, AXIS[:-1], 610)
    with pytest.raises(InputError, match="turn back"):
        peak_intensity(image, AXIS[[0, 1, 3, 2, 4, 5, 6, 7]], 610)
    with pytest.raises(InputError, match="turn back"):
        band_area(image, np.full(8, 610.0), 600, 620)
    with pytest.raises(InputError, match="wavenumbers: found 1 wavenumbers that are missing"):
        peak_intensity(image, np.where(AXIS == 615, np.nan, AXIS), 610)


def test_the_palette_is_okabe_and_itos():
    published = {
        "#0072B2": "blue",
        "#009E73": "green",
        "#F0E442": "yellow",
        "#D55E00": "vermilion",
        "#56B4E9": "sky blue",
        "#CC79A7": "purple",
        "#E69F00": "orange",
        "#000000": "black",
    }
    for code, name in published.items():
        np.testing.assert_allclose(np.array(PALETTE[name]) / 255, matplotlib.colors.to_rgb(code))
    assert set(PALETTE) - set(published.values()) == {"white"}


def test_pure_pixels_have_pure_colours_each_over_its_own_maximum():
    abundances = np.diag([4.0, 0.1, 20.0])[None]
    expected = np.array([[PALETTE[name] for name in ("blue", "green", "yellow")]]) / 255
    np.testing.assert_allclose(false_colour_image(abundances), expected)
    np.testing.assert_allclose(false_colour_image(abundances / 2, maxima=[4.0, 0.1, 20.0]), expected / 2)
    np.testing.assert_allclose(false_colour_image(3 * abundances, maxima=[4.0, 0.1, 20.0]), expected)


def test_mixtures_add_and_too_bright_ones_keep_their_hue():
    blue, orange = (np.array(PALETTE[name]) / 255 for name in ("blue", "orange"))
    abundances = np.array([[[0.5, 0.25], [1.0, 1.0]]])
    image = false_colour_image(abundances, colours=["blue", "orange"])
    np.testing.assert_allclose(image[0, 0], 0.5 * blue + 0.25 * orange)
    total = blue + orange
    assert total.max() > 1
    np.testing.assert_allclose(image[0, 1], total / total.max())


def test_absent_endmembers_negative_values_and_black_add_no_light():
    abundances = np.array([[[0.0, -2.0, 3.0]]])
    assert not false_colour_image(abundances, colours=["blue", "green", "black"]).any()
    shared = false_colour_image(np.ones((1, 1, 2)), maxima=[0.0, 2.0])
    np.testing.assert_allclose(shared[0, 0], 0.5 * np.array(PALETTE["green"]) / 255)


def test_eight_endmembers_have_eight_visible_colours():
    image = false_colour_image(np.eye(8)[None])
    assert image.shape == (1, 8, 3) and image.min() >= 0 and image.max() <= 1
    assert len({tuple(pixel) for pixel in image[0]}) == 8 and image.max(axis=-1).min() > 0.5


def test_unusable_requests_are_refused():
    with pytest.raises(InputError, match="K up to 8"):
        false_colour_image(np.ones((2, 2, 9)))
    with pytest.raises(InputError, match="K up to 8"):
        false_colour_image(np.ones((2, 3)))
    for maxima in ([1.0], [1.0, -1.0]):
        with pytest.raises(InputError, match="expected 2 numbers"):
            false_colour_image(np.ones((2, 2, 2)), maxima=maxima)
    for colours in (["blue"], ["blue", "mauve"]):
        with pytest.raises(InputError, match="expected 2 out of blue, green"):
            false_colour_image(np.ones((2, 2, 2)), colours=colours)
