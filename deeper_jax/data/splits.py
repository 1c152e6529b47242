"""Split paired spectra into training, validation and test sets without sharing a cell between them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.errors import InputError


class Fold(NamedTuple):
    """One fold of a leave-one-cell-out cross-validation, in cell names."""

    test: str
    train: tuple[str, ...]


def split_by_cell(
    pairs: SpectralPairs,
    *,
    validation_fraction: float = 0.1,
    validation_cells: Iterable[str] = (),
    test_cells: Iterable[str] = (),
    seed: int = 0,
) -> dict[str, SpectralPairs]:
    """Split into 'train', 'validation' and, if `test_cells` are named, 'test'; no cell is in two of them.

    A single remaining cell cannot be split by cell: its rows are split in file order, the last ones for
    validation (as the released code does, 90:10), and neighbouring pixels then stand on both sides.

    Args:
        pairs: what to split.
        validation_fraction: share of the spectra that are not tested, in [0, 1); whole cells are drawn by `seed`
            until their share is closest to it (at least one, never all).
        validation_cells: take these instead.
        test_cells: cells to test on.
        seed: of the draw.

    Raises:
        InputError: unknown names, cells named twice, or nothing left to train on.
    """
    test, validation = tuple(test_cells), tuple(validation_cells)
    if not 0 <= validation_fraction < 1:
        raise InputError(
            f"validation_fraction: found {validation_fraction}, expected 0 or more and less than 1; correct it."
        )
    if set(test) & set(validation):
        raise InputError(
            f"validation_cells: found {sorted(set(test) & set(validation))} in test_cells too, expected "
            "each cell "
            "in one split; name other cells."
        )
    splits = {"test": pairs.select(test)} if test else {}
    rest = tuple(name for name in pairs.cell_names if name not in set(test))
    if not set(rest) - set(validation):
        raise InputError(
            f"test_cells, validation_cells: found all {len(pairs.cell_names)} cells of {pairs.source} in "
            "them, "
            "expected at least one left for training; name fewer cells."
        )
    remaining = pairs.select(rest)
    if not validation and validation_fraction > 0:
        if len(rest) == 1:
            return splits | _split_rows(remaining, validation_fraction)
        validation = _draw_cells(remaining, validation_fraction, seed)
    if validation:
        splits["validation"] = remaining.select(validation)
    return splits | {"train": remaining.select(name for name in rest if name not in set(validation))}


def leave_one_cell_out(cell_names: Sequence[str]) -> list[Fold]:
    """One fold a cell: test on it, train (and validate) on all others, in the order of the names (paper: 11 cells).

    Raises:
        InputError: fewer than two cells, or repeated names.
    """
    if len(cell_names) < 2 or len(set(cell_names)) < len(cell_names):
        raise InputError(
            f"cell_names: found {list(cell_names)}, expected two or more different names; cross-validation "
            "needs "
            "files that tell the cells apart."
        )
    return [Fold(name, tuple(other for other in cell_names if other != name)) for name in cell_names]


def _split_rows(pairs: SpectralPairs, validation_fraction: float) -> dict[str, SpectralPairs]:
    if len(pairs) < 2:
        raise InputError(f"{pairs.source}: found 1 spectrum, expected two or more to split; add data.")
    train = min(max(int(len(pairs) * (1 - validation_fraction) + 1e-9), 1), len(pairs) - 1)
    rows = np.arange(len(pairs))
    return {"train": pairs.take(rows[:train]), "validation": pairs.take(rows[train:])}


def _draw_cells(pairs: SpectralPairs, fraction: float, seed: int) -> tuple[str, ...]:
    sizes = np.bincount(pairs.cell, minlength=len(pairs.cell_names))
    order = np.random.default_rng(seed).permutation(len(sizes))
    shares = np.cumsum(sizes[order])[:-1] / len(pairs)
    count = int(np.argmin(np.abs(shares - fraction))) + 1
    return tuple(pairs.cell_names[i] for i in sorted(order[:count]))
