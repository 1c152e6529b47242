"""Paired spectra of one or several cells in memory, and the checks that any source of them must pass."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.spectra.axis import checked_axis


@dataclass(frozen=True, eq=False)
class SpectralPairs:
    """Paired spectra of one or several cells.

    noisy, target: [N, L] float32, row by row the same pixel. truth: [N, L] float32, noise-free (simulated
    data only). wavenumbers: [L] float64 in cm^-1, ascending. cell: [N] int32, index into `cell_names`.
    image_shapes: (H, W) of the cells whose rows are a whole raster in row-major order. steps: preprocessing
    already applied, one JSON-able dict a step; a step with a 'cell' entry concerns that cell only. notes: what
    `preprocess_pairs` removed, in words. pixel_sizes_um: side of a pixel of the cells whose coordinates tell it.
    """

    noisy: np.ndarray
    target: np.ndarray
    truth: np.ndarray | None
    wavenumbers: np.ndarray | None
    cell: np.ndarray
    cell_names: tuple[str, ...]
    image_shapes: dict[str, tuple[int, int]]
    source: str
    simulated: bool
    steps: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    pixel_sizes_um: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.noisy.shape
        truth_fits = self.truth is None or self.truth.shape == shape
        if len(shape) != 2 or self.target.shape != shape or not truth_fits or self.cell.shape != shape[:1]:
            raise ValueError(f"noisy {shape}, target {self.target.shape}, cell {self.cell.shape} do not match")
        if self.wavenumbers is not None and self.wavenumbers.shape != shape[1:]:
            raise ValueError(f"wavenumbers {self.wavenumbers.shape} do not match spectra {shape}")

    def __len__(self) -> int:
        return len(self.noisy)

    def select(self, cells: Iterable[str]) -> "SpectralPairs":
        """The spectra of the named cells only, rows in order. Raises InputError on unknown names."""
        wanted = set(cells)
        unknown = sorted(wanted - set(self.cell_names))
        if unknown:
            raise InputError(
                f"{self.source}: found no cell {', '.join(map(repr, unknown))}, expected one of "
                f"{', '.join(map(repr, self.cell_names))}; check the names."
            )
        indices = [i for i, name in enumerate(self.cell_names) if name in wanted]
        return self.take(np.flatnonzero(np.isin(self.cell, indices)))

    def of_cell(self, name: str) -> "SpectralPairs":
        """The spectra of one cell."""
        return self.select((name,))

    def take(self, rows: np.ndarray) -> "SpectralPairs":
        """The rows given, in that order; a cell keeps its image shape only while its raster stays whole."""
        rows = np.asarray(rows, dtype=np.int64)
        kept, cell = np.unique(self.cell[rows], return_inverse=True)
        names = tuple(self.cell_names[i] for i in kept)
        shapes = {
            name: self.image_shapes[name]
            for index, name in zip(kept, names, strict=True)
            if name in self.image_shapes
            and np.array_equal(rows[self.cell[rows] == index], np.flatnonzero(self.cell == index))
        }
        return replace(
            self,
            noisy=self.noisy[rows],
            target=self.target[rows],
            truth=None if self.truth is None else self.truth[rows],
            cell=cell.astype(np.int32),
            cell_names=names,
            image_shapes=shapes,
            steps=tuple(step for step in self.steps if step.get("cell", None) in (None, *names)),
            pixel_sizes_um={name: size for name, size in self.pixel_sizes_um.items() if name in names},
        )


def build_pairs(
    noisy: np.ndarray,
    target: np.ndarray,
    truth: np.ndarray | None,
    wavenumbers: np.ndarray | None,
    *,
    source: str,
    name: str,
) -> SpectralPairs:
    """Check arrays as read from a file and make them the pairs of one cell called `name`.

    noisy, target, truth: [N, L] or [H, W, L] of any real type. wavenumbers: L values in cm^-1, or None; if
    they descend, axis and spectra are reversed. source: what the errors call the
    file. Raises InputError on wrong shapes, NaN or infinite values, and a bad axis.
    """
    arrays = {"noisy": noisy, "target": target} | ({} if truth is None else {"truth": truth})
    for kind, array in arrays.items():
        if array.shape != noisy.shape:
            raise InputError(
                f"{source}: found {kind} spectra of shape {array.shape} beside noisy ones of {noisy.shape}, "
                "expected equal shapes, row by row the same pixel; pair the files anew."
            )
        _check_spectra(array, source, kind)
    spectra = {kind: _rows(array) for kind, array in arrays.items()}
    axis = None if wavenumbers is None else checked_axis(wavenumbers, noisy.shape[-1], source)
    if axis is not None and axis[0] > axis[-1]:
        axis = axis[::-1].copy()
        spectra = {kind: np.ascontiguousarray(array[:, ::-1]) for kind, array in spectra.items()}
    for kind, array in spectra.items():
        _check_finite(array, source, kind)
    height_width = noisy.shape[:2] if noisy.ndim == 3 else None
    return SpectralPairs(
        noisy=spectra["noisy"],
        target=spectra["target"],
        truth=spectra.get("truth"),
        wavenumbers=axis,
        cell=np.zeros(len(spectra["noisy"]), np.int32),
        cell_names=(name,),
        image_shapes={} if height_width is None else {name: (height_width[0], height_width[1])},
        source=source,
        simulated=False,
    )


def with_image_shape(pairs: SpectralPairs, image_shape: tuple[int, int] | None) -> SpectralPairs:
    """Give (H, W) to every cell without an image shape. Raises InputError unless it has H*W rows."""
    if image_shape is None:
        return pairs
    height, width = image_shape
    shapes = dict(pairs.image_shapes)
    for index, name in enumerate(pairs.cell_names):
        rows = int(np.count_nonzero(pairs.cell == index))
        if name not in shapes and (height < 1 or width < 1 or rows != height * width):
            raise InputError(
                f"{pairs.source}: found {rows} spectra in cell '{name}', expected {height} x {width} = "
                f"{height * width} by image_shape; give the (H, W) of the raster."
            )
        shapes.setdefault(name, (height, width))
    return replace(pairs, image_shapes=shapes)


def with_cell_sizes(pairs: SpectralPairs, sizes: Sequence[int] | None, prefix: str) -> SpectralPairs:
    """Cut pairs of unknown cells into consecutive cells of these numbers of rows, called 'prefix-01', ...

    Raises InputError if the sizes are not positive or do not add up to the number of rows.
    """
    if sizes is None:
        return pairs
    if any(size < 1 for size in sizes) or sum(sizes) != len(pairs):
        raise InputError(
            f"cell_sizes: found {len(sizes)} sizes adding up to {sum(sizes)}, expected positive sizes "
            "adding up to "
            f"the {len(pairs)} spectra of {pairs.source}; correct them."
        )
    return replace(
        pairs,
        cell=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        cell_names=tuple(f"{prefix}-{number:02d}" for number in range(1, len(sizes) + 1)),
        image_shapes={},
        pixel_sizes_um={},
    )


def join_cells(cells: Sequence[SpectralPairs], names: Sequence[str], source: str) -> SpectralPairs:
    """Join pairs of one axis. `names`: one a member; a member of several cells calls them 'name/cell'."""
    cell_names: list[str] = []
    indices: list[np.ndarray] = []
    shapes: dict[str, tuple[int, int]] = {}
    sizes: dict[str, float] = {}
    for pairs, name in zip(cells, names, strict=True):
        new_names = [name if len(pairs.cell_names) == 1 else f"{name}/{old}" for old in pairs.cell_names]
        for old, new in zip(pairs.cell_names, new_names, strict=True):
            if old in pairs.image_shapes:
                shapes[new] = pairs.image_shapes[old]
            if old in pairs.pixel_sizes_um:
                sizes[new] = pairs.pixel_sizes_um[old]
        indices.append(pairs.cell + len(cell_names))
        cell_names.extend(new_names)
    truths = [pairs.truth for pairs in cells if pairs.truth is not None]
    return replace(
        cells[0],
        noisy=np.concatenate([pairs.noisy for pairs in cells]),
        target=np.concatenate([pairs.target for pairs in cells]),
        truth=np.concatenate(truths) if len(truths) == len(cells) else None,
        cell=np.concatenate(indices).astype(np.int32),
        cell_names=tuple(cell_names),
        image_shapes=shapes,
        pixel_sizes_um=sizes,
        source=source,
        steps=tuple(step for pairs in cells for step in pairs.steps),
    )


def _check_spectra(array: np.ndarray, source: str, kind: str) -> None:
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{source}: found {kind} values of type {array.dtype}, expected real numbers; export the intensities."
        )
    if array.ndim not in (2, 3):
        raise InputError(
            f"{source}: found a {kind} array of shape {array.shape}, expected [N, L] or [H, W, L]; reshape it."
        )
    if array.size == 0:
        raise InputError(
            f"{source}: found an empty {kind} array of shape {array.shape}, expected spectra; export the data again."
        )


def _rows(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.reshape(-1, array.shape[-1]), dtype=np.float32)


def _check_finite(spectra: np.ndarray, source: str, kind: str) -> None:
    finite = np.isfinite(spectra)
    if not finite.all():
        first = int(np.flatnonzero(~finite.all(axis=1))[0])
        raise InputError(
            f"{source}: found {int(np.count_nonzero(~finite))} {kind} values that are NaN or infinite, "
            f"first in row {first}, expected finite numbers; repair or leave out these spectra."
        )
