"""Which estimate of a component's image is taken, on images whose truth is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter

from deeper_jax.enhancement.score_images import best_scores

SHAPE = (32, 32)
PRESENT = np.ones(SHAPE, bool)


def smooth(scores, present):
    """A stand-in for the network: good on smooth images, bad on others."""
    return gaussian_filter(scores, (2, 2, 0)), np.full(scores.shape, 0.2)


def images(seed):
    """A constant component and two: of a smooth image and of a white one; scores and truth [32, 32, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    truth = np.stack([0 * x, 8 * np.sin(x / 8) * np.cos(y / 9), 8 * rng.standard_normal(SHAPE)], -1)
    return truth + rng.standard_normal(truth.shape), truth, rng.standard_normal((2, *truth.shape))


def test_each_image_is_estimated_in_the_way_that_suits_it():
    scores, truth, noise = images(0)
    found = best_scores(scores, PRESENT, noise, {"network": smooth})
    assert found.weights["network"][1] > 0.7 and found.weights["network"][2] < 0.05
    assert_allclose(sum(found.weights.values()), 1.0)
    error = ((found.scores - truth) ** 2).mean((0, 1))
    assert error[1] < 0.2 and error[2] < 1.1


@pytest.mark.parametrize("seed", range(3))
def test_a_mixture_is_about_as_good_as_the_best_way_or_better(seed):
    scores, truth, noise = images(seed)
    error = ((best_scores(scores, PRESENT, noise, {"network": smooth}).scores - truth) ** 2).mean((0, 1))
    without = ((best_scores(scores, PRESENT, noise, {}).scores - truth) ** 2).mean((0, 1))
    alone = ((smooth(scores, PRESENT)[0] - truth) ** 2).mean((0, 1))
    assert (error < 1.1 * np.minimum(without, alone) + 0.01).all()


def test_noise_that_neighbours_share_is_not_taken_for_an_image():
    rng = np.random.default_rng(3)
    noise = gaussian_filter(rng.standard_normal((3, *SHAPE, 2)), (0, 1, 1, 0))
    noise /= noise.std()

    def nothing(scores, present):
        return np.zeros_like(scores), np.ones(scores.shape)

    # There is no image at all: with noise like its own for comparison that is seen, with white noise it is not.
    networks, white = {"network": nothing}, rng.standard_normal((2, *SHAPE, 2))
    told = best_scores(noise[0], PRESENT, noise[1:], networks).weights["network"]
    untold = best_scores(noise[0], PRESENT, white, networks).weights["network"]
    assert told[1] > 0.7 and untold[1] < 0.1


def test_what_lies_in_gaps_does_not_matter():
    scores, _, noise = images(1)
    present = PRESENT.copy()
    present[10:14, 5:20] = False
    other = scores.copy()
    other[~present] = 0.0
    scores[~present] = 0.0
    noise[:, ~present] = 0.0
    first = best_scores(scores, present, noise, {})
    noise[:, ~present] = 7.0
    assert_allclose(best_scores(other, present, noise, {}).weights["similar pixels"], first.weights["similar pixels"])


@pytest.mark.parametrize("strength", [0.0, 8.0])
def test_held_out_scores_tell_the_error(strength):
    """Against the truth, of the same ways given as little light as the first half has."""
    told, true = [], []
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        truth = np.stack([0 * x, strength * np.sin(x / 4) * np.cos(y / 5)], -1)
        scores, noise = truth + rng.standard_normal(truth.shape), rng.standard_normal((2, *truth.shape))
        found = best_scores(scores, PRESENT, noise, {"network": smooth})
        told.append(found.held_out)
        first = (scores + np.sqrt(0.5) * noise[0]) / np.sqrt(1.5)
        ways = {
            "as measured": first,
            "network": smooth(first, PRESENT)[0],
            "similar pixels": best_scores(first, PRESENT, noise, {}).scores,
        }
        # The share of similar pixels is small here: any answer of that kind will do.
        answer = sum(found.weights[name] * np.sqrt(1.5) * each for name, each in ways.items())
        true.append(((answer - truth) ** 2).sum(-1).mean())
    squares, halves = np.array(told).T
    deviation = (squares - true).std() / np.sqrt(len(true))
    assert abs(squares.mean() - np.mean(true)) < 3 * deviation + 0.02
    # About 95 % of the intervals hold it.
    assert (np.abs(squares - true) < halves).sum() >= 9
    assert 0.3 < 2 * (squares - true).std() / halves.mean() < 3


def test_of_a_few_pixels_no_interval_is_told():
    scores = np.random.default_rng(0).standard_normal((3, 5, 2))
    found = best_scores(scores, np.ones((3, 5), bool), np.random.default_rng(1).standard_normal((2, 3, 5, 2)), {})
    assert np.isinf(found.held_out.half_width)
