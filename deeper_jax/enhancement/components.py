"""The few spectra that a map is made of: principal components that stand out of the noise."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

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


class MapComponents(NamedTuple):
    """A map as scores on components; `spectra ≈ scores @ components * by_pixel * by_channel` row by row.

    Attributes:
        scores: [P, K], in standard deviations of their noise, which is 1 in each.
        components: [K, L], orthonormal rows; the first is a constant spectrum.
        by_pixel: [P, 1], noise of each pixel as a whole, in the map's unit.
        by_channel: [L], noise of each channel over that.
        shares: [K], from 0 to 1: how much of each component counts; 1 but for those hardly told from noise.
        certain: [K], whether it is known to be no noise, so that its restored image counts in full.
        singular_values: [K], of the map in units of its noise; infinite for the constant spectrum.
        noise_factor: what the variance of the noise model had to be multiplied with; 1 or more.
    """

    scores: np.ndarray
    components: np.ndarray
    by_pixel: np.ndarray
    by_channel: np.ndarray
    shares: np.ndarray
    certain: np.ndarray
    singular_values: np.ndarray
    noise_factor: float

    @property
    def scale(self) -> np.ndarray:
        """[P, L], what one unit of a score stands for."""
        return self.by_pixel * self.by_channel


def find_components(
    spectra: np.ndarray,
    noise_model: NoiseModel,
    by_pixel: np.ndarray,
    smooth: Callable[[np.ndarray], np.ndarray] | None = None,
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
        spectra: [P, L], all finite, P at least 1.
        noise_model: their noise.
        by_pixel: [P, 1], noise of each pixel's mean intensity (`noise_by_pixel`).
        smooth: averages rows [P, M] with those of neighbouring pixels; None: nothing is known of neighbours.
    """
    by_channel = noise_model.std(spectra.mean(0))
    by_channel = by_channel / np.sqrt(np.mean(by_channel**2))
    white = spectra / (by_pixel * by_channel)
    constant = (1.0 / by_channel)[None] / np.linalg.norm(1.0 / by_channel)
    rest = white - (white @ constant.T) * constant
    # The smaller Gram matrix is enough, and much faster than the decomposition of a long map.
    vectors, values = _singular(rest)
    noise = max(1.0, float(np.median(values)) / _median_of_noise(*white.shape))
    edge = _MARGIN * noise * (np.sqrt(len(white)) + np.sqrt(white.shape[1]))
    edge *= np.sqrt(1 + 2 * _neighbour_correlation(rest, vectors[values > _CERTAIN * edge]))
    kept = int((values > edge).sum()) if len(white) >= SMALLEST_MAP else 0
    shares = _shares(values[:kept] / edge, *white.shape)
    found = vectors[:kept]
    certain = shares == 1.0
    if kept:
        confirmed = _held_out(rest, rest)[:kept]
        certain[: len(confirmed)] |= confirmed
    if smooth is not None and kept:
        rest = rest - (rest @ found.T) @ found
        smoothed = smooth(rest)
        passed = _held_out(smoothed, rest)
        count = len(passed) if passed.all() else int(passed.argmin())
        hidden, _ = _singular(smoothed)
        found = np.concatenate([found, hidden[:count]])
        values = np.append(values[:kept], np.sqrt(((rest @ hidden[:count].T) ** 2).sum(0)))
        # By themselves their pixels tell next to nothing.
        shares = np.append(shares, np.zeros(count))
        certain = np.append(certain, np.ones(count, bool))
    components = np.concatenate([constant, found])
    return MapComponents(
        scores=white @ components.T / noise,
        components=components,
        by_pixel=by_pixel * noise,
        by_channel=by_channel,
        shares=np.append(1.0, shares),
        certain=np.append(True, certain),
        singular_values=np.append(np.inf, values[: len(found)] / noise),
        noise_factor=noise**2,
    )


def _held_out(found_in: np.ndarray, tested_on: np.ndarray) -> np.ndarray:
    """Which of the strongest components of `found_in` are no noise, [N] bool, from the first on.

    Their images are found in half of the channels, every other three, and must have more in common with the other half
    than the images of those that follow, which are of noise (bi-cross-validation, Owen and Perry 2009). Noise that is
    correlated from pixel to pixel passes no more than white noise does.

    Args:
        found_in: [P, L], the map, smoothed or not.
        tested_on: [P, L], the map itself.
    """
    first = np.arange(found_in.shape[1]) // _CHANNELS_TOGETHER % 2 == 0
    power: list[np.ndarray] = []
    for half in (first, ~first):
        vectors, values = _singular(found_in[:, half])
        count = min(_TESTED, len(values))
        images = found_in[:, half] @ vectors[:count].T / np.maximum(values[:count], 1e-300)
        power.append(((images.T @ tested_on[:, ~half]) ** 2).mean(1))
    count = min(map(len, power))
    mean = (power[0][:count] + power[1][:count]) / 2
    noise = float(np.median(mean[count // 2 :]))
    return mean > noise * (1 + _DEVIATIONS * np.sqrt(2 / found_in.shape[1]))


def noise_by_pixel(spectra: np.ndarray, noise_model: NoiseModel, smoothed: np.ndarray) -> np.ndarray:
    """Standard deviation of the noise of each pixel as a whole, [P, 1].

    A pixel's own mean is noisy itself: scores in units of it would bring that noise back after they are restored. So
    one number serves for all pixels where it is about the same in all, else that of the surroundings.

    Args:
        spectra: [P, L].
        noise_model: their noise.
        smoothed: [P], the mean intensities averaged with their neighbours'.
    """
    each = noise_model.std(smoothed)[:, None]
    if each.max() < _UNEVEN * each.min():
        return np.full_like(each, noise_model.std(spectra.mean()))
    return each


def _singular(white: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right singular vectors [M, L] and values [M], largest first, M the smaller of P and L."""
    pixels, channels = white.shape
    if pixels < channels:
        _, values, vectors = np.linalg.svd(white, full_matrices=False)
        return vectors, values
    squares, vectors = np.linalg.eigh(white.T @ white)
    return vectors.T[::-1], np.sqrt(np.maximum(squares[::-1], 0.0))


def _shares(strengths: np.ndarray, pixels: int, channels: int) -> np.ndarray:
    """The share of a component that is not noise, of those near the edge.

    The optimal shrinkage of Gavish and Donoho (2017); where it would leave more than 0.6, nothing is taken away,
    because averaging over pixels is still to come.
    """
    ratio = min(pixels, channels) / max(pixels, channels)
    values = np.maximum(strengths, 1.0) * (1 + np.sqrt(ratio))
    optimal = np.sqrt(np.maximum((values**2 - ratio - 1) ** 2 - 4 * ratio, 0.0)) / values**2
    return np.minimum(optimal / 0.6, 1.0)


def _neighbour_correlation(white: np.ndarray, certain: np.ndarray) -> float:
    """Correlation of the noise of neighbouring channels, 0 or more: of what the certain components leave."""
    rest = white - (white @ certain.T) @ certain
    power = float((rest**2).mean())
    return max(0.0, float((rest[:, 1:] * rest[:, :-1]).mean()) / power) if power > 0 else 0.0


def _median_of_noise(pixels: int, channels: int) -> float:
    """Median singular value of white noise of standard deviation 1, by the Marchenko-Pastur law."""
    ratio = min(pixels, channels) / max(pixels, channels)
    low, high = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    x = low + (high - low) * (np.arange(4000) + 0.5) / 4000
    density = np.sqrt((high - x) * (x - low)) / x
    return float(np.sqrt(x[np.searchsorted(np.cumsum(density) / density.sum(), 0.5)] * max(pixels, channels)))
