"""The benchmark of the whole command measures what it says."""

import numpy as np
import pytest

from benchmarks import command
from benchmarks.command import best_pca, cost_of, mean_square, simulated
from deeper_jax.maps import read_map


def test_costs_are_those_of_the_process():
    large = bytearray(800_000_000)  # a child must not take over what its parent holds
    cost = cost_of("-c", "x = bytearray(300_000_000); sum(i for i in range(3_000_000))")
    assert len(large) and 0.3 < cost.memory < 0.4
    assert 0.02 < cost.processor <= 2 * cost.seconds
    with pytest.raises(RuntimeError, match="ended with 3"):
        cost_of("-c", "raise SystemExit(3)")


def test_the_peer_is_the_best_of_its_settings_on_the_truth(tmp_path):
    path, truth = simulated((8, 9, 100), tmp_path)
    assert path.is_file() and truth.shape == (8, 9, 100) and np.isfinite(truth).all()
    components, smoothing = best_pca(path, truth).split(",")
    assert int(components) in (2, 3, 4, 6) and int(smoothing) in (10, 30, 100)


def test_a_large_map_is_a_mosaic_made_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "LARGEST_AT_ONCE", 1000)
    monkeypatch.setattr(command, "TILE", 6)
    path, truth = simulated((13, 8, 40), tmp_path)
    measured = read_map(path)
    assert measured.shape == truth.shape == (13, 8, 40) and truth.std(-1).min() > 0
    assert not np.array_equal(truth[:6, :2], truth[:6, 6:8])
    np.testing.assert_allclose(mean_square(path, truth), ((measured.values - truth) ** 2).mean(), rtol=1e-5)
