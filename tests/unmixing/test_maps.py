"""Maps of bands against integrals known in closed form, and false colours by hand."""

import matplotlib.colors
import numpy as np
import pytest

from deeper_jax.errors import InputError
from deeper_jax.simulator.config import default_wavenumbers
from deeper_jax.unmixing import band_area, false_colour_image
from deeper_jax.unmixing.false_colour import PALETTE

AXIS = np.array([600.0, 604.0, 607.0, 615.0, 616.0, 630.0, 631.5, 640.0])
"""Uneven steps on purpose."""


def random_image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((3, 4, AXIS.size))


@pytest.fixture(params=["ascending", "descending"])
def turned(request):
    """What turns the last axis of an array into the order of the case."""
    return (lambda array: array) if request.param == "ascending" else (lambda array: array[..., ::-1])


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
    for low, high in ((590, 620), (620, 650), (700, 800), (620, 610), (620, 620), (np.nan, 620)):
        with pytest.raises(InputError, match=rf"found {low:g} to {high:g} cm\^-1.* 600 to 640"):
            band_area(image, AXIS, low, high)
    with pytest.raises(InputError, match="no channel between 617 and 629"):
        band_area(image, AXIS, 617, 629)


def test_unusable_axes_are_refused():
    image = random_image()
    with pytest.raises(InputError, match="8 spectral channels and 7"):
        band_area(image, AXIS[:-1], 600, 620)
    with pytest.raises(InputError, match="turn back"):
        band_area(image, AXIS[[0, 1, 3, 2, 4, 5, 6, 7]], 600, 620)
    with pytest.raises(InputError, match="turn back"):
        band_area(image, np.full(8, 610.0), 600, 620)
    with pytest.raises(InputError, match="wavenumbers: found 1 wavenumbers that are missing"):
        band_area(image, np.where(AXIS == 615, np.nan, AXIS), 600, 620)


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


def test_pure_pixels_have_pure_colours():
    names = ["blue", "green", "yellow"]
    expected = np.array([[PALETTE[name] for name in names]]) / 255
    for strength, brightness in ((1.0, 1.0), (0.5, 0.5), (3.0, 1.0)):
        image = false_colour_image(strength * np.eye(3)[None], names)
        np.testing.assert_allclose(image, brightness * expected)


def test_mixtures_add_and_too_bright_ones_keep_their_hue():
    blue, orange = (np.array(PALETTE[name]) / 255 for name in ("blue", "orange"))
    abundances = np.array([[[0.5, 0.25], [1.0, 1.0]]])
    image = false_colour_image(abundances, colours=["blue", "orange"])
    np.testing.assert_allclose(image[0, 0], 0.5 * blue + 0.25 * orange)
    total = blue + orange
    assert total.max() > 1
    np.testing.assert_allclose(image[0, 1], total / total.max())


def test_negative_values_and_black_add_no_light():
    assert not false_colour_image([[[0.0, -2.0, 3.0]]], colours=["blue", "green", "black"]).any()


def test_unusable_requests_are_refused():
    for shape in ((2, 2, 3), (2, 2)):
        with pytest.raises(InputError, match=r"expected \[H, W, 2\]"):
            false_colour_image(np.ones(shape), ["blue", "green"])
