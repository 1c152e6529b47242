"""Cosmic rays out of a map: what is too narrow and too high for a band, and is not in the pixels nearby either."""

import itertools

import numpy as np
from scipy.ndimage import label, maximum_filter1d

from deeper_jax.spectra.preprocessing import remove_cosmic_rays

# A spike at the same channel of more than a tenth of the spectra (and more than two) is a band narrower than usual.
_SHARE_STRUCK, _FEW_STRUCK = 0.1, 2
# Neighbours so many pixels away are asked, and answer that it is a band if they have this share of its height.
_NEAR, _SHARE_OF_HEIGHT = 2, 0.5
# Channels beside a spike that may hold some of it.
_BESIDE = 2


def without_cosmic_rays(cube: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, int]:
    """The measured spectra with cosmic rays filled in from both sides, and how many spectra had any.

    `deeper_jax.spectra.preprocessing.remove_cosmic_rays` looks at one spectrum and takes a sharp, strong band for one.
    In a map, what it finds stays unless it is alone: a pixel nearby, its spectrum brought to the same scale, must not
    show it too, nor many others at the same channel.

    Args:
        cube: [..., L] on the grid of the map.
        present: [...], false where no spectrum was measured.

    Returns:
        [P, L], and a number of spectra.
    """
    spectra = cube[present]
    cleaned = _spectrum_by_spectrum(spectra)
    changed = cleaned != spectra
    often = maximum_filter1d(changed.sum(0), 3) > max(_FEW_STRUCK, _SHARE_STRUCK * len(spectra))
    changed &= ~often
    places = np.argwhere(present)
    for row in np.flatnonzero(changed.any(1)):
        neighbours = _neighbours(cube, present, tuple(places[row]))
        spikes, count = label(changed[row])
        for number in range(1, count + 1):
            spike = spikes == number
            if any(_shows(spectra[row], cleaned[row], each, spike, changed[row]) for each in neighbours):
                changed[row, spike] = False
    return np.where(changed, cleaned, spectra), int(changed.any(1).sum())


def _spectrum_by_spectrum(spectra: np.ndarray) -> np.ndarray:
    """[P, L], equal to the input to the last bit where nothing was found."""
    offset = spectra.min(1, keepdims=True)
    unit = np.maximum(np.ptp(spectra, axis=1, keepdims=True), 1e-300)
    scaled = ((spectra - offset) / unit).astype(np.float32)
    rows = 1 << (len(scaled) - 1).bit_length()  # few compiled programs
    cleaned = np.asarray(remove_cosmic_rays(np.pad(scaled, ((0, rows - len(scaled)), (0, 0)))))[: len(scaled)]
    return np.where(cleaned != scaled, cleaned * unit + offset, spectra)


def _neighbours(cube: np.ndarray, present: np.ndarray, place: tuple[int, ...]) -> list[np.ndarray]:
    near = []
    for shift in itertools.product(range(-_NEAR, _NEAR + 1), repeat=len(place)):
        there = tuple(position + step for position, step in zip(place, shift, strict=True))
        inside = all(0 <= position < size for position, size in zip(there, present.shape, strict=True))
        if any(shift) and inside and present[there]:
            near.append(cube[there])
    return near


def _shows(
    spectrum: np.ndarray, cleaned: np.ndarray, neighbour: np.ndarray, spike: np.ndarray, spoiled: np.ndarray
) -> bool:
    """Whether a neighbour, scaled to the spectrum outside of all spikes, has much of this one."""
    good = maximum_filter1d(spoiled, 2 * _BESIDE + 1) == 0
    centred = neighbour[good] - neighbour[good].mean()
    power = float((centred**2).sum())
    if power == 0:
        return False
    scale = max(0.0, float((centred * spectrum[good]).sum()) / power)
    highest = int(np.argmax(np.where(spike, spectrum - cleaned, -np.inf)))
    expected = spectrum[good].mean() + scale * (neighbour[highest] - neighbour[good].mean())
    return bool(expected - cleaned[highest] > _SHARE_OF_HEIGHT * (spectrum[highest] - cleaned[highest]))
