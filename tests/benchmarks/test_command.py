"""The benchmark of the whole command measures what it says."""

import numpy as np
import pytest

from benchmarks.command import best_pca, cost_of, simulated


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
