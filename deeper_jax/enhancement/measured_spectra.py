"""The measured spectra of a map, in blocks: whoever works through them never holds more than a few."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from deeper_jax.enhancement.blocks import on_all_cores, slices_of
from deeper_jax.enhancement.unloaded_spectra import UnloadedSpectra

# Numbers that are smoothed together.
_SLAB = 1 << 22
# Standard deviations to which a Gaussian reaches, as SciPy cuts it.
_REACH = 4.0
# Pixels of a line whose averages are taken together.
_WIDE = 16


class MeasuredSpectra:
    """P spectra of L channels on the grid of a map, float64 where nothing else is asked for.

    Attributes:
        present: [...], bool, the grid: where a spectrum was measured.
        shape: (P, L).
        precision: what is exact enough for their answer: float32 where they are float32 themselves, or float64.
    """

    def __init__(self, values: np.ndarray | UnloadedSpectra, present: np.ndarray) -> None:
        """Take them from an array, which is not copied.

        Args:
            values: [..., L] on the grid, real numbers of any type; whatever it holds where nothing was measured.
            present: [...], bool.
        """
        self.present = present
        self._flat = values if isinstance(values, UnloadedSpectra) else values.reshape(-1, values.shape[-1])
        self._places = None if present.all() else np.flatnonzero(present)
        count = present.size if self._places is None else len(self._places)
        self.shape = (count, values.shape[-1])
        self.precision = np.float32 if values.dtype == np.float32 else np.float64
        self._replaced: dict[int, np.ndarray] = {}
        self._sampled: dict[int, np.ndarray] = {}
        self._means: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def of_rows(cls, spectra: np.ndarray) -> "MeasuredSpectra":
        """Spectra [P, L] that have no neighbours but those before and after."""
        return cls(spectra, np.ones(len(spectra), bool))

    def __len__(self) -> int:
        return self.shape[0]

    def replace(self, spectra: dict[int, np.ndarray]) -> None:
        """Let these [L] stand for the measured ones, by row."""
        self._replaced = {**self._replaced, **spectra}
        self._means = None

    def as_measured(self, rows: slice) -> np.ndarray:
        """Spectra [n, L] of consecutive rows in their own type, none replaced."""
        if self._places is None:
            return self._flat[rows]
        return self._flat[self._places[rows]]

    def rows(self, rows: slice, dtype: Any = np.float64) -> np.ndarray:
        """Consecutive spectra [n, L] of a slice with both ends, a copy."""
        found = np.array(self.as_measured(rows), dtype)
        if self._replaced:
            for row in range(rows.start, min(rows.stop, len(self))):
                if row in self._replaced:
                    found[row - rows.start] = self._replaced[row]
        return found

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Spectra [n, L] of any rows."""
        return self._with_replaced(self._flat[rows if self._places is None else self._places[rows]], rows)

    def _with_replaced(self, measured: np.ndarray, rows: np.ndarray) -> np.ndarray:
        found = np.array(measured, np.float64)
        if self._replaced:
            for index, row in enumerate(rows.tolist()):
                if row in self._replaced:
                    found[index] = self._replaced[row]
        return found

    def sampled_rows(self, most: int) -> np.ndarray:
        """Rows from all over the map, evenly: all, or so many that their spectra hold at most `most` numbers."""
        count = min(max(1, most // self.shape[1]), len(self))
        return np.linspace(0, len(self) - 1, count).astype(int)

    def sample(self, most: int) -> np.ndarray:
        """Spectra [n, L] of `sampled_rows`."""
        rows = self.sampled_rows(most)
        if len(rows) == len(self):
            return self.rows(slice(0, len(self)))
        if not isinstance(self._flat, UnloadedSpectra):
            return self.take(rows)
        # All of the file is read for them, and they are asked for again and again.
        if len(rows) not in self._sampled:
            self._sampled[len(rows)] = self._flat[rows if self._places is None else self._places[rows]]
        return self._with_replaced(self._sampled[len(rows)], rows)

    def blocks(self, numbers: int | None = None) -> list[slice]:
        """Slices that together are all rows, each of about so many numbers, or of a block's."""
        return slices_of(len(self), self.shape[1], numbers)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each spectrum [P], and of each channel [L]."""
        if self._means is None:
            by_row = np.empty(len(self))

            def look(rows: slice) -> np.ndarray:
                spectra = self.rows(rows)
                by_row[rows] = spectra.mean(1)
                return spectra.sum(0)

            self._means = by_row, np.sum(on_all_cores(look, self.blocks()), axis=0) / len(self)
        return self._means

    def extremes(self) -> tuple[float, float]:
        """The lowest and the highest value as measured."""
        ends = [(each.min(), each.max()) for each in map(self.as_measured, self.blocks())]
        return float(min(low for low, _ in ends)), float(max(high for _, high in ends))

    def smoothed(
        self, sigma: float, prepared: Callable[[np.ndarray, slice], np.ndarray]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Blocks of `prepared(spectra, rows)`, as they are and as `averaged_with_neighbours` makes them."""
        grid = self.present if self.present.ndim else self.present[None]
        before = np.concatenate([[0], np.cumsum(grid.reshape(len(grid), -1).sum(1))])
        beyond = int(_REACH * sigma + 0.5)
        together = max(2 * beyond, _SLAB * len(grid) // max(grid.size * self.shape[1], 1))
        for start in range(0, len(grid), together):
            stop = min(start + together, len(grid))
            first, last = max(0, start - beyond), min(len(grid), stop + beyond)
            rows = slice(int(before[first]), int(before[last]))
            inner = slice(int(before[start]) - rows.start, int(before[stop]) - rows.start)
            if inner.start < inner.stop:
                own = np.empty((rows.stop - rows.start, self.shape[1]))

                def prepare(part: slice, own: np.ndarray = own, begin: int = rows.start) -> None:
                    own[part.start - begin : part.stop - begin] = prepared(self.rows(part), part)

                on_all_cores(prepare, slices_of(len(own), self.shape[1], start=rows.start))
                yield own[inner], averaged_with_neighbours(own, grid[first:last], sigma)[inner]


def averaged_with_neighbours(rows: np.ndarray, present: np.ndarray, sigma: float) -> np.ndarray:
    """Rows [P, M] of the measured pixels averaged with those around: a Gaussian of so many pixels."""
    if present.all():
        return _blurred(rows.reshape(*present.shape, -1), sigma, present.ndim).reshape(rows.shape)
    values = np.zeros((*present.shape, rows.shape[1]))
    values[present] = rows
    total = _blurred(present[..., None].astype(np.float64), sigma, present.ndim)[present]
    return _blurred(values, sigma, present.ndim)[present] / np.maximum(total, 1e-9)


def _blurred(values: np.ndarray, sigma: float, axes: int) -> np.ndarray:
    """SciPy's `gaussian_filter` over the first axes, by products of matrices: many values lie beside each other."""
    reach = int(_REACH * sigma + 0.5)
    for axis in range(axes):
        length = values.shape[axis]
        lines = values.reshape(int(np.prod(values.shape[:axis])), length, -1)
        blurred = np.empty_like(lines)

        def blur(part: slice, lines: np.ndarray = lines, blurred: np.ndarray = blurred) -> None:
            length = lines.shape[1]
            first, last = max(0, part.start - reach), min(length, part.stop + reach)
            kernel = _gaussian_rows(last - first, part.start - first, part.stop - first, sigma)
            np.matmul(kernel, lines[:, first:last], out=blurred[:, part])

        on_all_cores(blur, slices_of(length, 1, _WIDE))
        values = blurred.reshape(values.shape)
    return values


@functools.lru_cache(64)
def _gaussian_rows(length: int, start: int, stop: int, sigma: float) -> np.ndarray:
    """Rows of the matrix [length, length] that a Gaussian filter is, mirrored at both ends."""
    return gaussian_filter1d(np.eye(length), sigma, axis=0, truncate=_REACH)[start:stop]
