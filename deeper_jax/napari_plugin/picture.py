"""How an array of spectra lies in napari: its axes in napari's order, where they begin, how far apart, in which unit.

Plain arrays; napari is not imported here.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

SPECTRAL = "wavenumber"
# Rows of what is no map are drawn so tall that together they are this share of the picture's width.
_ROWS_TALL = 0.4
_UNITS = {"um": "um", "µm": "um", "s": "s"}


class Picture(NamedTuple):
    """Axes of an array of spectra as napari shows them.

    Maps and stacks of maps are turned to [L, ..., H, W], so that a slider runs through the wavenumbers. All else
    (lists, lines, series, one spectrum) is [N, L], the spectra one under another, counted in pixels.

    Attributes:
        shape: of the measured grid without the spectral axis, in the array's own order.
        scale, translate: of each axis of the picture: the distance of two places, and where the first lies.
        units: names that napari understands.
        axis_labels: the dimensions' names.
        spectral: which of the picture's axes the channels lie along.
    """

    shape: tuple[int, ...]
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]
    spectral: int

    @property
    def is_map(self) -> bool:
        """Whether it is a map or a stack of maps."""
        return self.spectral == 0

    def arranged(self, values: np.ndarray) -> np.ndarray:
        """Spectra [..., L] of this grid with their axes in the picture's order: a view where that is possible."""
        return np.moveaxis(values, -1, 0) if self.is_map else values.reshape(-1, values.shape[-1])

    def layer_settings(self, *, spectral: bool = True) -> dict[str, Any]:
        """Keyword arguments of a layer of such an array; `spectral` false: of one number a pixel of a map."""
        kept = slice(None) if spectral else slice(1, None)
        return {name: getattr(self, name)[kept] for name in ("scale", "translate", "units", "axis_labels")}

    def pixel_at(self, position: Sequence[float]) -> tuple[int, ...] | None:
        """The index on the array's grid of a place in the world, None where there is no pixel.

        position: of at least as many axes as the picture has pixels' axes, the last of them being the picture's.
        """
        axes = range(1, len(self.scale)) if self.is_map else range(1)
        # The viewer may have more axes, in front.
        own = np.asarray(position, np.float64)[-len(self.scale) :] if len(position) >= len(self.scale) else None
        if own is None:
            return None
        index = tuple(int(round((own[axis] - self.translate[axis]) / self.scale[axis])) for axis in axes)
        sizes = self.shape if self.is_map else (int(np.prod(self.shape, dtype=int)),)
        if not all(0 <= each < size for each, size in zip(index, sizes, strict=True)):
            return None
        return index if self.is_map else tuple(int(each) for each in np.unravel_index(index[0], self.shape))

    def channel_at(self, position: Sequence[float], channels: int) -> int:
        """The channel that the viewer's slider stands at; the nearest there is."""
        own = position[-len(self.scale) :][self.spectral] if len(position) >= len(self.scale) else 0.0
        return int(np.clip(round((own - self.translate[self.spectral]) / self.scale[self.spectral]), 0, channels - 1))


def picture_of(array: Any) -> Picture:
    """The picture of a map, an `xarray.DataArray` [..., wavenumber] that is `upright`."""
    outer = [str(dim) for dim in array.dims[:-1]]
    if len(outer) < 2:
        rows = int(np.prod(array.shape[:-1], dtype=int))
        tall = max(1.0, float(np.floor(_ROWS_TALL * array.shape[-1] / rows)))
        labels = (outer[0] if outer else "spectrum", "channel")
        return Picture(tuple(array.shape[:-1]), (tall, 1.0), (0.0, 0.0), ("pixel", "pixel"), labels, spectral=1)
    lines = [(np.asarray(array[SPECTRAL], np.float64), "1/cm"), *(_line(array, dim) for dim in outer)]
    return Picture(
        shape=tuple(array.shape[:-1]),
        scale=tuple(_step(values) for values, _ in lines),
        translate=tuple(float(values[0]) for values, _ in lines),
        units=tuple(unit for _, unit in lines),
        axis_labels=(SPECTRAL, *(dim.removesuffix("_measured") for dim in outer)),
        spectral=0,
    )


def upright(data: Any) -> Any:
    """A map (DataArray) or an enhanced one (Dataset) with all its coordinates rising, as napari's axes do."""
    falling = [
        str(dim)
        for dim in data.dims
        if dim in data.coords and data[dim].dtype.kind in "iuf" and data[dim].values[0] > data[dim].values[-1]
    ]
    return data.isel({dim: slice(None, None, -1) for dim in falling})


def _line(array: Any, dim: str) -> tuple[np.ndarray, str]:
    """Places along a dimension, and napari's name of their unit; counted where they are not known."""
    if dim not in array.coords or array[dim].dtype.kind not in "iuf" or not np.isfinite(array[dim].values).all():
        return np.arange(array.sizes[dim], dtype=np.float64), "pixel"
    return np.asarray(array[dim], np.float64), _UNITS.get(str(array[dim].attrs.get("units", "")), "pixel")


def _step(values: np.ndarray) -> float:
    """The mean distance of two places; 1 where there is one place only."""
    return float(values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 and values[-1] != values[0] else 1.0
