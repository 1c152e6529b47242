"""The benchmark of BatchNorm by device: what it trains, what it refuses, and its table."""

import jax
import numpy as np
import pytest

from benchmarks import batch_statistics, data_paths
from deeper_jax.errors import InputError


def test_both_ways_are_trained_alike_and_compared_by_cell(tmp_path, monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(data_paths, "train", lambda config, job, workdir: trained.append((workdir.name, config)))
    monkeypatch.setattr(data_paths, "training_job", lambda config: None)
    monkeypatch.setattr(data_paths, "read_pairs", lambda folder: {"test": None})
    cells = np.linspace(2e-3, 3e-3, 8)[:, None] * np.ones(2)
    monkeypatch.setattr(data_paths, "errors", lambda workdir, _: cells * (1.1 if "device" in workdir.name else 1))
    batch_statistics.run(tmp_path, seeds=2, steps=7)
    assert [name for name, _ in trained] == ["all_0", "device_0", "all_1", "device_1"]
    for (_, one), (_, other) in zip(trained[::2], trained[1::2], strict=True):
        assert (one.train.batch_statistics, other.train.batch_statistics) == ("all", "device")
        assert one.model.batch_norm and one.seed == other.seed and one.train.steps == other.train.steps == 7
        other.train.batch_statistics = "all"
        assert one.to_dict() == other.to_dict()
    row = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| of each device")]
    assert row[0][1].startswith("2.750 (") and row[0][2].startswith("+0.250 (")


def test_one_device_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    with pytest.raises(InputError, match="one device"):
        batch_statistics.run(tmp_path, seeds=1, steps=1)
