"""No cell in two splits; folds of the cross-validation."""

import numpy as np
import pytest

from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.data.splits import leave_one_cell_out, split_by_cell
from deeper_jax.errors import InputError


def make_pairs(rows_by_cell):
    rows = sum(rows_by_cell.values())
    noisy = np.tile(np.arange(rows, dtype=np.float32)[:, np.newaxis], (1, 3))
    cell = np.repeat(np.arange(len(rows_by_cell), dtype=np.int32), list(rows_by_cell.values()))
    return SpectralPairs(noisy, noisy, None, None, cell, tuple(rows_by_cell), {}, "test", False)


@pytest.mark.parametrize("seed", range(5))
def test_whole_cells_are_drawn_close_to_the_fraction(seed):
    pairs = make_pairs({f"c{i}": 10 for i in range(10)})
    splits = split_by_cell(pairs, validation_fraction=0.3, test_cells=["c4"], seed=seed)
    names = [set(split.cell_names) for split in splits.values()]
    assert sum(map(len, names)) == 10 and set().union(*names) == set(pairs.cell_names)
    assert splits["test"].cell_names == ("c4",) and len(splits["validation"].cell_names) == 3
    rows = np.concatenate([split.noisy[:, 0] for split in splits.values()])
    np.testing.assert_array_equal(np.sort(rows), np.arange(100))


def test_the_draw_is_that_of_the_seed():
    pairs = make_pairs({f"c{i}": 5 for i in range(12)})
    drawn = [split_by_cell(pairs, seed=seed)["validation"].cell_names for seed in (0, 0, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 2


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_neither_side_is_empty(fraction):
    splits = split_by_cell(make_pairs({"a": 3, "b": 3, "c": 3}), validation_fraction=fraction)
    assert len(splits["validation"].cell_names) == (1 if fraction < 0.5 else 2)


def test_named_validation_cells():
    splits = split_by_cell(make_pairs({"a": 3, "b": 4, "c": 5}), validation_cells=["b"])
    assert splits["validation"].cell_names == ("b",) and splits["train"].cell_names == ("a", "c")
    assert "validation" not in split_by_cell(make_pairs({"a": 3, "b": 4}), validation_fraction=0)


def test_a_single_cell_is_cut_in_file_order():
    splits = split_by_cell(make_pairs({"train": 50}))
    np.testing.assert_array_equal(splits["train"].noisy[:, 0], np.arange(45))
    np.testing.assert_array_equal(splits["validation"].noisy[:, 0], np.arange(45, 50))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test_cells": ["z"]}, "'z'"),
        ({"test_cells": ["a"], "validation_cells": ["a"]}, "in one split"),
        ({"test_cells": ["a"], "validation_cells": ["b"]}, "left for training"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
    ],
)
def test_impossible_splits_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        split_by_cell(make_pairs({"a": 3, "b": 4}), **settings)


def test_leave_one_cell_out():
    folds = leave_one_cell_out(("a", "b", "c"))
    assert [fold.test for fold in folds] == ["a", "b", "c"]
    assert [fold.train for fold in folds] == [("b", "c"), ("a", "c"), ("a", "b")]
    for names in (("a",), ("a", "a")):
        with pytest.raises(InputError, match="cross-validation"):
            leave_one_cell_out(names)
