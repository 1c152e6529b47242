"""The images of a map's components, each estimated by the mixture of ways that suits it best."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from deeper_jax.enhancement.similar_pixels import bilateral_filter

# From score images [h, w, K] and measured pixels [h, w] to the restored images and the deviation of their error.
Restore = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Variance of the noise that is added to one half, in units of the noise that is there.
_ADDED = 0.5
# What keeps the weights of a mixture from following noise, as a share of what they are fitted to.
_RIDGE = 0.02


class ScoreEstimate(NamedTuple):
    """Estimated scores.

    Attributes:
        scores: [..., K] on the grid.
        std: [..., K], standard deviation of their error.
        weights: by the name of a way, [K], its share in each component's answer; they add up to 1.
    """

    scores: np.ndarray
    std: np.ndarray
    weights: dict[str, np.ndarray]


def best_scores(
    scores: np.ndarray, present: np.ndarray, noise: Iterable[np.ndarray], restore: Restore | None
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
        restore: the network; None: without it.
    """
    ways = _ways(restore)
    products = np.zeros((scores.shape[-1], len(ways), len(ways)))
    target = np.zeros((scores.shape[-1], len(ways)))
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
        for w, answer in enumerate(others, 1):
            target[:, w] += np.einsum("pk,pk->k", answer, second)
            for v, other in enumerate(others[:w], 1):
                products[:, w, v] += np.einsum("pk,pk->k", answer, other)
                products[:, v, w] = products[:, w, v]
        del others, second
    weights = np.stack([_mixture(*each) for each in zip(products, target, strict=True)], axis=1)
    taken, variance = np.zeros(scores.shape), np.zeros(scores.shape)
    for weight, way in zip(weights, ways.values(), strict=True):
        if weight.any():
            answer, deviation = way(scores, present)
            taken += weight * answer
            variance += weight * deviation**2
    return ScoreEstimate(taken, np.sqrt(variance), dict(zip(ways, weights, strict=True)))


def _mixture(products: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Shares of the ways, 0 or more and together 1, that come nearest to the target."""
    count = len(target)
    if count == 1 or not products.any():
        return np.eye(count)[0]
    products = products + _RIDGE * np.trace(products) / count * np.eye(count)
    root = np.linalg.cholesky(products)
    # A heavy last row makes the sum 1.
    heavy = 1e3 * np.sqrt(np.trace(products))
    rows = np.vstack([root.T, np.full(count, heavy)])
    shares, _ = nnls(rows, np.append(np.linalg.solve(root, target), heavy))
    return shares / shares.sum()


def _ways(restore: Restore | None) -> dict[str, Restore]:
    ways: dict[str, Restore] = {"as measured": _own, "similar pixels": _by_similar_pixels}
    return ways if restore is None else {**ways, "network": restore}


def _own(scores: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return scores, np.broadcast_to(1.0, scores.shape)


def _by_similar_pixels(scores: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The constant spectrum, the first, keeps its scores: offsets of read-outs do not tell what is alike."""
    average = bilateral_filter(scores[..., 1:], present)[0]
    # What averaging takes of the noise, the differences between the pixels bring back, about.
    return np.concatenate([scores[..., :1], average], -1), np.broadcast_to(1.0, scores.shape)
