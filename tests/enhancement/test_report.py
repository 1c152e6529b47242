"""What the page of an enhanced map chooses, names and leaves grey."""

import itertools

import numpy as np
import pytest
from tiny_models import spectra_of_bands, tiny_denoiser, tiny_super_resolver

import deeper_jax
from deeper_jax.enhancement.report.bands import strongest_bands
from deeper_jax.enhancement.report.comparison import Positions, compare, number, place_sentences
from deeper_jax.enhancement.report.overview import overview
from deeper_jax.enhancement.report.picture import lower_figures, upper_figures
from deeper_jax.enhancement.report.pictured import pictured
from deeper_jax.enhancement.report.words import cosmic_ray_rows, summary_sentences
from deeper_jax.maps import raman_map


def test_bands_of_a_map_are_not_one_pixels_spike(recwarn):
    spectra, axis = spectra_of_bands(30, 30, noise=0.1)
    spectra = spectra.reshape(-1, len(axis))
    few = spectra.copy()
    few[7, 55], few[:9, 3] = 3000.0, 500.0
    centres = [band.centre for band in strongest_bands(few, axis)]
    # What nine of nine hundred have counts, what one has does not.
    assert centres == [axis[3], *(band.centre for band in strongest_bands(spectra, axis))]
    # The laser's line is no band, nor looked at with a warning.
    few[:, :40] += 1000 * np.exp(-np.arange(40) / 5.0)
    assert strongest_bands(few, axis - 795.0) and not recwarn.list


def test_suspected_cosmic_rays_have_their_place_and_are_not_said_to_be_kept():
    values, axis = spectra_of_bands(6, 8)
    values[2, 5, 30] += 400
    given = raman_map(values, axis, y=10 * np.arange(6.0), x=0.5 * np.arange(8.0), units="counts")
    result = deeper_jax.enhance(given, tiny_denoiser(random=False), cosmic_rays="mark")
    (row,) = cosmic_ray_rows(result)
    assert row[:3] == [f"{axis[30]:.0f} cm⁻¹", "y = 20 µm, x = 2.5 µm", "suspected, not removed"]
    assert any(words.startswith("Perhaps cosmic rays, but not removed: ") for words in summary_sentences(result))


def test_zeros_in_place_of_spectra_are_gaps_before_as_after():
    values, axis = spectra_of_bands(6)
    values[::2] = 0.0
    (shown,) = compare(deeper_jax.enhance(raman_map(values, axis), tiny_denoiser(random=False)))
    for spectra in (shown.before, shown.after):
        np.testing.assert_array_equal(np.isnan(spectra).all(1), [True, False] * 3)


def test_bands_of_a_map_are_where_neighbours_differ_together_and_never_at_the_laser():
    generator = np.random.default_rng(0)
    axis = np.linspace(80.0, 1600.0, 400)
    left = (np.arange(20) < 10)[None, :, None]

    def line(centre: float) -> np.ndarray:
        return np.exp(-(((axis - centre) / 10) ** 2))

    # The highest band is the same everywhere but for noise; a lower one is in one half only; the laser's flank varies
    # from line to line and falls through the edge of what is looked at.
    everywhere = 300 * line(900.0) * (1 + 0.05 * generator.normal(size=(20, 20, 1)))
    flank = 2000 * np.exp(-(axis - 80) / 30) * np.linspace(0.5, 1.5, 20)[:, None, None]
    spectra = everywhere + 60 * left * line(1300.0) + flank + generator.normal(size=(20, 20, 400))
    (band,) = strongest_bands(spectra, axis)
    assert abs(band.centre - 1300) < 5
    # As a list nothing is known of neighbours: the most prominent one is among them.
    listed = [each.centre for each in strongest_bands(spectra.reshape(-1, 400), axis)]
    assert any(abs(centre - 900) < 5 for centre in listed) and min(listed) > 200
    # Without any band the flank is none.
    (band,) = strongest_bands(np.broadcast_to(flank, (20, 20, 400)), axis)
    assert band.low > 105


def test_places_are_read_in_plain_figures():
    far = Positions("y", -106_312.5 + 0.5 * np.arange(5), "µm", -106_312.5)
    assert far.at(3) == "y = 1.5 µm" and far.edges() == (-0.25, 2.25)
    near = Positions("x_measured", 20.0 - 0.125 * np.arange(4), "µm")
    assert near.at(1) == "x = 19.88 µm" and near.edges()[0] > near.edges()[1]
    assert Positions("spectrum", np.arange(4.0), "").at(2) == "spectrum 2"
    assert number(-0.0001, 1.0) == "0" and number(-12_345.678, 1.0) == "−12,345.7"
    (words,) = place_sentences((far, near))
    assert words == "Places are distances from the first pixel, which the stage has at y = −106,312.5 µm."
    assert "uneven" in place_sentences((near, near._replace(values=np.array([0.0, 1.0, 5.0]))))[0]


@pytest.mark.parametrize("kind", ["map", "fine map", "series", "spectrum"])
def test_the_picture_has_no_empty_panel_and_points_at_its_spectra(kind):
    values, axis = spectra_of_bands(*{"map": (5, 6), "fine map": (5, 6), "series": (9,), "spectrum": ()}[kind])
    axis = axis + 1000.0  # titles as long as they come
    given = raman_map(values, axis, **({"y": np.arange(5.0), "x": np.arange(6.0)} if values.ndim == 3 else {}))
    finer = {"super_resolver": tiny_super_resolver(axis)} if kind == "fine map" else {}
    (shown,) = compare(deeper_jax.enhance(given, tiny_denoiser(random=False), **finer))
    seen = overview(shown, strongest_bands(shown.after, shown.axis))
    picture = pictured(shown, seen)
    for figure in [*upper_figures(picture), *lower_figures(picture)]:
        figure.draw_without_rendering()
        panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
        assert panels and all(axes.has_data() and axes.axison for axes in panels)
        cut = figure.get_tightbbox().padded(-0.01)  # inches
        assert cut.x0 >= 0 and cut.y0 >= 0 and (cut.max <= figure.get_size_inches()).all()
        boxes = [axes.title.get_window_extent().padded(5) for axes in panels if axes.get_title()]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
        if any(axes.images for axes in panels):
            letters = {text.get_text() for axes in panels for text in axes.texts}
            assert letters == {example.letter for example in picture.examples}
            labels = [axes.get_xlabel() for axes in panels]
            assert ("x (µm)" in labels) == ("map" in kind)
    if kind != "spectrum":
        assert [axes.get_title(loc="left")[0] for axes in figure.axes] == [
            example.letter for example in picture.examples
        ]
