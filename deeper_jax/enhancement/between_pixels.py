"""Scores between the pixels of a scan: interpolated, kriged and by networks, as the scan's own pixels decide."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.convex_shares import convex_shares
from deeper_jax.inference.map_restorer import ONE_GRID, TILE, LoadedMapRestorer
from deeper_jax.spectra.interpolation import interpolate_raster
from deeper_jax.spectra.kriging import Covariance, fit_covariances, krige_hidden, krige_raster
from deeper_jax.spectra.raster import Raster

# By the raster's wider step: lobes of the interpolation.
_LOBES = {2: 3, 3: 2, 4: 2}
# Of fewer pixels none can be left out.
_FEWEST = 24
# Every pixel is left out once, one in so many at a time; those left out lie a knight's move apart.
_LEFT_OUT = 5
# Of a map that the networks see in more than one tile, so many parts each way, half a tile wide, tell enough.
_PARTS = 2
# How much the best shares differ from sample to sample (standard deviation), about.
_SPREAD = 0.3


class ScoresBetween(NamedTuple):
    """Estimated scores on a finer grid.

    Attributes:
        scores: [H, W, K].
        std: [H, W, K], standard deviation of their error.
        shares: [3], of the usual mixture, of kriging and of the first network; together 1.
    """

    scores: np.ndarray
    std: np.ndarray
    shares: np.ndarray


def scores_between(
    scores: np.ndarray,
    restored: np.ndarray,
    error: np.ndarray,
    present: np.ndarray,
    raster: Raster,
    networks: Sequence[LoadedMapRestorer],
    usual: Sequence[float],
    certainty: np.ndarray,
    last: tuple[np.ndarray, np.ndarray] | None = None,
) -> ScoresBetween:
    """Estimate scores on the finer grid of a raster.

    Pixels of the scan are left out, and the usual mixture, kriging and the first network asked for them: what is best
    there is taken to be best between the pixels. So a sample that the networks were not made for, or whose structures
    are narrower than the steps, is kriged. Where the pixels are few, or show nothing but noise, the usual shares stay.

    Args:
        scores: [h, w, K], as measured, in standard deviations of their noise.
        restored: [h, w, K], as estimated in these pixels; what is interpolated.
        error: [h, w, K], standard deviation of the error of these.
        present: [h, w], where a spectrum was measured.
        raster: where the pixels lie on the finer grid.
        networks: the first is the one that also restores the scan on its own grid.
        usual: shares of the interpolation, of kriging and of each network that are best on most samples.
        certainty: [K], how much of each component's image by a network counts.
        last: what the last network answers to the scores from all sides, if that is known.
    """
    complete = _interpolated(scores, present, ONE_GRID, _LOBES[2])
    covariances = fit_covariances(complete, 1.0, raster.step)
    shares = _shares(complete, present, raster, networks, np.asarray(usual, np.float64), covariances)
    # That of the last, which counts most, from all sides.
    answers = [network.restore(scores, present, raster) for network in networks[:-1]]
    answers.append(last or networks[-1].restore(scores, present, raster, turned=True))
    # The interpolation says nothing of its error, and kriging what holds for the image as a whole: not less than what
    # the first network says of its own.
    by_network = certainty * answers[0][1]
    kriged, deviation = krige_raster(
        _interpolated(restored, present, ONE_GRID, _LOBES[2]), covariances, (error[present] ** 2).mean(0), raster
    )
    ways = [(_interpolated(restored, present, raster, _LOBES[max(raster.step)]), by_network)]
    ways += [(kriged, np.maximum(deviation, by_network))]
    ways += [(certainty * answer, certainty * deviation) for answer, deviation in answers]
    weighted = list(zip(shares[0] * np.asarray(usual), ways, strict=True))
    weighted += [(shares[1], ways[1]), (shares[2], ways[2])]
    taken, std = (sum(share * way[index] for share, way in weighted) for index in (0, 1))
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
    covariances: Sequence[Covariance],
) -> np.ndarray:
    """See `scores_between`; [3]."""
    first = np.array([1.0, 0.0, 0.0])
    products, target, left, count = np.zeros((3, 3)), np.zeros(3), 0.0, 0
    for part in _parts(present, raster):
        here, measured = scores[part], present[part]
        for hidden in _left_out(measured):
            seen = measured & ~hidden
            kriged = krige_hidden(here, covariances, np.ones(len(covariances)), hidden)
            answers = [network.restore(here, seen, raster)[0][raster.places][hidden] for network in networks]
            # Kriging stands for the interpolation too, which cannot be asked where a pixel of its raster is missing.
            mixture = np.tensordot(usual, np.stack([kriged, kriged, *answers]), axes=1)
            # From the usual mixture on: what all agree in does not count.
            ways = np.stack([mixture, kriged, answers[0]]) - mixture
            missing = here[hidden] - mixture
            products += np.einsum("wpk,vpk->wv", ways, ways)
            target += np.einsum("wpk,pk->w", ways, missing)
            left += float((missing**2).sum())
            count += missing.size
    if not count:
        return first
    # As far as the best mixture is better than chance would make it.
    best = _nearest(first, products, target, 1e-9 * (np.trace(products) + 1e-9))
    noise = max(left + best @ products @ best - 2 * target @ best, 1e-9) / count
    return _nearest(first, products, target, noise / _SPREAD**2)


def _parts(present: np.ndarray, raster: Raster) -> Iterator[tuple[slice, slice]]:
    """The whole map, or some parts of a large one."""
    small = all(size * step <= TILE for size, step in zip(present.shape, raster.step, strict=True))
    lines = []
    for size, step in zip(present.shape, raster.step, strict=True):
        side = size if small else min(size, TILE // 2 // step)
        starts = np.unique(np.linspace(0, size - side, _PARTS).round().astype(int))
        lines.append([slice(start, start + side) for start in starts])
    for rows in lines[0]:
        for columns in lines[1]:
            if present[rows, columns].sum() >= _FEWEST:
                yield rows, columns


def _left_out(present: np.ndarray) -> Iterator[np.ndarray]:
    rows, columns = np.indices(present.shape)
    for number in range(_LEFT_OUT):
        hidden = present & ((rows + 2 * columns) % _LEFT_OUT == number)
        if hidden.any():
            yield hidden


def _nearest(usual: np.ndarray, products: np.ndarray, target: np.ndarray, ridge: float) -> np.ndarray:
    """The best shares if those that differ from the usual ones cost `ridge` times the square of the difference."""
    return convex_shares(products + ridge * np.eye(len(usual)), target + ridge * usual)
