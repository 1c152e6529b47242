"""Averaging each pixel with those nearby that are made of the same, and with no others."""

import itertools

import numpy as np

# Distances in the map over which pixels help each other, pixels (standard deviation), and how far is looked.
REACH = 2.0
_FARTHEST = 5
# Difference of composition at which they stop to, in standard deviations of the noise of the scores.
TOLERANCE = 4.0


def average_similar(
    scores: np.ndarray, present: np.ndarray, *, reach: float = REACH, tolerance: float = TOLERANCE, passes: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Bilateral filter on the scores of a map.

    A pixel counts for its neighbour as their distance in the map and the difference of their scores, beyond what
    noise explains, allow. A droplet of a single pixel differs from its surroundings by many standard deviations and
    keeps its own scores; edges are not blurred. A second pass would compare the
    averages of the first.

    Args:
        scores: [..., K] on the grid of the map (any number of axes), in standard deviations of their noise.
        present: [...], false where no spectrum was measured.
        reach: pixels.
        tolerance: standard deviations.
        passes: times that pixels are compared.

    Returns:
        The averages [..., K], and [...] the variance of their noise, of 1 in the scores.
    """
    guide, spread = scores, np.ones(present.shape)
    average = scores
    for _ in range(passes):
        average, spread = _one_pass(scores, guide, spread, present, reach, tolerance)
        guide = average
    return average, spread


def _one_pass(
    scores: np.ndarray, guide: np.ndarray, spread: np.ndarray, present: np.ndarray, reach: float, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    total = np.zeros_like(scores)
    weights = np.zeros(present.shape)
    squares = np.zeros(present.shape)
    for shift in itertools.product(*(range(-min(_FARTHEST, n - 1), min(_FARTHEST, n - 1) + 1) for n in present.shape)):
        nearness = np.exp(-sum(step**2 for step in shift) / (2 * reach**2))
        here, there = _overlap(shift)
        difference = ((guide[here] - guide[there]) ** 2).sum(-1)
        by_noise = guide.shape[-1] * (spread[here] + spread[there]) * any(shift)
        weight = nearness * np.exp(-np.maximum(difference - by_noise, 0.0) / (2 * tolerance**2))
        weight = weight * present[here] * present[there]
        total[here] += weight[..., None] * scores[there]
        weights[here] += weight
        squares[here] += weight**2
    weights = np.where(weights > 0, weights, 1.0)
    return total / weights[..., None], squares / weights**2


def _overlap(shift: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where pixels lie that have a neighbour at `shift`, and where those neighbours lie."""
    here = tuple(slice(max(0, -step), -step if step > 0 else None) for step in shift)
    there = tuple(slice(max(0, step), step if step < 0 else None) for step in shift)
    return here, there
