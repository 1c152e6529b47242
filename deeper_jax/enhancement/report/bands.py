"""The strongest bands of a spectrum, and how high they stand in each spectrum of a map."""

from typing import NamedTuple

import numpy as np
from scipy.signal import find_peaks, peak_widths

from deeper_jax.unmixing.peak_maps import band_area

# Closer to the laser lies its own line, not the sample's.
_LASER = 100.0
# Bands less prominent than this share of the strongest are left out.
_SMALLEST = 0.05
# A band that fewer spectra have shows in no map with this percentile for its brightest colour.
HIGHEST_PERCENTILE = 99.7
# Wider than this at half height is rather a background; taken only where there is nothing else, cm⁻¹.
_WIDEST = 120.0


class Band(NamedTuple):
    """Position of a band and the two ends of a straight line under it, cm⁻¹."""

    centre: float
    low: float
    high: float


def strongest_bands(spectra: np.ndarray, axis: np.ndarray) -> list[Band]:
    """Up to three bands that stand out most of their surroundings, in the order of the axis; at least one.

    Args:
        spectra: [N, L], denoised; their mean and their standard deviation are looked at, so that a band counts
            that few of them have, though not one that only one in some hundreds has.
        axis: [L], cm⁻¹, ascending, at least 5 channels.
    """
    spectra = np.minimum(spectra, np.percentile(spectra, HIGHEST_PERCENTILE, axis=0))
    spectrum = spectra.mean(0) + spectra.std(0)
    spectrum = np.where(np.abs(axis) < _LASER, spectrum.min(), spectrum)
    peaks, found = find_peaks(spectrum, prominence=0)
    inside = np.abs(axis[peaks]) >= _LASER
    peaks, prominence = peaks[inside], found["prominences"][inside]
    if not len(peaks):
        return [_band(axis, int(spectrum[1:-1].argmax()) + 1, 0.0)]
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    widths = peak_widths(spectrum, peaks, rel_height=0.5)[0] * step
    if (widths <= _WIDEST).any():
        peaks, prominence, widths = (values[widths <= _WIDEST] for values in (peaks, prominence, widths))
    bands: list[Band] = []
    for i in np.argsort(-prominence, kind="stable"):
        apart = not any(band.low <= axis[peaks[i]] <= band.high for band in bands)
        if len(bands) < 3 and apart and prominence[i] >= _SMALLEST * prominence.max():
            bands.append(_band(axis, int(peaks[i]), float(widths[i])))
    return sorted(bands)


def _band(axis: np.ndarray, channel: int, width: float) -> Band:
    """A band at a channel, of so many cm⁻¹ at half its height."""
    half = max(width, 2 * float(axis[-1] - axis[0]) / (len(axis) - 1))
    centre = float(axis[channel])
    return Band(centre, max(centre - half, float(axis[0])), min(centre + half, float(axis[-1])))


def band_height(spectra: np.ndarray, axis: np.ndarray, band: Band) -> np.ndarray:
    """Mean height [...] of a band above the straight line under it; NaN for spectra [..., L] that are NaN."""
    present = np.isfinite(spectra).all(-1)
    heights = np.full(spectra.shape[:-1], np.nan)
    if present.any():
        heights[present] = band_area(spectra[present], axis, band.low, band.high) / (band.high - band.low)
    return heights
