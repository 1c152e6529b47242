"""The few spectra that a map is made of: principal components that stand out of the noise."""

from typing import NamedTuple

import numpy as np

from deeper_jax.spectra.noise import NoiseModel

# Fewer spectra than this have too little in common to say what is noise.
SMALLEST_MAP = 24
# The largest singular value of noise alone lies this close to its limit in nearly every draw.
_MARGIN = 1.02
# What is this much stronger than noise is no noise, whatever its correlation.
_CERTAIN = 1.2


class MapComponents(NamedTuple):
    """A map as scores on components; `spectra ≈ offsets + scores @ components * scale` row by row.

    Attributes:
        scores: [P, K], in standard deviations of their noise, which is 1 in each.
        components: [K, L], orthonormal rows.
        scale: [P, L], what one unit of a score stands for: noise by pixel times noise by channel.
        offsets: [P, 1], mean of each spectrum.
        shares: [K], from 0 to 1: how much of each component counts; 1 but for those hardly told from noise.
        singular_values: [K], of the map in units of its noise, falling.
        noise_factor: what the variance of the noise model had to be multiplied with; 1 or more.
    """

    scores: np.ndarray
    components: np.ndarray
    scale: np.ndarray
    offsets: np.ndarray
    shares: np.ndarray
    singular_values: np.ndarray
    noise_factor: float

    def spectra(self, scores: np.ndarray) -> np.ndarray:
        """[P, L] in the map's unit, of other scores [P, K]."""
        return self.offsets + (scores @ self.components) * self.scale


def find_components(spectra: np.ndarray, noise_model: NoiseModel) -> MapComponents:
    """Principal components of a map in units of its noise, as many as noise alone would not give.

    The spectra, each less its own mean, are divided by their noise, a pixel's times a channel's (Keenan and Kotula
    2004), which makes the noise white; the components kept are those whose singular value is above the largest that
    white noise of that shape has, sqrt(P) + sqrt(L), and noise correlated from channel to channel a little more. If
    even the median singular value is above that of the modelled noise (Gavish and Donoho 2014), the variance is
    corrected.

    Args:
        spectra: [P, L], all finite, P at least 1.
        noise_model: their noise.
    """
    offsets = spectra.mean(1, keepdims=True)
    by_channel = noise_model.std(spectra.mean(0))
    by_pixel = noise_model.std(offsets)
    scale = by_pixel * by_channel / np.sqrt(np.mean(by_channel**2))
    white = (spectra - offsets) / scale
    # The smaller Gram matrix is enough, and much faster than the decomposition of a long map.
    vectors, values = _singular(white)
    noise = max(1.0, float(np.median(values)) / _median_of_noise(*white.shape))
    edge = _MARGIN * noise * (np.sqrt(len(white)) + np.sqrt(white.shape[1]))
    edge *= np.sqrt(1 + 2 * _neighbour_correlation(white, vectors[values > _CERTAIN * edge]))
    kept = int((values > edge).sum()) if len(white) >= SMALLEST_MAP else 0
    components = vectors[:kept]
    return MapComponents(
        scores=white @ components.T / noise,
        components=components,
        scale=scale * noise,
        offsets=offsets,
        shares=_shares(values[:kept] / edge, *white.shape),
        singular_values=values[:kept] / noise,
        noise_factor=noise**2,
    )


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
