"""The strongest bands of a spectrum, and how high they stand in each spectrum of a map."""

from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.blocks import on_all_cores, slices_of
from deeper_jax.enhancement.report.cubes import Cube, per_line, rows_of
from deeper_jax.spectra.peaks import peaks_of
from deeper_jax.unmixing.peak_maps import band_area

# Closer to the laser lies its own line, not the sample's.
_LASER = 100.0
# Bands less prominent than this share of the strongest are left out.
_SMALLEST = 0.05
# A band that fewer spectra have shows in no map with this percentile for its brightest colour.
HIGHEST_PERCENTILE = 99.7
# Wider than this at half height is rather a background; taken only where there is nothing else, cm⁻¹.
_WIDEST = 120.0
# So many of the most prominent are asked whether the sample has structure there.
_CANDIDATES = 8
# Numbers of a large map that its bands are looked for in.
_LOOKED_AT = 1 << 22
# Channels that are looked at together.
_CHANNELS = 32
# Less of a map's variance shared by neighbours is chance.
_SHARED = 0.2


class Band(NamedTuple):
    """Position of a band and the two ends of a straight line under it, cm⁻¹."""

    centre: float
    low: float
    high: float


def strongest_bands(spectra: Cube, axis: np.ndarray) -> list[Band]:
    """Up to three bands that tell most of the sample, in the order of the axis; at least one.

    Of the bands that stand out of their surroundings, a map's are those in which neighbouring pixels differ together
    from others, where there are such; of other measurements the most prominent are taken.

    Args:
        spectra: [N, L] or a map [H, W, L], denoised, NaN where there are none; their mean and their standard deviation
            are looked at, so that a band counts that few of them have, though not one that only one in some hundreds
            has.
        axis: [L], cm⁻¹, ascending, at least 5 channels.
    """
    rows = np.arange(spectra.size // len(axis))
    if spectra.size > _LOOKED_AT:
        rows = np.linspace(0, len(rows) - 1, _LOOKED_AT // len(axis)).astype(int)
    every = rows_of(spectra, rows)
    present = every[np.isfinite(every).all(-1)].astype(np.float64)

    def mean_and_spread(channels: slice) -> np.ndarray:
        some = np.minimum(present[:, channels], np.percentile(present[:, channels], HIGHEST_PERCENTILE, axis=0))
        return some.mean(0) + some.std(0)

    spectrum = np.concatenate(on_all_cores(mean_and_spread, slices_of(len(axis), 1, _CHANNELS)))
    found: list[tuple[float, Band]] = []
    for part in _beside_the_laser(axis):
        found += _prominent(spectrum[part], axis[part])
    found.sort(key=lambda each: -each[0])
    bands: list[Band] = []
    for prominence, band in found:
        apart = not any(other.low <= band.centre <= other.high for other in bands)
        if len(bands) < _CANDIDATES and apart and prominence >= _SMALLEST * found[0][0]:
            bands.append(band)
    if not bands:
        return [_highest(spectrum, axis)]
    if spectra.ndim == 3 and min(spectra.shape[:2]) > 1:
        images = per_line(lambda part: np.stack([band_height(part, axis, band) for band in bands], -1), spectra)
        contrast = {band: shared_contrast(images[..., number]) for number, band in enumerate(bands)}
        structured = [band for band in bands if contrast[band] > 0]
        bands = sorted(structured, key=lambda band: -contrast[band]) or bands
    return sorted(bands[:3])


def shared_contrast(image: np.ndarray) -> float:
    """By how much the pixels of a map [H, W] differ together with those beside them, 0 if not together.

    The root of the covariance of neighbours, in the image's unit: noise, however strong, has none. 0 where that is
    less than a fifth of the variance.
    """
    centred = image - np.nanmean(image)
    pairs = [centred[1:] * centred[:-1], centred[:, 1:] * centred[:, :-1]]
    products = np.concatenate([each[np.isfinite(each)] for each in pairs])
    shared = float(products.mean()) if products.size else 0.0
    return float(np.sqrt(shared)) if shared > _SHARED * np.nanvar(image) else 0.0


def _beside_the_laser(axis: np.ndarray) -> list[slice]:
    """The parts of the axis on both sides of the laser's line, long enough to hold a band; all of it if there are none.

    A flank of the line ends where its part does, so it makes no peak there.
    """
    low, high = np.searchsorted(axis, [-_LASER, _LASER])
    parts = [slice(0, int(low)), slice(int(high), len(axis))]
    return [part for part in parts if part.stop - part.start >= 5] or [slice(0, len(axis))]


def _prominent(spectrum: np.ndarray, axis: np.ndarray) -> list[tuple[float, Band]]:
    """(prominence, band) of the peaks of one part; none that the part's ends cut, wide ones only if all are."""
    peaks = peaks_of(spectrum)
    channels, prominence = peaks.width, peaks.prominence
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    whole = (prominence >= 1e-9 * np.ptp(spectrum)) & (peaks.left > 0.5) & (peaks.right < len(axis) - 1.5)
    narrow = whole & (channels * step <= _WIDEST)
    return [
        (float(prominence[i]), _band(axis, int(peaks.channel[i]), float(channels[i] * step)))
        for i in np.flatnonzero(narrow if narrow.any() else whole)
    ]


def _highest(spectrum: np.ndarray, axis: np.ndarray) -> Band:
    """Where a spectrum without peaks stands highest above the line between its ends."""
    part = max(_beside_the_laser(axis), key=lambda each: each.stop - each.start)
    own, places = spectrum[part], axis[part]
    above = own - np.interp(places, places[[0, -1]], own[[0, -1]])
    return _band(places, int(above[1:-1].argmax()) + 1, 0.0)


def _band(axis: np.ndarray, channel: int, width: float) -> Band:
    """A band at a channel, of so many cm⁻¹ at half its height."""
    half = max(width, 2 * float(axis[-1] - axis[0]) / (len(axis) - 1))
    centre = float(axis[channel])
    return Band(centre, max(centre - half, float(axis[0])), min(centre + half, float(axis[-1])))


def band_height(spectra: np.ndarray, axis: np.ndarray, band: Band) -> np.ndarray:
    """Mean height [...] of a band above the straight line under it; NaN for spectra [..., L] that are NaN."""
    first, stop = np.searchsorted(axis, [band.low, band.high]) + (-1, 2)
    part = slice(max(0, int(first)), int(stop))
    spectra = np.asarray(spectra[..., part], np.float64)
    present = np.isfinite(spectra).all(-1)
    heights = np.full(spectra.shape[:-1], np.nan)
    if present.any():
        heights[present] = band_area(spectra[present], axis[part], band.low, band.high) / (band.high - band.low)
    return heights
