"""What the page of an enhanced map chooses, names and leaves grey."""

import numpy as np
from tiny_models import spectra_of_bands, tiny_denoiser

import deeper_jax
from deeper_jax.enhancement.report.bands import strongest_bands
from deeper_jax.enhancement.report.comparison import compare
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
    shown = compare(deeper_jax.enhance(raman_map(values, axis), tiny_denoiser(random=False)))
    for spectra in (shown.before, shown.after):
        np.testing.assert_array_equal(np.isnan(spectra).all(1), [True, False] * 3)
