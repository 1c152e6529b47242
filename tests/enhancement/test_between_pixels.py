"""Shares of the usual mixture, kriging and networks between the pixels of a scan; networks whose answers are known."""

import numpy as np
from numpy.testing import assert_allclose

from deeper_jax.enhancement.between_pixels import scores_between
from deeper_jax.inference.map_restorer import TILE
from deeper_jax.spectra.kriging import fit_covariances, krige_raster
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

    def restore(self, scores, measured, raster=None, turned=False):
        shape = measured.shape if raster is None else raster.spread(measured).shape
        rows, columns = (2 * SIDE // side for side in shape)
        answer = truth(2 * SIDE)[::rows, ::columns] + (0.0 if raster is None else self.error)
        return answer, np.full(answer.shape, 1.0 + self.error)


def between(networks, usual, size=SIDE, certainty=(1.0, 1.0)):
    scan = truth(2 * SIDE)[: 2 * size : 2, : 2 * size : 2]
    noisy = scan + np.random.default_rng(0).standard_normal(scan.shape)
    present, raster = np.ones(scan.shape[:2], bool), Raster((2, 2), (0, 0))
    error = np.full(scan.shape, 0.1)
    return scores_between(noisy, scan, error, present, raster, networks, usual, np.array(certainty))


def test_where_left_out_pixels_show_a_network_to_be_wrong_its_share_falls():
    right, wrong = between([Network(0.0)], (0.2, 0.0, 0.8)), between([Network(60.0)], (0.2, 0.0, 0.8))
    assert right.shares[[0, 2]].sum() > 0.99 and wrong.shares[1] > 0.95
    assert_allclose([right.shares.sum(), wrong.shares.sum()], 1.0)
    fine = truth(2 * SIDE)
    assert ((right.scores - fine) ** 2).mean() < 0.3 * ((wrong.scores - fine) ** 2).mean()
    assert ((wrong.scores - fine) ** 2).mean() < 0.1 * 60**2


def test_the_first_network_takes_over_from_a_companion_that_is_worse():
    networks = [Network(1.0), Network(60.0)]
    found = between(networks, (0.2, 0.0, 0.0, 0.8))
    assert found.shares[2] > 0.95


def test_the_answer_is_the_mixture_that_the_shares_say():
    networks = [Network(3.0), Network(1.0)]
    found = between(networks, (0.2, 0.0, 0.0, 0.8), certainty=(1.0, 0.5))
    assert found.shares.shape == (3,) and (found.shares >= 0).all()
    only = between(networks[:1], (1.0, 0.0, 0.0), size=4)
    assert_allclose(only.shares, [1.0, 0.0, 0.0])
    # Interpolation alone keeps the pixels that were measured, and has the network's word on its error.
    assert_allclose(only.scores[::2, ::2], truth(2 * SIDE)[:8:2, :8:2], atol=1e-9)
    assert_allclose(only.std, 4.0)
    few = between(networks, (0.2, 0.0, 0.0, 0.8), size=4, certainty=(1.0, 0.5))
    assert_allclose(few.std[0, 0], (0.2 * 4.0 + 0.8 * 2.0) * np.array([1.0, 0.5]))
    # Half of it kriged, by what the kriging itself says.
    half = between(networks[:1], (0.5, 0.5, 0.0), size=4)
    noisy = truth(2 * SIDE)[:8:2, :8:2] + np.random.default_rng(0).standard_normal((4, 4, 2))
    covariances = fit_covariances(noisy, 1.0, (2, 2))
    kriged, deviation = krige_raster(
        truth(2 * SIDE)[:8:2, :8:2], covariances, np.array([0.01, 0.01]), Raster((2, 2), (0, 0))
    )
    assert_allclose(half.scores, (only.scores + kriged) / 2)
    assert_allclose(half.std, (4.0 + np.maximum(deviation, 4.0)) / 2)
    network = truth(2 * SIDE)[::6, ::6] + 1.0
    expected = 0.2 * truth(2 * SIDE)[:8:2, :8:2] + 0.8 * np.array([1.0, 0.5]) * network[::2, ::2]
    assert_allclose(few.scores[::2, ::2], expected, atol=1e-9)


def test_of_a_few_pixels_the_usual_shares_stay():
    assert_allclose(between([Network(60.0)], (0.2, 0.0, 0.8), size=4).shares, [1.0, 0.0, 0.0])


def test_a_large_map_is_asked_in_parts_and_gaps_are_not_asked_for():
    asked = []

    class Watched(Network):
        def restore(self, scores, measured, raster=None, turned=False):
            asked.append(measured.copy())
            shape = (*raster.spread(measured).shape, scores.shape[-1])
            return np.zeros(shape), np.ones(shape)

    image = np.random.default_rng(0).standard_normal((90, 70, 1)).cumsum(0)
    present = np.ones((90, 70), bool)
    present[:20, :10] = False
    found = scores_between(
        image, image, np.ones(image.shape), present, Raster((2, 2), (1, 1)), [Watched(0.0)], (0.5, 0.0, 0.5), np.ones(1)
    )
    assert found.scores.shape == (180, 140, 1) and np.isfinite(found.scores).all()
    assert {each.shape for each in asked[:-1]} == {(TILE // 4, TILE // 4)} and len(asked) == 4 * 5 + 1
    assert not any(each[:20, :10].any() for each in asked[:5])
