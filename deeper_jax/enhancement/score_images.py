"""The images of a map's components, each estimated by the mixture of ways that suits it best."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from deeper_jax.enhancement.convex_shares import convex_shares
from deeper_jax.enhancement.similar_pixels import bilateral_filter

# From score images [h, w, K] and measured pixels [h, w] to the restored images and the deviation of their error.
Restore = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Variance of the noise that is added to one half, in units of the noise that is there.
_ADDED = 0.5
# Pixels that lie together count as one where the error's own uncertainty is reckoned, at most so many of these blocks.
_BLOCK, _MOST_BLOCKS = 16, 64
# What keeps the weights of a mixture from following noise, as a share of what they are fitted to.
_RIDGE = 0.02


class HeldOutError(NamedTuple):
    """The mean squared error of a spectrum's scores, summed over the components, as held-out noisy scores show it.

    Attributes:
        square: in units of the noise's variance of one score; by chance it may be below 0.
        half_width: of its 95 % interval.
    """

    square: float
    half_width: float


class ScoreEstimate(NamedTuple):
    """Estimated scores.

    Attributes:
        scores: [..., K] on the grid.
        std: [..., K], standard deviation of their error.
        weights: by the name of a way, [K], its share in each component's answer; they add up to 1.
        held_out: error of such an estimate from 1 / 1.5 of the light.
    """

    scores: np.ndarray
    std: np.ndarray
    weights: dict[str, np.ndarray]
    held_out: HeldOutError


def best_scores(
    scores: np.ndarray, present: np.ndarray, noise: Iterable[np.ndarray], restorers: Mapping[str, Restore]
) -> ScoreEstimate:
    """Estimate each component's image by the mixture of ways that proves best on it.

    Which is best is seen by splitting the data: noise n added to the scores, and n over its variance taken from
    them, gives two measurements whose noise is independent if that of the scores is normal and n is like it
    (Oliveira, Lei and Tibshirani 2021; for counts, thinning is the same). The mixture of the ways' answers to the
    first that is nearest to the second is taken. It needs no truth and no second measurement. As n serves what the
    same map holds in spectra that are no component of it: noise that is correlated from pixel to pixel is so there too.

    Args:
        scores: [..., K] on a grid of any number of axes, in standard deviations of their noise.
        present: [...], false where nothing was measured.
        noise: for each split images [..., K] like the noise of the scores, of variance 1.
        restorers: two-dimensional networks, further ways, by name.
    """
    ways: dict[str, Restore] = {"as measured": _own, "similar pixels": _by_similar_pixels, **restorers}
    count = scores.shape[-1]
    starts = _block_starts(int(present.sum()))
    products = np.zeros((len(starts), count, len(ways), len(ways)))
    target, left, splits = np.zeros((len(starts), count, len(ways))), np.zeros((len(starts), count)), 0
    for image in noise:
        first = (scores + np.sqrt(_ADDED) * image) / np.sqrt(1 + _ADDED)
        # Less the first way, the scores themselves, so that what all agree in does not count.
        own = np.sqrt(1 + _ADDED) * first[present]
        second = (scores - image / np.sqrt(_ADDED))[present] - own
        others = []
        for way in list(ways.values())[1:]:
            answer = np.sqrt(1 + _ADDED) * way(first, present)[0][present]
            answer -= own
            others.append(answer)
        del first, own
        left += _sums(second, second, starts)
        for w, answer in enumerate(others, 1):
            target[..., w] += _sums(answer, second, starts)
            for v, other in enumerate(others[:w], 1):
                products[..., w, v] += _sums(answer, other, starts)
                products[..., v, w] = products[..., w, v]
        splits += 1
        del others, second
    weights = np.stack([_mixture(*each) for each in zip(products.sum(0), target.sum(0), strict=True)], axis=1)
    taken, variance = np.zeros(scores.shape), np.zeros(scores.shape)
    for weight, way in zip(weights, ways.values(), strict=True):
        if weight.any():
            answer, deviation = way(scores, present)
            taken += weight * answer
            variance += weight * deviation**2
    squares = (
        left - 2 * np.einsum("wk,bkw->bk", weights, target) + np.einsum("wk,bkwv,vk->bk", weights, products, weights)
    )
    held_out = _held_out(squares, starts, int(present.sum()), splits)
    return ScoreEstimate(taken, np.sqrt(variance), dict(zip(ways, weights, strict=True)), held_out)


def _sums(first: np.ndarray, second: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sums of the products of [P, K] over blocks of pixels, [blocks, K]."""
    ends = [*starts[1:], len(first)]
    return np.stack([np.einsum("pk,pk->k", first[a:b], second[a:b]) for a, b in zip(starts, ends, strict=True)])


def _block_starts(pixels: int) -> np.ndarray:
    """Where blocks of consecutive pixels begin."""
    blocks = min(max(pixels // _BLOCK, 1), _MOST_BLOCKS)
    return np.linspace(0, pixels, blocks, endpoint=False).astype(int)


def _held_out(squares: np.ndarray, starts: np.ndarray, pixels: int, splits: int) -> HeldOutError:
    """Of the squared differences [blocks, K] from the halves that were held out, the part that is not their noise."""
    sizes = splits * np.diff([*starts, pixels])
    errors = (squares / sizes[:, None] - (1 + 1 / _ADDED)).sum(1)
    square = float(np.average(errors, weights=sizes))
    spread = float(errors.std(ddof=1)) if len(errors) > 1 else float("inf")
    return HeldOutError(square, float(stdtrit(max(len(errors) - 1, 1), 0.975)) * spread / math.sqrt(len(errors)))


def _mixture(products: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Shares of the ways that come nearest to the target."""
    count = len(target)
    if count == 1 or not products.any():
        return np.eye(count)[0]
    return convex_shares(products + _RIDGE * np.trace(products) / count * np.eye(count), target)


def _own(scores: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return scores, np.broadcast_to(1.0, scores.shape)


def _by_similar_pixels(scores: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The constant spectrum, the first, keeps its scores: offsets of read-outs do not tell what is alike."""
    average = bilateral_filter(scores[..., 1:], present)[0]
    # What averaging takes of the noise, the differences between the pixels bring back, about.
    return np.concatenate([scores[..., :1], average], -1), np.broadcast_to(1.0, scores.shape)
