import json

import numpy as np
import pytest
import scipy.io

from deeper_jax.cli.main import main
from deeper_jax.data.files import read_pairs
from deeper_jax.data.simulated_data import write_simulated_dataset
from deeper_jax.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "cells"
    main(["simulate", str(path), "--cells=4", "--test-cells=1", "--counts-cells=1", "--height=12", "--width=10"])
    return path


def test_the_layout_is_that_of_the_distributed_files(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"Train_Inputs.mat", "Train_Outputs.mat", "Test_Inputs.mat", "Test_Outputs.mat", "axis.txt"} <= names
    arrays = scipy.io.loadmat(folder / "Train_Inputs.mat")
    assert arrays["Train_Inputs"].shape == (3 * 120, 500)
    axis = np.loadtxt(folder / "axis.txt")
    assert axis.shape == (500,) and 498 < axis[0] < axis[-1] < 1800.1
    record = json.loads((folder / "cells.json").read_text())
    assert record["simulated"] is True


def test_it_reads_back_by_cell_with_its_steps(folder):
    splits = read_pairs(folder)
    assert splits["train"].cell_names == ("cell_000", "cell_001", "cell_002")
    assert splits["test"].cell_names == ("cell_003",)
    assert set(splits["train"].image_shapes.values()) == {(12, 10)}
    steps = {
        name: [step["name"] for step in splits["train"].steps if step["cell"] == name]
        for name in splits["train"].cell_names
    }
    assert "subtract_background" not in steps["cell_000"]
    assert steps["cell_001"][-1] == "subtract_background"


def test_raw_cells_are_counts_and_subtracted_ones_stand_on_a_pedestal(folder):
    train = read_pairs(folder)["train"]
    counts = train.of_cell("cell_000")
    assert counts.noisy.min() >= 0
    assert np.median(np.abs(counts.noisy - np.round(counts.noisy))) == 0
    subtracted = train.of_cell("cell_001")
    low, high = (x / x.max(1, keepdims=True) for x in (subtracted.noisy, subtracted.target))
    assert 0.15 < low.mean() < 0.35 and high.mean() < 0.6 * low.mean()
    raw_error = ((low - high) ** 2).mean()
    assert 0.025 < raw_error < 0.09  # the paper: about 0.057


def test_truth_is_closer_to_the_target_than_the_input_is(folder):
    pairs = read_pairs(folder)["test"]
    over = [x / x.max(1, keepdims=True) for x in (pairs.noisy, pairs.target, pairs.truth)]
    assert ((over[1] - over[2]) ** 2).mean() < 0.2 * ((over[0] - over[2]) ** 2).mean()


def test_seeds_repeat_and_differ(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_simulated_dataset(tmp_path / name, cells=2, test_cells=1, height=12, width=10, seed=seed)
    a, b, c = (read_pairs(tmp_path / name)["test"].noisy for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1


def test_mistakes(tmp_path, capsys):
    with pytest.raises(InputError, match="at least one training"):
        write_simulated_dataset(tmp_path / "x", cells=2, test_cells=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(["simulate", str(tmp_path / "full"), "--cells=2", "--test-cells=1", "--height=4", "--width=4"])
    assert stop.value.code == 2
    assert "full" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
