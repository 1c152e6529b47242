"""A whole map denoised: what its pixels have in common, then the network, then what stands out of both.

1. Components of the map that stand out of the noise (`map_components`), each pixel's scores averaged with those of
   pixels nearby that are made of the same (`similar_pixels`).
2. The network on the spectra that result, told how little noise is left in them.
3. Where a measured spectrum still differs from its estimate by more than noise (a substance in a single pixel, that
   no component holds), the network's answer to that spectrum alone takes over, as far as the two differ significantly.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d

from deeper_jax.enhancement.components import MapComponents, find_components
from deeper_jax.enhancement.similar_pixels import bilateral_filter
from deeper_jax.spectra.noise import NoiseModel, smooth_intensity
from deeper_jax.spectra.residuals import LIMIT, residual_outliers

# From spectra [N, L] and the standard deviation of their noise [N, L] to denoised spectra and their errors.
Network = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Channels over which two estimates of a spectrum are compared.
_WINDOW = 15


class Estimate(NamedTuple):
    """What is known of a map's spectra, [P, L] each, in the map's unit.

    Attributes:
        spectra: the estimate.
        std: standard deviation of its error, before calibration.
        noise: standard deviation of the noise of the measured spectra.
    """

    spectra: np.ndarray
    std: np.ndarray
    noise: np.ndarray


def denoise_map(cube: np.ndarray, present: np.ndarray, noise_model: NoiseModel, network: Network) -> Estimate:
    """Denoise the spectra of a map together.

    Args:
        cube: [..., L] on the grid of the map, of any number of axes.
        present: [...], false where no spectrum was measured (whatever `cube` holds there).
        noise_model: the noise of the spectra.
        network: see `Network`.

    Returns:
        The estimates of the P measured spectra, in the grid's order.
    """
    spectra = np.asarray(cube[present], np.float64)
    parts = find_components(spectra, noise_model)
    if not len(parts.components):
        return alone(spectra, noise_model, network)
    scores = _averaged(parts, present)
    together = parts.spectra(scores * parts.shares)
    noise_model = noise_model.scaled(parts.noise_factor)
    noise = noise_model.std(together)
    # Noise of the components is rough along the spectrum and the network's to remove; that of the scores has the
    # components' own shapes, and stays. What averaging over pixels takes of it, the differences between the pixels
    # bring back, about: the std is that without averaging.
    rough = parts.scale * np.sqrt((scores**2 / parts.singular_values**2).sum(1, keepdims=True))
    shaped = parts.scale * np.sqrt((parts.components**2).sum(0))
    answer, error = network(together, np.minimum(rough, noise))
    estimate = Estimate(answer, np.sqrt(error**2 + shaped**2), noise)
    return _with_exceptions(spectra, estimate, network)


def alone(spectra: np.ndarray, noise_model: NoiseModel, network: Network) -> Estimate:
    """Denoise spectra [P, L] one by one."""
    noise = noise_model.std(smooth_intensity(spectra))
    answer, error = network(spectra, noise)
    return Estimate(np.asarray(answer, np.float64), np.asarray(error, np.float64), noise)


def _averaged(parts: MapComponents, present: np.ndarray) -> np.ndarray:
    on_grid = np.zeros((*present.shape, parts.scores.shape[1]))
    on_grid[present] = parts.scores
    return bilateral_filter(on_grid, present)[0][present]


def _with_exceptions(spectra: np.ndarray, estimate: Estimate, network: Network) -> Estimate:
    """Pixels whose residual is not noise: the network's answer to them alone, where it differs significantly."""
    rows = np.flatnonzero(residual_outliers(spectra - estimate.spectra, estimate.noise, LIMIT).any(1))
    if not len(rows):
        return estimate
    by_itself, error = network(spectra[rows], estimate.noise[rows])
    difference = by_itself - estimate.spectra[rows]
    expected = uniform_filter1d(error**2 + estimate.std[rows] ** 2, _WINDOW, axis=1)
    found = uniform_filter1d(difference**2, _WINDOW, axis=1)
    share = np.clip(1.0 - expected / np.maximum(found, 1e-300), 0.0, 1.0)
    answer, std = estimate.spectra.copy(), estimate.std.copy()
    answer[rows] += share * difference
    std[rows] = np.sqrt((1 - share) * std[rows] ** 2 + share * error**2)
    return Estimate(answer, std, estimate.noise)
