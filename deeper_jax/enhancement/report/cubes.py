"""Spectra of a result that may be larger than the memory: gone through line by line, or single ones read."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deeper_jax.enhancement.blocks import on_all_cores
from deeper_jax.enhancement.unloaded_spectra import UnloadedSpectra, is_loaded

# Numbers of one cube that are looked at together.
_TOGETHER = 1 << 20


class UnloadedCube:
    """Spectra [..., L] of a file, an array of which parts are read where they are asked for, floats as float64.

    Attributes:
        shape, ndim, size, dtype: as of an array.
    """

    def __init__(self, data: Any) -> None:
        """Take them from an `xarray.DataArray` that is not loaded."""
        self._data = data
        self.shape, self.ndim, self.size, self.dtype = data.shape, data.ndim, data.size, data.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: Any) -> np.ndarray:
        return _plain(self._data[place].values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(_plain(self._data.values), dtype)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Spectra [n, L] by their number among all, as if the axes before the last were one."""
        return _plain(UnloadedSpectra(self._data)[rows])


# Numbers of spectra in memory, an array, or not, an UnloadedCube.
Cube = Any


class CubeStack:
    """Cubes of one shape, each a slice: an array [S, ..., L] without being one."""

    def __init__(self, slices: Sequence[Cube]) -> None:
        self._slices = slices
        self.shape = (len(slices), *slices[0].shape)
        self.ndim = len(self.shape)

    def __getitem__(self, chosen: slice) -> "CubeStack":
        return CubeStack(self._slices[chosen])

    def __iter__(self) -> Any:
        return iter(self._slices)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.stack([np.asarray(each, dtype) for each in self._slices])


def cube_of(data: Any) -> Cube:
    """The values of an `xarray.DataArray`, in memory or where they lie."""
    return data.values if is_loaded(data) else UnloadedCube(data)


def rows_of(cube: Cube, rows: np.ndarray) -> np.ndarray:
    """Spectra [n, L] by their number among all."""
    return cube.rows(rows) if isinstance(cube, UnloadedCube) else cube.reshape(-1, cube.shape[-1])[rows]


def per_line(work: Callable[..., Any], *cubes: Cube, together: int = 1) -> Any:
    """What `work` makes of lines of the cubes, on all cores, one after another.

    Args:
        work: from parts [n, ..., L] of the cubes, float64 where they are floats, to an array [m, ...] or several of
            them in a tuple; called once for spectra without an axis.
        cubes: of one shape but for the last axis.
        together: lines that must not be parted.
    """
    first = cubes[0]
    if first.ndim < 2:
        return work(*map(_plain, cubes))
    lines = max(1, _TOGETHER * len(first) // max(first.size, 1) // together) * together
    slices = [slice(start, min(start + lines, len(first))) for start in range(0, len(first), lines)]
    parts = on_all_cores(lambda part: work(*(_plain(each[part]) for each in cubes)), slices)
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(each) for each in zip(*parts, strict=True))
    return np.concatenate(parts)


def _plain(part: Cube) -> np.ndarray:
    values = np.asarray(part)
    return values if values.dtype.kind == "b" else np.asarray(values, np.float64)
