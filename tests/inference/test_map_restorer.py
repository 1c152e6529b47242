"""The loaded map restorer: maps whose sides the network cannot halve twice."""

import numpy as np

import deeper_jax
from deeper_jax.tasks.load import DEFAULT_RESTORER

SIDE = 60  # padded to 64


def sample():
    """Score images of stripes, an edge and a slope, [SIDE, SIDE, 3]: turned by half a turn they change their sign."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.stack([30 * np.sin(x / 5), 25 * np.sign(x + 0.5 * y), 0.7 * y + 0.3 * x], -1)


def test_the_sides_that_are_padded_are_as_good_as_the_others():
    truth = sample()
    noisy = truth + np.random.default_rng(0).standard_normal(truth.shape)
    error = (deeper_jax.load(DEFAULT_RESTORER).restore(noisy, np.ones(truth.shape[:2], bool))[0] - truth) ** 2
    assert error[-10:].mean() < 1.15 * error[:10].mean()
    assert error[:, -10:].mean() < 1.15 * error[:, :10].mean()
