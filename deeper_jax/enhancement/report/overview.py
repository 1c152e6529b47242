"""What is to be known of every pixel of a map for its page, found in one pass over the spectra."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.report.bands import Band, band_height
from deeper_jax.enhancement.report.comparison import SPECTRA, Comparison
from deeper_jax.enhancement.report.cubes import per_line


class Overview(NamedTuple):
    """Images [...] of a map, a number a pixel.

    Attributes:
        bands: some bands.
        before, after: [..., B], the height of each, measured and denoised.
        present: bool, whether there is a spectrum.
        calm: bool, whether there is one, and nothing of it is flagged or a cosmic ray.
        flagged: number of flagged channels, without those of cosmic rays that were removed.
        uncertainty: root of the mean square over the channels.
        residual: the same of measured less denoised.
        ray: how far the highest channel of a cosmic ray stands above the denoised spectrum; -inf without any.
        ray_value: the highest measured value of a cosmic ray; -inf without any.
        finer: [H, W, B], heights of the bands in the super-resolved map; None without it.
    """

    bands: Sequence[Band]
    before: np.ndarray
    after: np.ndarray
    present: np.ndarray
    calm: np.ndarray
    flagged: np.ndarray
    uncertainty: np.ndarray
    residual: np.ndarray
    ray: np.ndarray
    ray_value: np.ndarray
    finer: np.ndarray | None = None


def overview(shown: Comparison, bands: Sequence[Band] = ()) -> Overview:
    """Look at all spectra of a map, or at one slice of a stack."""

    def look(*parts: np.ndarray) -> tuple[np.ndarray, ...]:
        before, after, std, flagged, struck, removed = parts
        present = np.isfinite(after).all(-1)
        with_flags, with_rays = (np.asarray(marks.any(-1)) for marks in (flagged, struck))
        residual = before - after
        # Few spectra have marks; only these are gone through.
        flags = np.zeros(present.shape, int)
        flags[with_flags] = (flagged[with_flags] & ~removed[with_flags]).sum(-1)
        return (
            _heights(before, shown.axis, bands),
            _heights(after, shown.axis, bands),
            present,
            present & ~with_flags & ~with_rays,
            flags,
            _root_mean_square(std),
            _root_mean_square(residual),
            _highest(residual, struck, with_rays),
            _highest(before, struck, with_rays),
        )

    finer = None if shown.finer is None else _heights(shown.finer, shown.axis, bands)
    seen = Overview(bands, *per_line(look, *(getattr(shown, name) for name in SPECTRA)))
    return seen._replace(finer=finer)


def _highest(spectra: np.ndarray, marks: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """The highest marked channel of the spectra that have one; -inf elsewhere."""
    found = np.full(marked.shape, -np.inf)
    found[marked] = np.where(marks[marked], spectra[marked], -np.inf).max(-1)
    return found


def _root_mean_square(spectra: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("...l,...l->...", spectra, spectra) / spectra.shape[-1])


def _heights(spectra: np.ndarray, axis: np.ndarray, bands: Sequence[Band]) -> np.ndarray:
    found = np.empty((*spectra.shape[:-1], len(bands)))
    for number, band in enumerate(bands):
        found[..., number] = band_height(spectra, axis, band)
    return found
