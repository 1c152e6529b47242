import numpy as np
import pytest
import scipy.signal

from deeper_jax.spectra.peaks import peaks_of

_RNG = np.random.default_rng(1)
_CASES = {
    "noise": _RNG.normal(size=400),
    "walk": _RNG.normal(size=400).cumsum(),
    "flat tops": _RNG.integers(0, 4, 300).astype(float),
    "flat ends": np.repeat([3.0, 1.0, 2.0, 1.0, 2.0, 0.0, 5.0], [4, 1, 3, 2, 4, 1, 2]),
    "rising": np.arange(9.0),
    "flat": np.ones(9),
    "one": np.ones(1),
    "bands": np.exp(-0.5 * ((np.arange(500)[:, None] - [100, 130, 300]) / [5, 8, 40]) ** 2).sum(1),
}


@pytest.mark.parametrize("name", _CASES)
def test_peaks_are_those_of_scipy(name):
    spectrum = _CASES[name]
    found = peaks_of(spectrum)
    channels, properties = scipy.signal.find_peaks(spectrum, prominence=0)
    width, _, left, right = scipy.signal.peak_widths(spectrum, channels, rel_height=0.5)
    np.testing.assert_array_equal(found.channel, channels)
    np.testing.assert_array_equal(found.prominence, properties["prominences"])
    np.testing.assert_array_equal(found.left, left)
    np.testing.assert_array_equal(found.right, right)
    np.testing.assert_array_equal(found.width, width)


def test_there_are_enough_peaks_to_compare():
    assert len(peaks_of(_CASES["noise"]).channel) > 100
    assert len(peaks_of(_CASES["flat tops"]).channel) > 20
