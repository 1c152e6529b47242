"""The few spectra that a map is made of: principal components that stand out of the noise."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg

from deeper_jax.enhancement.blocks import on_all_cores, slices_of
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra, averaged_with_neighbours
from deeper_jax.spectra.noise import NoiseModel

# Fewer spectra than this have too little in common to say what is noise.
SMALLEST_MAP = 24
# The largest singular value of noise alone lies this close to its limit in nearly every draw.
_MARGIN = 1.02
# What is this much stronger than noise is no noise, whatever its correlation.
_CERTAIN = 1.2
# Where the noise of pixels differs by less, it is taken to be the same in all.
_UNEVEN = 2.0
# Of the test on held-out channels: neighbours that stay together, components, and how far above noise they must be.
_CHANNELS_TOGETHER, _TESTED, _DEVIATIONS = 3, 24, 4.0
# Of so many pixels every second one of the smoothed map tells what there is: those beside it have most of their light.
_MANY = 20_000
# Numbers of a map that are multiplied together by one core.
_PRODUCT = 1 << 20


class MapComponents(NamedTuple):
    """What a map is made of: `spectra ≈ scores @ components * by_pixel * by_channel` row by row.

    Attributes:
        components: [K, L], orthonormal rows; the first is a constant spectrum.
        by_pixel: [P, 1], noise of each pixel as a whole, in the map's unit.
        by_channel: [L], noise of each channel over that.
        shares: [K], from 0 to 1: how much of each component counts; 1 but for those hardly told from noise.
        certain: [K], whether it is known to be no noise, so that its restored image counts in full.
        singular_values: [K], of the map in units of its noise; infinite for the constant spectrum.
        noise_factor: what the variance of the noise model had to be multiplied with; 1 or more.
    """

    components: np.ndarray
    by_pixel: np.ndarray
    by_channel: np.ndarray
    shares: np.ndarray
    certain: np.ndarray
    singular_values: np.ndarray
    noise_factor: float

    def white(self, spectra: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
        """These rows' spectra [n, L] in units of their noise."""
        return spectra / (self.by_pixel[rows] * self.by_channel)

    def scores(self, spectra: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
        """[n, K] of these rows' spectra [n, L], in standard deviations of their noise, which is 1 in each."""
        return self.white(spectra, rows) @ self.components.T


def find_components(
    spectra: MeasuredSpectra, noise_model: NoiseModel, by_pixel: np.ndarray, sigma: float | None = None
) -> MapComponents:
    """Components of a map in units of its noise: a constant spectrum, and what stands out of the noise.

    The spectra are divided by their noise, a pixel's times a channel's (Keenan and Kotula 2004), which makes the noise
    white. A constant spectrum is a component in any case: the offset of a read-out, or matter that gives the same light
    everywhere. Of what is left, principal components are kept whose singular value is above the largest that white
    noise of that shape has, sqrt(P) + sqrt(L), and noise correlated from channel to channel a little more. If even the
    median singular value is above that of the modelled noise (Gavish and Donoho 2014), the variance is corrected.

    Then come those that noise hides in single pixels, though neighbours agree on them: components of the smoothed map,
    as far as images of them found in one half of the channels show up in the other half (`_held_out`).

    Args:
        spectra: P, at least 1, all finite.
        noise_model: their noise.
        by_pixel: [P, 1], noise of each pixel's mean intensity (`noise_by_pixel`).
        sigma: over so many pixels neighbours are averaged; None: nothing is known of neighbours.
    """
    pixels, channels = spectra.shape
    by_channel = noise_model.std(spectra.means()[1])
    by_channel = by_channel / np.sqrt(np.mean(by_channel**2))
    constant = (1.0 / by_channel)[None] / np.linalg.norm(1.0 / by_channel)

    def centred(block: np.ndarray, rows: slice) -> np.ndarray:
        block *= 1.0 / by_channel
        block /= by_pixel[rows]
        block -= (block @ constant.T) * constant
        return block

    rest, smoothed = _products(spectra, centred, sigma)
    everywhere = np.arange(channels)
    values, vectors = rest.leading(everywhere, channels)
    noise = max(1.0, float(np.median(values)) / _median_of_noise(pixels, channels))
    edge = _MARGIN * noise * (np.sqrt(pixels) + np.sqrt(channels))
    strong = vectors[: int((values > _CERTAIN * edge).sum())]
    edge *= np.sqrt(1 + 2 * rest.without(strong).neighbour_correlation())
    kept = int((values > edge).sum()) if pixels >= SMALLEST_MAP else 0
    shares = _shares(values[:kept] / edge, pixels, channels)
    found = vectors[:kept]
    certain = shares == 1.0
    if kept:
        confirmed = _held_out(rest, channels)[:kept]
        certain[: len(confirmed)] |= confirmed
    if smoothed is not None and kept:
        hidden = smoothed.without(found)
        passed = _held_out(hidden, channels)
        count = len(passed) if passed.all() else int(passed.argmin())
        more = hidden.leading(everywhere, count)[1]
        found = np.concatenate([found, more])
        values = np.append(values[:kept], np.sqrt(rest.power(more)))
        # By themselves their pixels tell next to nothing.
        shares = np.append(shares, np.zeros(count))
        certain = np.append(certain, np.ones(count, bool))
    return MapComponents(
        components=np.concatenate([constant, found]),
        by_pixel=by_pixel * noise,
        by_channel=by_channel,
        shares=np.append(1.0, shares),
        certain=np.append(True, certain),
        singular_values=np.append(np.inf, values[: len(found)] / noise),
        noise_factor=noise**2,
    )


class _Products(NamedTuple):
    """What the components of a map X [P, L] follow from, whatever the number of its pixels.

    Attributes:
        gram: X.T @ X, [L, L].
        tested: X.T @ Y, [L, L]; Y is the map itself, X that or the smoothed map.
    """

    gram: np.ndarray
    tested: np.ndarray

    def leading(self, channels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The largest singular values of X in these channels, [count], and their right singular vectors [count, M]."""
        size = len(channels)
        if not count:
            return np.zeros(0), np.zeros((0, size))
        gram = self.gram[np.ix_(channels, channels)]
        some = None if count >= size else (size - count, size - 1)
        squares, vectors = scipy.linalg.eigh(gram, subset_by_index=some, driver="evr" if some else "evd")
        return np.sqrt(np.maximum(squares[::-1], 0.0)), _upright(vectors.T[::-1])

    def common(self, vectors: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """(X[:, inside] @ vectors.T).T @ Y[:, outside]."""
        return vectors @ self.tested[np.ix_(inside, outside)]

    def without(self, components: np.ndarray) -> "_Products":
        """Those of X and Y less their components [K, L]."""
        left = np.eye(len(self.gram)) - components.T @ components
        return _Products(left @ self.gram @ left, left @ self.tested @ left)

    def power(self, components: np.ndarray) -> np.ndarray:
        """Squares of what components [K, L] have in X, summed over its pixels, [K]."""
        return np.maximum(((components @ self.gram) * components).sum(1), 0.0)

    def neighbour_correlation(self) -> float:
        """Correlation of neighbouring channels of X, 0 or more."""
        power, channels = float(np.trace(self.gram)), len(self.gram)
        return max(0.0, float(np.trace(self.gram, 1)) / power * channels / (channels - 1)) if power > 0 else 0.0


class _FewRows(NamedTuple):
    """As `_Products`, of fewer pixels than channels: X and Y themselves are less."""

    found_in: np.ndarray
    tested_on: np.ndarray

    def leading(self, channels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        _, values, vectors = np.linalg.svd(self.found_in[:, channels], full_matrices=False)
        return values[:count], _upright(vectors[:count])

    def common(self, vectors: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
        return (self.found_in[:, inside] @ vectors.T).T @ self.tested_on[:, outside]

    def without(self, components: np.ndarray) -> "_FewRows":
        return _FewRows(*(each - (each @ components.T) @ components for each in self))

    def power(self, components: np.ndarray) -> np.ndarray:
        return ((self.found_in @ components.T) ** 2).sum(0)

    def neighbour_correlation(self) -> float:
        rest = self.found_in
        power = float((rest**2).mean())
        return max(0.0, float((rest[:, 1:] * rest[:, :-1]).mean()) / power) if power > 0 else 0.0


def _upright(vectors: np.ndarray) -> np.ndarray:
    """Each [M] of the sign that makes its highest bands positive: libraries give either, and the answer must not."""
    return vectors * np.where((vectors**3).sum(1, keepdims=True) < 0, -1.0, 1.0)


def _products(
    spectra: MeasuredSpectra, prepared: Callable[[np.ndarray, slice], np.ndarray], sigma: float | None
) -> tuple[_Products | _FewRows, _Products | _FewRows | None]:
    """Of `prepared(spectra, rows)`, and of the same smoothed, if asked; gone through in blocks."""
    pixels, channels = spectra.shape
    if pixels < channels:
        every = slice(0, pixels)
        rows = prepared(spectra.rows(every), every)
        smooth = None if sigma is None else _FewRows(averaged_with_neighbours(rows, spectra.present, sigma), rows)
        return _FewRows(rows, rows), smooth
    if sigma is None:
        own = np.zeros((channels, channels))
        for each in spectra.blocks():
            block = prepared(spectra.rows(each), each)
            own += block.T @ block
        return _Products(own, own), None
    sums = [np.zeros((channels, channels)) for _ in range(3)]
    apart = 2 if pixels >= _MANY else 1
    for own, averaged in spectra.smoothed(sigma, prepared):

        def products(rows: slice, own: np.ndarray = own, averaged: np.ndarray = averaged) -> tuple[np.ndarray, ...]:
            block, some = own[rows], slice(rows.start, rows.stop, apart)
            near, beside = averaged[some], own[some]
            return block.T @ block, apart * (near.T @ beside), apart * (near.T @ near)

        for found in on_all_cores(products, slices_of(len(own), channels, _PRODUCT)):
            for total, product in zip(sums, found, strict=True):
                total += product
    own, both, averaged = sums
    return _Products(own, own), _Products(averaged, both)


def _held_out(products: _Products | _FewRows, channels: int) -> np.ndarray:
    """Which of the strongest components of a map, smoothed or not, are no noise, [N] bool, from the first on.

    Their images are found in half of the channels, every other three, and must have more in common with the other half
    of the map itself than the images of those that follow, which are of noise (bi-cross-validation, Owen and Perry
    2009). Noise that is correlated from pixel to pixel passes no more than white noise does.
    """
    first = np.arange(channels) // _CHANNELS_TOGETHER % 2 == 0
    power: list[np.ndarray] = []
    for half, other in ((first, ~first), (~first, first)):
        inside, outside = np.flatnonzero(half), np.flatnonzero(other)
        values, vectors = products.leading(inside, min(_TESTED, len(inside)))
        common = products.common(vectors, inside, outside) / np.maximum(values[:, None], 1e-300)
        power.append((common**2).mean(1))
    count = min(map(len, power))
    mean = (power[0][:count] + power[1][:count]) / 2
    noise = float(np.median(mean[count // 2 :]))
    return mean > noise * (1 + _DEVIATIONS * np.sqrt(2 / channels))


def noise_by_pixel(mean: float, noise_model: NoiseModel, smoothed: np.ndarray) -> np.ndarray:
    """Standard deviation of the noise of each pixel as a whole, [P, 1].

    A pixel's own mean is noisy itself: scores in units of it would bring that noise back after they are restored. So
    one number serves for all pixels where it is about the same in all, else that of the surroundings.

    Args:
        mean: intensity, of all pixels and channels.
        noise_model: their noise.
        smoothed: [P], the mean intensities averaged with their neighbours'.
    """
    each = noise_model.std(smoothed)[:, None]
    if each.max() < _UNEVEN * each.min():
        return np.full_like(each, noise_model.std(np.asarray(mean)))
    return each


def _shares(strengths: np.ndarray, pixels: int, channels: int) -> np.ndarray:
    """The share of a component that is not noise, of those near the edge.

    The optimal shrinkage of Gavish and Donoho (2017); where it would leave more than 0.6, nothing is taken away,
    because averaging over pixels is still to come.
    """
    ratio = min(pixels, channels) / max(pixels, channels)
    values = np.maximum(strengths, 1.0) * (1 + np.sqrt(ratio))
    optimal = np.sqrt(np.maximum((values**2 - ratio - 1) ** 2 - 4 * ratio, 0.0)) / values**2
    return np.minimum(optimal / 0.6, 1.0)


def _median_of_noise(pixels: int, channels: int) -> float:
    """Median singular value of white noise of standard deviation 1, by the Marchenko-Pastur law."""
    ratio = min(pixels, channels) / max(pixels, channels)
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    x = low + (high - low) * (np.arange(4000) + 0.5) / 4000
    density = np.sqrt((high - x) * (x - low)) / x
    return float(np.sqrt(x[np.searchsorted(np.cumsum(density) / density.sum(), 0.5)] * max(pixels, channels)))
