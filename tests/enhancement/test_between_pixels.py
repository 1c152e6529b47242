"""Shares of interpolation and networks between the pixels of a scan, with networks whose answers are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from deeper_jax.enhancement.between_pixels import scores_between
from deeper_jax.spectra.raster import Raster

SIDE = 24


def truth(size: int) -> np.ndarray:
    """Two images of a sample, [size, size, 2], sharp enough that interpolation errs."""
    y, x = np.mgrid[:size, :size] * (2 * SIDE / size)
    return np.stack([40.0 * (np.hypot(y - 22, x - 25) < 13), 30.0 * ((x // 7 + y // 9) % 2)], -1)


class Network:
    """Answers with the truth, and on a finer grid with the truth plus `error`, whatever it is given."""

    def __init__(self, error: float) -> None:
        self.error = error

    def restore(self, scores, measured, raster=None):
        shape = measured.shape if raster is None else raster.spread(measured).shape
        rows, columns = (2 * SIDE // side for side in shape)
        answer = truth(2 * SIDE)[::rows, ::columns] + (0.0 if raster is None else self.error)
        return answer, np.full(answer.shape, 1.0 + self.error)


def between(networks, usual, size=SIDE, certainty=(1.0, 1.0)):
    scan = truth(2 * SIDE)[: 2 * size : 2, : 2 * size : 2]
    noisy = scan + np.random.default_rng(0).standard_normal(scan.shape)
    present, raster = np.ones(scan.shape[:2], bool), Raster((2, 2), (0, 0))
    return scores_between(noisy, scan, present, raster, networks, usual, np.array(certainty))


def test_where_held_out_pixels_show_a_network_to_be_wrong_its_share_falls():
    right, wrong = between([Network(0.0)], (0.2, 0.8)), between([Network(60.0)], (0.2, 0.8))
    assert right.shares[1].min() > 0.79 and wrong.shares[1].max() < 0.4
    assert_allclose(right.shares.sum(0), 1.0)
    fine = truth(2 * SIDE)
    assert ((right.scores - fine) ** 2).mean() < 0.3 * ((wrong.scores - fine) ** 2).mean()


def test_the_answer_is_the_mixture_that_the_shares_say():
    networks = [Network(3.0), Network(1.0)]
    found = between(networks, (0.2, 0.0, 0.8), certainty=(1.0, 0.5))
    assert found.shares.shape == (3, 2) and (found.shares >= 0).all()
    only = between(networks[:1], (1.0, 0.0), size=4)
    assert_allclose(only.shares, [[1.0, 1.0], [0.0, 0.0]])
    # Interpolation alone keeps the pixels that were measured, and has the network's word on its error.
    assert_allclose(only.scores[::2, ::2], truth(2 * SIDE)[:8:2, :8:2], atol=1e-9)
    assert_allclose(only.std, 4.0)
    deviation = (found.shares[0] + found.shares[1]) * 4.0 + found.shares[2] * 2.0
    assert_allclose(found.std[0, 0], deviation * [1.0, 0.5])


@pytest.mark.parametrize("size", [4, 6])
def test_of_a_few_pixels_the_usual_shares_stay(size):
    found = between([Network(60.0)], (0.2, 0.8), size=size)
    assert_allclose(found.shares, [[0.2, 0.2], [0.8, 0.8]])
