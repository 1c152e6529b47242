"""The benchmarks of restoration run, each on the smallest case, and say what they should."""

from typing import NamedTuple

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from restoration_tables import rows, smooth_truth

from benchmarks.restoration import samples
from benchmarks.restoration.real_finer import jackknife
from deeper_jax.simulator.config import default_wavenumbers

AXIS = default_wavenumbers()


class Sample(NamedTuple):
    low: jax.Array
    low_truth: jax.Array


def simulate(key, height, width, axis, config):
    """A smooth sample in no time."""
    truth = smooth_truth(height, width, axis, 60 * config.signal_level[0])
    return Sample(jax.random.poisson(key, truth), truth)


@pytest.fixture(autouse=True)
def quick_samples(monkeypatch):
    for kind, (_, config) in list(samples.SIMULATED.items()):
        monkeypatch.setitem(samples.SIMULATED, kind, (simulate, config))


@pytest.fixture(scope="module")
def map_file(tmp_path_factory):
    """A map of 20 x 18 pixels, photo-electrons."""
    path = tmp_path_factory.mktemp("maps") / "smooth.npz"
    config = samples.quiet(samples.SIMULATED["cell"][1], 1.0)
    cube = np.asarray(simulate(jax.random.key(0), 20, 18, AXIS, config).low, np.float32)
    np.savez(path, cube=cube, wavenumber=AXIS)
    return path


def test_measured_maps_made_finer(capsys, map_file):
    (row,) = rows(capsys, "real_finer", "--maps", map_file, "--scales=2", "--starts=1")
    assert row[:3] == ["smooth.npz", "2", "10 x 9"]
    ratio, low, high = (float(each.strip("()")) for each in row[5].replace(" to ", " ").split())
    assert 0 < low < ratio < high < 3 and row[6] in ("better", "tie", "worse")


def test_the_interval_of_a_ratio_holds_it():
    draw, noise, held = np.random.default_rng(0), np.full((5, 5), 2.0), 0
    for _ in range(200):
        ours, best = (noise + mean * draw.gamma(3.0, 1 / 3, (5, 5)) for mean in (0.8, 1.0))
        ratio = jackknife(np.stack([ours, best, noise]))
        assert_allclose(ratio.value, (ours - noise).sum() / (best - noise).sum())
        held += ratio.low < 0.8 < ratio.high
    assert 180 <= held <= 199


@pytest.mark.parametrize("arguments", [["cells"], ["dose", "--steps=1,2"]])
def test_simulated_samples(capsys, arguments):
    table = rows(capsys, *arguments, "--samples=1", "--side=12", "--levels=1")
    assert len(table) == 2
    assert all(0 < float(cell) < 20 for row in table for cell in row[2:])


def test_simulated_samples_made_finer_and_taken_up_again(capsys, tmp_path):
    arguments = ["finer", "--side=24", "--levels=1", "--scales=2", f"--rows={tmp_path / 'rows.jsonl'}"]
    table = rows(capsys, *arguments, "--cells=1", "--sections=0")
    names = [row[0] for row in table]
    assert names[0] == "enhance --scale" and len(names) == 4
    assert [[0 < float(row[1]) < 100, 0.5 < float(row[4]) <= 1, 0 <= float(row[5]) <= 100] for row in table] == 4 * [
        3 * [True]
    ], table
    (before,) = (tmp_path / "rows.jsonl").read_text().splitlines()
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write(before[: len(before) // 2])  # killed while it wrote
    rows(capsys, *arguments, "--cells=1", "--sections=1")
    after = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert after[0] == before and '"cartilage"' in after[-1] and len(after) < 4


def test_errors_alone_are_the_same_and_do_not_pass_for_the_rest(capsys, tmp_path):
    path = tmp_path / "rows.jsonl"
    arguments = ["finer", "--side=24", "--levels=1", "--scales=2", f"--rows={path}", "--cells=1", "--sections=0"]
    brief = rows(capsys, *arguments, "--errors")
    assert [row[0] for row in brief][0] == "enhance --scale" and [len(row) for row in brief] == [2, 4, 4]
    whole = rows(capsys, *arguments)
    assert len(whole) == 4 and [row[:2] for row in whole[:3]] == [row[:2] for row in brief]
    assert len(path.read_text().splitlines()) == 2


def test_the_cost_of_a_small_map(capsys):
    (row,) = rows(capsys, "cost", "--sizes", "8,8,60,2")
    assert row[0] == "8 x 8 x 60" and float(row[2]) > 0.5
