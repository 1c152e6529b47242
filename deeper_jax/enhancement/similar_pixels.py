"""Averaging each pixel with those nearby that are made of the same, and with no others."""

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter

from deeper_jax.enhancement.blocks import on_all_cores, slices_of

# Distances in the map over which pixels help each other, pixels (standard deviation), and how far is looked.
REACH = 2.0
_FARTHEST = 5
# Difference of composition at which they stop to, in standard deviations of the noise of the scores.
TOLERANCE = 6.0
# Where pixels and their averages differ by more than this many times the variance of noise, they are not the same.
_SAME = 2.0
_WINDOW = 3  # pixels over which that is judged
# Numbers that a core looks at together.
_TOGETHER = 1 << 17


def bilateral_filter(
    scores: np.ndarray, present: np.ndarray, *, reach: float = REACH, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray]:
    """Bilateral filter on the scores of a map.

    A pixel counts for its neighbour as their distance in the map and the difference of their scores, beyond what
    noise explains, allow. A droplet of a single pixel differs from its surroundings by many standard deviations and
    keeps its own scores; edges are not blurred. Where scores and averages still differ by more than noise does, over
    the nearest pixels, the scores come back as far as they do (James and Stein).

    Args:
        scores: [..., K] on the grid of the map (any number of axes), in standard deviations of their noise.
        present: [...], false where no spectrum was measured.
        reach: pixels.
        tolerance: standard deviations.

    Returns:
        The averages [..., K], and [...] the variance of their noise, of 1 in the scores.
    """
    average, spread = np.empty(scores.shape), np.empty(present.shape)
    farthest = tuple(min(_FARTHEST, size - 1) for size in present.shape)

    def look(lines: slice) -> None:
        """With the lines around that their pixels are averaged with."""
        first = max(0, lines.start - farthest[0])
        part, inner = slice(first, lines.stop + farthest[0]), slice(lines.start - first, lines.stop - first)
        found = _weighted_means(scores[part], present[part], farthest, reach, tolerance)
        average[lines], spread[lines] = (each[inner] for each in found)

    on_all_cores(look, slices_of(len(present), scores[0].size, _TOGETHER))
    share = _own_share(scores - average, spread, present)
    own = (share**2).mean(-1)
    return average + share * (scores - average), np.minimum(spread + own, 1.0)


def _own_share(difference: np.ndarray, spread: np.ndarray, present: np.ndarray) -> np.ndarray:
    """How much of the difference between scores and averages is more than noise, [..., K] from 0 to 1."""
    near = (*(_WINDOW,) * present.ndim, 1)
    measured = present[..., None].astype(np.float64)
    found = uniform_filter(difference**2 * measured, near) / np.maximum(uniform_filter(measured, near), 1e-9)
    expected = _SAME * np.maximum(1.0 - spread, 0.05)[..., None]
    return np.clip(1.0 - expected / np.maximum(found, 1e-9), 0.0, 1.0) * measured


def _weighted_means(
    scores: np.ndarray, present: np.ndarray, farthest: Sequence[int], reach: float, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    # A plane for each component, so that sums over them run along the pixels.
    planes = np.ascontiguousarray(np.moveaxis(scores, -1, 0))
    total = planes * present
    weights = present.astype(np.float64)
    squares = weights.copy()
    by_noise = 2 * len(planes)
    for shift in itertools.product(*(range(-far, far + 1) for far in farthest)):
        # A pixel weighs for its neighbour what the neighbour weighs for it.
        if shift <= (0,) * len(shift):
            continue
        here, there = _overlap(shift)
        difference = np.zeros(weights[here].shape)
        for plane in planes:
            step = plane[here] - plane[there]
            difference += step * step
        nearness = sum(step**2 for step in shift) / (2 * reach**2)
        weight = np.exp(-np.maximum(difference - by_noise, 0.0) / (2 * tolerance**2) - nearness)
        weight *= present[here] & present[there]
        for one, other in ((here, there), (there, here)):
            weights[one] += weight
            squares[one] += weight * weight
            for plane, sums in zip(planes, total, strict=True):
                sums[one] += weight * plane[other]
    weights = np.where(weights > 0, weights, 1.0)
    return np.moveaxis(total / weights, 0, -1), squares / weights**2


def _overlap(shift: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where pixels lie that have a neighbour at `shift`, and where those neighbours lie."""
    here = tuple(slice(max(0, -step), -step if step > 0 else None) for step in shift)
    there = tuple(slice(max(0, step), step if step < 0 else None) for step in shift)
    return here, there
