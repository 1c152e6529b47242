"""Kriging: images between their pixels by the covariance that the images themselves show. NumPy and SciPy.

An image counts as a draw from a stationary normal process with a Matérn covariance, on a level that is not known, seen
with white noise. The covariance is the likeliest of a grid of them; the estimate is then the best linear one. Smooth
images come out about as by splines, rough ones as by linear interpolation, drawn towards the surroundings where pixels
say little of their neighbours (Stein 1999, Interpolation of Spatial Data).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from deeper_jax.spectra.raster import Raster

_SMOOTHNESS = (0.5, 1.5, 2.5)
_LENGTHS = tuple(np.geomspace(0.5, 16, 8))  # in pixels of the scan
_ASPECTS = (1.0, 2.0, 0.5)  # of the length along y to that along x
_VARIANCES = tuple(np.geomspace(0.3, 30, 9))  # over that of the image
# Variance of the level, over that of the process: as good as unknown.
_LEVEL = 25.0
# The likelihood is that of square parts of the image, so many pixels wide, and of so many of them at most.
_PART, _MOST_PARTS = 10, 64
# The pixels that an estimate is made of, wide; and how far they reach around one that is left out.
_WINDOW, _REACH = 8, 3


class Covariance(NamedTuple):
    """Of an image: variance, and how fast it falls with the distance.

    Attributes:
        smoothness: Matérn's nu, 0.5, 1.5 or 2.5.
        lengths: along y and x, in pixels of the scan.
        variance: at distance 0, without noise.
    """

    smoothness: float
    lengths: tuple[float, float]
    variance: float

    def correlation(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Of pixels so many rows and columns apart, over the variance; the level's part is in it."""
        distance = np.hypot(rows / self.lengths[0], columns / self.lengths[1])
        return _LEVEL + _matern(distance, self.smoothness)


def fit_covariances(images: np.ndarray, noise: float, step: tuple[int, int] = (1, 1)) -> list[Covariance]:
    """The likeliest covariance of each image.

    Args:
        images: [h, w, K], no gaps.
        noise: variance of their noise.
        step: how far apart the pixels lie along y and x; what shapes are likely goes by that.
    """
    height, width, count = images.shape
    side = (min(_PART, height), min(_PART, width))
    starts = [(row, column) for row in _starts(height, side[0]) for column in _starts(width, side[1])]
    chosen = np.unique(np.linspace(0, len(starts) - 1, _MOST_PARTS).round().astype(int))
    parts = np.stack(
        [
            images[row : row + side[0], column : column + side[1]].reshape(-1, count)
            for row, column in (starts[index] for index in chosen)
        ]
    )
    variance = np.maximum(images.reshape(-1, count).var(0) - noise, 0.05 * noise)
    place = np.divmod(np.arange(side[0] * side[1]), side[1])
    apart = [each[:, None] - each for each in place]
    mean_step = np.sqrt(step[0] * step[1])
    best, found = np.full(count, -np.inf), [Covariance(0.5, (1.0, 1.0), 1.0)] * count
    for smoothness in _SMOOTHNESS:
        for length in _LENGTHS:
            for aspect in _ASPECTS:
                lengths = tuple(
                    length * mean_step * factor / each
                    for factor, each in zip((np.sqrt(aspect), 1 / np.sqrt(aspect)), step, strict=True)
                )
                values, vectors = np.linalg.eigh(Covariance(smoothness, lengths, 1.0).correlation(*apart))
                power = (np.matmul(vectors.T, parts) ** 2).sum(0)
                for factor in _VARIANCES:
                    expected = factor * variance * np.maximum(values, 0)[:, None] + noise
                    likelihood = -(len(parts) * np.log(expected) + power / expected).sum(0)
                    for k in np.flatnonzero(likelihood > best):
                        best[k], found[k] = likelihood[k], Covariance(smoothness, lengths, factor * variance[k])
    return found


def krige_raster(
    images: np.ndarray, covariances: Sequence[Covariance], noise: np.ndarray, raster: Raster
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate images in all pixels of a finer grid.

    Args:
        images: [h, w, K], no gaps.
        covariances: K of them.
        noise: [K], variance of the noise of each image.
        raster: where the pixels lie on the finer grid.

    Returns:
        The images and the standard deviation of their error, [H, W, K] each.
    """
    side = [min(_WINDOW, size) for size in images.shape[:2]]
    first, place, which = zip(
        *(
            _windows(size, step, offset, width)
            for size, step, offset, width in zip(images.shape, *raster, side, strict=False)
        ),
        strict=True,
    )
    rows, columns = np.divmod(np.arange(side[0] * side[1]), side[1])
    windows = np.lib.stride_tricks.sliding_window_view(images, side, axis=(0, 1))
    shape = (len(which[0]), len(which[1]), len(covariances))
    answer, std = np.empty(shape), np.empty(shape)
    for k, covariance in enumerate(covariances):
        near = covariance.correlation(place[0][:, None, None] - rows, place[1][None, :, None] - columns)
        weights, left = _weights(covariance, noise[k], rows, columns, near.reshape(-1, len(rows)))
        weights = weights.reshape(near.shape)
        std[..., k] = np.sqrt(left).reshape(near.shape[:2])[which[0]][:, which[1]]
        for row, (start, own) in enumerate(zip(first[0], which[0], strict=True)):
            around = windows[start, first[1], k].reshape(shape[1], -1)
            answer[row, :, k] = np.einsum("xp,xp->x", around, weights[own, which[1]])
    return answer, std


def krige_hidden(
    images: np.ndarray, covariances: Sequence[Covariance], noise: np.ndarray, hidden: np.ndarray
) -> np.ndarray:
    """Estimate images in some of their own pixels from the others, [P, K].

    Args:
        images: [h, w, K], no gaps.
        covariances: K of them.
        noise: [K], variance of the noise of each image.
        hidden: [h, w], the P pixels.
    """
    answer = np.empty((int(hidden.sum()), images.shape[-1]))
    known: dict[tuple, np.ndarray] = {}
    for index, (row, column) in enumerate(np.argwhere(hidden)):
        top, left = max(row - _REACH, 0), max(column - _REACH, 0)
        around = (slice(top, row + _REACH + 1), slice(left, column + _REACH + 1))
        seen = ~hidden[around]
        key = (seen.tobytes(), seen.shape, row - top, column - left)
        if key not in known:
            rows, columns = np.nonzero(seen)
            apart = (rows - (row - top), columns - (column - left))
            known[key] = np.stack(
                [
                    _weights(each, noise[k], rows, columns, each.correlation(*apart)[None])[0][0]
                    for k, each in enumerate(covariances)
                ],
                axis=1,
            )
        answer[index] = (images[around][seen] * known[key]).sum(0)
    return answer


def _matern(distance: np.ndarray, smoothness: float) -> np.ndarray:
    scaled = np.sqrt(2 * smoothness) * distance
    polynomial = {0.5: 1.0, 1.5: 1 + scaled, 2.5: 1 + scaled + scaled**2 / 3}[smoothness]
    return polynomial * np.exp(-scaled)


def _weights(
    covariance: Covariance, noise: float, rows: np.ndarray, columns: np.ndarray, near: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights [n, P] of P pixels in n places, whose correlation with them is `near`, and the variance of the error."""
    among = covariance.correlation(rows[:, None] - rows, columns[:, None] - columns)
    ridge = noise / covariance.variance + 1e-8
    weights = cho_solve(cho_factor(among + ridge * np.eye(len(rows))), near.T).T
    left = 1 + _LEVEL - (weights * near).sum(-1)
    return weights, covariance.variance * np.maximum(left, 0.0)


def _starts(size: int, part: int) -> np.ndarray:
    """First rows of the fewest parts that cover a side."""
    return np.unique(np.linspace(0, size - part, -(-size // part)).round().astype(int))


def _windows(size: int, step: int, offset: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each place on the finer side the first pixel of its window; all places in windows, and which one it is."""
    place = (np.arange(size * step) - offset) / step
    first = np.clip(np.floor(place).astype(int) - (width // 2 - 1), 0, size - width)
    inside, which = np.unique(np.round(place - first, 9), return_inverse=True)
    return first, inside, which
