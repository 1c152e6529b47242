"""The spectra of a map that lies in a file, or with dask: read by whole lines, of which a few are kept."""

import threading
from collections import OrderedDict
from typing import Any

import numpy as np

# Numbers that are read together, and how many such pieces are kept: those of a block, those around it, and some more.
_TOGETHER, _KEPT = 1 << 21, 6
# A piece is made of whole chunks of the file where these have at most so many times as many numbers.
_LARGEST_CHUNKS = 4


def is_loaded(data: Any) -> bool:
    """Whether the values of an `xarray.DataArray` are in memory: neither with dask nor in a file that is open."""
    return data.chunks is None and bool(getattr(data.variable, "_in_memory", True))


class UnloadedSpectra:
    """N spectra of L channels, an array [N, L] that is read where it is asked for, from several threads if need be.

    Attributes:
        shape: (N, L).
        dtype: of the values.
    """

    def __init__(self, data: Any) -> None:
        """Take them from an `xarray.DataArray` [..., L] that is not loaded; nothing is read yet."""
        grid = data.shape[:-1]
        self.shape = (int(np.prod(grid, dtype=int)), data.shape[-1])
        self.dtype = data.dtype
        self._data = data
        # A line is what the last axis of the grid holds; of a list each spectrum is one.
        self._across = grid[:-1] if len(grid) > 1 else grid
        self._line = grid[-1] if len(grid) > 1 else 1
        self._together = self._line * _lines_together(data, self._line * self.shape[1])
        self._pieces: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Spectra [n, L] of a slice with both ends, or of any row numbers; a copy."""
        if isinstance(rows, slice):
            rows = np.arange(rows.start, min(rows.stop, self.shape[0]))
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        pieces = rows // self._together
        for number in np.unique(pieces):
            here = np.flatnonzero(pieces == number)
            piece = self._piece(int(number))
            # Consecutive rows, the rule, are copied at once.
            if here[-1] - here[0] == len(here) - 1 and rows[here[-1]] - rows[here[0]] == len(here) - 1:
                first = int(rows[here[0]]) - number * self._together
                found[here[0] : here[-1] + 1] = piece[first : first + len(here)]
            else:
                found[here] = piece[rows[here] - number * self._together]
        return found

    def _piece(self, number: int) -> np.ndarray:
        with self._lock:
            if number in self._pieces:
                self._pieces.move_to_end(number)
                return self._pieces[number]
            while len(self._pieces) >= _KEPT:
                self._pieces.popitem(last=False)
            start = number * self._together
            found = self._read(start // self._line, -(-min(start + self._together, self.shape[0]) // self._line))
            self._pieces[number] = found
            return found

    def _read(self, first: int, stop: int) -> np.ndarray:
        """Spectra of consecutive lines, [n, L]."""
        if not self._across:
            return self._data.values[None]
        dims, length = self._data.dims, self._across[-1]
        parts = []
        while first < stop:
            *outer, begin = map(int, np.unravel_index(first, self._across))
            end = min(begin + stop - first, length)
            place = dict(zip(dims, [*outer, slice(begin, end)], strict=False))
            parts.append(np.asarray(self._data.isel(place).values).reshape(-1, self.shape[1]))
            first += end - begin
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _lines_together(data: Any, numbers: int) -> int:
    """Lines of so many numbers that are read together: whole chunks of the file, or of dask, if these are not large."""
    lines = max(1, _TOGETHER // max(numbers, 1))
    across = max(data.ndim - 3, 0)
    stored = (
        data.chunks[across][0] if data.chunks is not None else (data.encoding.get("chunksizes") or (1,) * 9)[across]
    )
    stored = max(int(stored), 1)
    if data.ndim < 2 or stored * numbers > _LARGEST_CHUNKS * _TOGETHER:
        return lines
    return max(stored, lines // stored * stored)
