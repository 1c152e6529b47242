"""What others do to whole maps: principal components of the whitened map, BM3D on their images, smoothed spectra.

With BM3D it is what FastHyDe does (Zhuang and Bioucas-Dias 2018), with the edge of white noise (Marchenko and Pastur
1967) to tell how many components there are. BM3D is taken where `bm3d` is installed; its licence is non-commercial, so
it is a peer in this benchmark and nothing else.
"""

import functools
import importlib.util
import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from deeper_jax.evaluation.reference_methods import whittaker
from deeper_jax.spectra.noise import estimate_noise

LAMBDAS = (0, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000)
# Components at most; and where the best for the truth is taken, their numbers and what BM3D is told of noise that is 1.
MOST = 40
COUNTS, TOLD = (1, 2, 3, 4, 5, 6, 8, 10, 12), (1.0, 0.7, 1.4)
NOT_INSTALLED = "bm3d is not installed"

# From score images [H, W, K], whose noise has a standard deviation of 1, to better ones.
Images = Callable[[np.ndarray], np.ndarray]


class Whitened(NamedTuple):
    """A map as `mean + scores @ components * noise`.

    Attributes:
        mean: [L].
        noise: [H, W, L], standard deviation, a pixel's times a channel's.
        scores: [H, W, K], of noise 1, the strongest first.
        components: [K, L], orthonormal rows.
        above_noise: how many are stronger than all of white noise.
    """

    mean: np.ndarray
    noise: np.ndarray
    scores: np.ndarray
    components: np.ndarray
    above_noise: int

    def spectra(self, scores: np.ndarray, lam: float) -> np.ndarray:
        """Spectra [H, W, L] of better scores [H, W, count] of the first components, smoothed by Whittaker's method."""
        found = self.mean + scores @ self.components[: scores.shape[-1]] * self.noise
        return whittaker(found.reshape(-1, found.shape[-1]), lam).reshape(found.shape)


def whitened(cube: np.ndarray) -> Whitened:
    """The principal components of a map [H, W, L] over its noise, which is estimated from it."""
    model, mean = estimate_noise(cube.reshape(-1, cube.shape[-1])), cube.mean((0, 1))
    by_pixel = model.std(gaussian_filter(cube.mean(-1), 1.0))[..., None]
    noise = by_pixel * model.std(mean) / model.std(np.asarray(mean.mean()))
    left, values, components = np.linalg.svd(((cube - mean) / noise).reshape(-1, len(mean)), full_matrices=False)
    above = int((values > np.sqrt(len(left)) + np.sqrt(len(mean))).sum())
    scores = (left[:, :MOST] * values[:MOST]).reshape(*cube.shape[:2], -1)
    return Whitened(mean, noise, scores, components[:MOST], min(above, MOST))


def as_they_are(scores: np.ndarray) -> np.ndarray:
    """The images of principal components alone."""
    return scores


def by_bm3d(scores: np.ndarray, told: float = 1.0) -> np.ndarray:
    """Each image [H, W] of [H, W, K] by BM3D."""
    from bm3d import bm3d

    better = np.empty_like(scores)
    for k in range(scores.shape[-1]):
        better[..., k] = bm3d(scores[..., k], told)
    return better


def peers() -> dict[str, tuple[Images, ...]]:
    """By name the ways to better images, the blind method's first; none where a peer is not installed."""
    bm3d = tuple(functools.partial(by_bm3d, told=told) for told in TOLD) if importlib.util.find_spec("bm3d") else ()
    return {"FastHyDe-like + Whittaker": bm3d, "PCA + Whittaker": (as_they_are,)}


def blind(counts: np.ndarray, images: Images, generator: np.random.Generator) -> np.ndarray:
    """Counts [H, W, L] denoised without any truth, [H, W, L].

    Components are those above the edge of white noise. How much to smooth the spectra, thinning tells: a map of half of
    the counts is scored on the other half.
    """
    half = generator.binomial(counts, 0.5)
    found = whitened(half.astype(np.float64))
    better = images(found.scores[..., : found.above_noise])
    lam = min(LAMBDAS, key=lambda each: float(((found.spectra(better, each) - (counts - half)) ** 2).mean()))
    found = whitened(counts.astype(np.float64))
    return found.spectra(images(found.scores[..., : found.above_noise]), lam)


def least_error(cube: np.ndarray, truth: np.ndarray, ways: tuple[Images, ...]) -> float:
    """Mean squared error of a map [H, W, L] with the number of components, way and smoothing that are best for it."""
    found = whitened(cube)
    errors = []
    for images in ways:
        better = images(found.scores[..., : max(COUNTS)])
        for count, lam in itertools.product(COUNTS, LAMBDAS):
            errors.append(float(((found.spectra(better[..., :count], lam) - truth) ** 2).mean()))
    return min(errors)
