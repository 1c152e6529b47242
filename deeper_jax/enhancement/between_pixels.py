"""Scores between the pixels of a scan: interpolated and by networks, in shares that the scan's own pixels decide on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.convex_shares import convex_shares
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.spectra.interpolation import interpolate_raster
from deeper_jax.spectra.raster import Raster

# By the raster's wider step: lobes of the interpolation.
_LOBES = {2: 3, 3: 2, 4: 2}
# Along a side of fewer pixels nothing can be left out.
_FEWEST = 8
# How much the best shares differ from sample to sample (standard deviation), about.
_SPREAD = 0.05


class ScoresBetween(NamedTuple):
    """Estimated scores on a finer grid.

    Attributes:
        scores: [H, W, K].
        std: [H, W, K], standard deviation of their error.
        shares: [1 + networks, K], of the interpolation and of each network; together 1.
    """

    scores: np.ndarray
    std: np.ndarray
    shares: np.ndarray


def scores_between(
    scores: np.ndarray,
    restored: np.ndarray,
    present: np.ndarray,
    raster: Raster,
    networks: Sequence[LoadedMapRestorer],
    usual: Sequence[float],
    certainty: np.ndarray,
) -> ScoresBetween:
    """Estimate scores on the finer grid of a raster.

    Every second row and column of the scan are taken for a scan, and all ways asked for the scores in between, where
    they were measured: what is best there, for structures of that size, is taken to be best for those half as wide. A
    sample that the networks were not made for is interpolated so. Where the pixels are few, or show nothing but noise,
    the usual shares stay.

    Args:
        scores: [h, w, K], as measured, in standard deviations of their noise.
        restored: [h, w, K], as estimated in these pixels; what is interpolated.
        present: [h, w], where a spectrum was measured.
        raster: where the pixels lie on the finer grid.
        networks: the first is the one that also restores the scan on its own grid.
        usual: shares of the interpolation and of each network that are best on most samples.
        certainty: [K], how much of each component's image by a network counts.
    """
    lobes = _LOBES[max(raster.step)]
    shares = _shares(scores, present, raster, networks, np.asarray(usual, np.float64), lobes)
    taken = shares[0] * _interpolated(restored, present, raster, lobes)
    std = np.zeros(taken.shape)
    for index, network in enumerate(networks):
        answer, deviation = network.restore(scores, present, raster)
        taken += shares[1 + index] * certainty * answer
        # The interpolation says nothing of its error: what the first network says of its own.
        std += (shares[1 + index] + (shares[0] if index == 0 else 0.0)) * certainty * deviation
    return ScoresBetween(taken, std, shares)


def _interpolated(images: np.ndarray, present: np.ndarray, raster: Raster, lobes: int) -> np.ndarray:
    planes = np.moveaxis(raster.spread(np.asarray(images, np.float64)), -1, 0)
    mask = raster.spread(present).astype(np.float64)
    return np.moveaxis(interpolate_raster(planes, mask, *raster, lobes), 0, -1)


def _shares(
    scores: np.ndarray,
    present: np.ndarray,
    raster: Raster,
    networks: Sequence[LoadedMapRestorer],
    usual: np.ndarray,
    lobes: int,
) -> np.ndarray:
    """See `scores_between`; [1 + networks, K]."""
    count = scores.shape[-1]
    unchanged = np.repeat(usual[:, None], count, 1)
    if any(step > 1 and size < _FEWEST for step, size in zip(raster.step, present.shape, strict=True)):
        return unchanged
    step = (min(raster.step[0], 2), min(raster.step[1], 2))
    inside = tuple(slice(size // each * each) for size, each in zip(present.shape, step, strict=True))
    scores, present = scores[inside], present[inside]
    products, target = np.zeros((count, len(usual), len(usual))), np.zeros((count, len(usual)))
    left, pixels = np.zeros(count), 0
    for offset in ((0, 0), (step[0] - 1, step[1] - 1)):
        half = Raster(step, offset)
        seen = present[half.places]
        asked = present & ~half.spread(np.ones_like(seen))
        if not seen.any() or not asked.any():
            continue
        own, _ = networks[0].restore(scores[half.places], seen)
        answers = [_interpolated(own, seen, half, lobes)[asked]]
        answers += [network.restore(scores[half.places], seen, half)[0][asked] for network in networks]
        ways, missing = np.stack(answers), scores[asked]
        # From the usual mixture on: what all agree in does not count.
        middle = np.einsum("w,wpk->pk", usual, ways)
        products += np.einsum("wpk,vpk->kwv", ways - middle, ways - middle)
        target += np.einsum("wpk,pk->kw", ways - middle, missing - middle)
        left += ((missing - middle) ** 2).sum(0)
        pixels += len(missing)
    if not pixels:
        return unchanged
    return np.stack([_shown(usual, *each, pixels) for each in zip(products, target, left, strict=True)], axis=1)


def _shown(usual: np.ndarray, products: np.ndarray, target: np.ndarray, left: float, pixels: int) -> np.ndarray:
    """The shares of one component: as far as the best mixture is better than chance would make it."""
    best = _nearest(usual, products, target, 1e-9 * (np.trace(products) + 1e-9))
    change = best - usual
    noise = max(left + change @ products @ change - 2 * target @ change, 1e-9) / pixels
    return _nearest(usual, products, target, noise / _SPREAD**2)


def _nearest(usual: np.ndarray, products: np.ndarray, target: np.ndarray, ridge: float) -> np.ndarray:
    """The best shares if those that differ from the usual ones cost `ridge` times the square of the difference."""
    return convex_shares(products + ridge * np.eye(len(usual)), target + ridge * usual)
