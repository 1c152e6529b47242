"""The spectrum of one pixel, out of what the layers' metadata hold. Plain arrays; napari is not imported here."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from deeper_jax.enhancement.report.comparison import positions_of
from deeper_jax.napari_plugin.layers import ENHANCED, MEASURED
from deeper_jax.napari_plugin.picture import SPECTRAL, Picture, picture_of


class PixelSpectrum(NamedTuple):
    """One pixel's spectrum.

    Attributes:
        axis: [L], cm⁻¹.
        measured: [L], of the measured pixel that is nearest.
        restored: [L], or None where the map was not enhanced.
        std: standard deviation of the error of the restored, or None.
        flagged, cosmic_ray, removed: bool [L]; all false where the map was not enhanced.
        unit: of the intensities.
        place: in words.
    """

    axis: np.ndarray
    measured: np.ndarray
    restored: np.ndarray | None
    std: np.ndarray | None
    flagged: np.ndarray
    cosmic_ray: np.ndarray
    removed: np.ndarray
    unit: str
    place: str


def is_raman(metadata: Any) -> bool:
    """Whether a layer of this metadata is one of a Raman map."""
    return MEASURED in metadata


def shown_of(metadata: dict[str, Any]) -> Any:
    """The spectra to look at: restored where there are such, on their own grid, else as measured (DataArray)."""
    return metadata[ENHANCED]["intensity"] if ENHANCED in metadata else metadata[MEASURED]


def picture_shown(metadata: dict[str, Any]) -> Picture:
    """The picture of `shown_of`."""
    return picture_of(shown_of(metadata))


def middle_of(picture: Picture) -> tuple[float, ...]:
    """The place in the world of the pixel in the middle of a picture."""
    sizes = (1, *picture.shape) if picture.is_map else (int(np.prod(picture.shape, dtype=int)), 1)
    lines = zip(picture.translate, picture.scale, sizes, strict=True)
    return tuple(start + step * (size // 2) for start, step, size in lines)


def spectrum_at(metadata: dict[str, Any], position: Sequence[float]) -> PixelSpectrum | None:
    """The spectrum at a place in the world, as a click tells it; None where there is no pixel."""
    shown = shown_of(metadata)
    pixel = picture_of(shown).pixel_at(position)
    if pixel is None:
        return None
    place = ", ".join(each.at(index) for each, index in zip(positions_of(shown), pixel, strict=True))
    if ENHANCED not in metadata:
        measured, none = shown.values[pixel], np.zeros(shown.shape[-1], bool)
        restored = std = None
        flagged = cosmic_ray = removed = none
    else:
        result = metadata[ENHANCED]
        before = picture_of(result["measured"]).pixel_at(position)
        if before is None:
            # Finer pixels reach beyond the middle of the outermost measured ones.
            before = _nearest(result["measured"], shown, pixel)
        measured, flagged, cosmic_ray, removed = (
            result[name].values[before] for name in ("measured", "flagged", "cosmic_ray", "cosmic_ray_removed")
        )
        restored, std = shown.values[pixel], result["uncertainty"].values[pixel]
        if shown.shape != result["measured"].shape:
            own = zip(positions_of(result["measured"]), before, strict=True)
            where = ", ".join(each.at(index) for each, index in own)
            place += "" if where == place else f" (measured: {where})"
    unit = str(shown.attrs.get("units", "a.u."))
    axis = np.asarray(shown[SPECTRAL], np.float64)
    return PixelSpectrum(axis, measured, restored, std, flagged, cosmic_ray, removed, unit, place or "one spectrum")


def _nearest(measured: Any, shown: Any, pixel: tuple[int, ...]) -> tuple[int, ...]:
    lines = zip(positions_of(measured), positions_of(shown), pixel, strict=True)
    return tuple(int(np.abs(own.values - finer.values[index]).argmin()) for own, finer, index in lines)
