"""A whole map denoised: what its pixels have in common, then the network, then what stands out of both.

1. Components of the map that stand out of the noise (`components`).
2. The spectral network on spectra of these components, told how little noise is left in them. Their number does not
   matter, as all are mixtures of the same components: it works on some of them, and what it makes of the components
   serves for all.
3. The map's scores on the denoised components, the image of each estimated in the way that proves best on it
   (`score_images`).
4. Where a measured spectrum still differs from its estimate by more than noise (a substance in a single pixel, that
   no component holds), the network's answer to that spectrum alone takes over, as far as the two differ significantly.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d

from deeper_jax.enhancement.blocks import on_all_cores, slices_of
from deeper_jax.enhancement.components import MapComponents, find_components, noise_by_pixel
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra, averaged_with_neighbours
from deeper_jax.enhancement.score_images import HeldOutError, Restore, best_scores
from deeper_jax.spectra.noise import NOISE_SAMPLE, NoiseModel, smooth_intensity
from deeper_jax.spectra.residuals import LIMIT, is_unlike_noise

# From spectra [N, L] and the standard deviation of their noise [N, L] to denoised spectra and their errors.
Network = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Channels over which two estimates of a spectrum are compared.
_WINDOW = 15
# Spectra that the network sees of a map that is made of a few components: on cells of 64 x 64 pixels the error is that
# of seeing all of them.
REPRESENTATIVES = 512
# Pixels over which neighbours are averaged to find what they agree on (standard deviation).
SMOOTHING = 1.0
# Pairs of halves that the scores are split into, to see which estimate of them is best; of so many pixels one tells it.
SPLITS, _MANY = 2, 20_000
# What serves as noise is kept in single precision: random numbers are no worse for it.
NOISE_TYPE = np.float32


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


class Calibrations(NamedTuple):
    """From stated deviations and those of the input's noise, of one shape, to deviations as errors show them to be.

    Attributes:
        together: of spectra that were estimated as those of a map.
        alone: of spectra that the network saw one by one.
    """

    together: Callable[[np.ndarray, np.ndarray], np.ndarray]
    alone: Callable[[np.ndarray, np.ndarray], np.ndarray]


UNCALIBRATED = Calibrations(lambda deviation, _: deviation, lambda deviation, _: deviation)


class FittedMap(NamedTuple):
    """A map as restored images of denoised components.

    Attributes:
        scores, std: [P, K], estimated, and standard deviation of their error.
        on_grid: [..., K], the scores as measured, 0 where nothing was.
        components: [K, L], denoised, orthonormal rows in units of `by_channel`.
        error: [L], standard deviation of the components' own error in an average pixel, likewise.
        by_pixel: [P, 1], what one unit of a score stands for in each pixel.
        by_channel: [L], times this in each channel.
        noise_model: of the measured spectra.
        shares: [K], how much of each component counts where nothing was measured.
        weights, held_out: how each component's image was estimated, and how well, see `ScoreEstimate`.
    """

    scores: np.ndarray
    std: np.ndarray
    on_grid: np.ndarray
    components: np.ndarray
    error: np.ndarray
    by_pixel: np.ndarray
    by_channel: np.ndarray
    noise_model: NoiseModel
    shares: np.ndarray
    weights: dict[str, np.ndarray]
    held_out: HeldOutError

    def spectra(self, scores: np.ndarray, std: np.ndarray, by_pixel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spectra and the deviation of their error [..., L] of scores and theirs [..., K]; `by_pixel` is [..., 1]."""
        scale = by_pixel * self.by_channel
        return (scores @ self.components) * scale, np.sqrt(std**2 @ self.components**2 + self.error**2) * scale

    def in_precision(self, dtype: Any) -> "FittedMap":
        """The fit with what `estimate` goes by in another type."""
        return self._replace(**{name: getattr(self, name).astype(dtype, copy=False) for name in _ESTIMATED_BY})

    def estimate(self, rows: slice) -> Estimate:
        """What the fit says of consecutive spectra in the fit's precision, exceptions not yet among them."""
        channels = len(self.by_channel)
        found = Estimate(*(np.empty((rows.stop - rows.start, channels), self.scores.dtype) for _ in range(3)))

        def fill(part: slice) -> None:
            here = slice(part.start - rows.start, part.stop - rows.start)
            answer = self.spectra(self.scores[part], self.std[part], self.by_pixel[part])
            found.spectra[here], found.std[here] = answer
            found.noise[here] = self.noise_model.std(answer[0])

        on_all_cores(fill, slices_of(rows.stop - rows.start, channels, start=rows.start))
        return found


_ESTIMATED_BY = ("scores", "std", "components", "error", "by_pixel", "by_channel")


def denoise_map(
    cube: np.ndarray,
    present: np.ndarray,
    noise_model: NoiseModel,
    network: Network,
    restorers: Mapping[str, Restore],
) -> Estimate:
    """Denoise the spectra of a map together: `fit_map`, and exceptions where they are needed."""
    spectra = MeasuredSpectra(cube, present)
    every = slice(0, len(spectra))
    fitted = fit_map(spectra, noise_model, network, restorers)
    if fitted is None:
        return alone(spectra.rows(every), noise_model, network)
    return with_exceptions(spectra.rows(every), fitted.estimate(every), network)


def fit_map(
    spectra: MeasuredSpectra,
    noise_model: NoiseModel,
    network: Network,
    restorers: Mapping[str, Restore],
    prepare: Callable[[int], None] | None = None,
) -> FittedMap | None:
    """Find what the spectra of a map have in common.

    Args:
        spectra: of the map.
        noise_model: their noise.
        network: see `Network`.
        restorers: two-dimensional networks by name, each a way to estimate the components' images.
        prepare: told as soon as it is known how many components there are, beside what else is to be done.

    Returns:
        The fit; None where they have nothing in common.
    """
    present = spectra.present
    brightness = spectra.means()[0]
    near = averaged_with_neighbours(brightness[:, None], present, SMOOTHING)[:, 0]
    by_pixel = noise_by_pixel(float(brightness.mean()), noise_model, near)
    parts = find_components(spectra, noise_model, by_pixel, SMOOTHING)
    if len(parts.components) < 2:
        return None
    noise_model = noise_model.scaled(float(parts.noise_factor))
    with ThreadPoolExecutor(1) as beside:
        if prepare is not None:  # what fails there fails again where it is needed, and is heard
            beside.submit(prepare, len(parts.components))
        components, error = _denoised_components(spectra, parts, noise_model, network)
    parts = parts._replace(components=components)
    measured, noise = _scores_and_noise(spectra, parts)
    on_grid = placed(measured, present)
    found = best_scores(on_grid, present, [placed(each, present) for each in noise], restorers)
    del measured, noise
    scores, std = (each.reshape(-1, each.shape[-1])[_places(present)] for each in (found.scores, found.std))
    by_network = parts.certain * sum((found.weights[name] for name in restorers), np.zeros(len(parts.components)))
    return FittedMap(
        scores=scores * (by_network + (1 - by_network) * parts.shares),
        std=std,
        on_grid=on_grid,
        components=components,
        error=error,
        by_pixel=parts.by_pixel,
        by_channel=parts.by_channel,
        noise_model=noise_model,
        shares=np.where(parts.certain, 1.0, parts.shares),
        weights=found.weights,
        held_out=found.held_out,
    )


def _places(present: np.ndarray) -> np.ndarray | slice:
    """The measured pixels among all: a slice, so that nothing is copied, where all were."""
    return slice(None) if present.all() else present.ravel()


def placed(rows: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Rows [P, K] of the measured pixels on their grid, 0 elsewhere; the same array where all were measured."""
    if present.all():
        return rows.reshape(*present.shape, rows.shape[1])
    grid = np.zeros((*present.shape, rows.shape[1]), rows.dtype)
    grid[present] = rows
    return grid


def _denoised_components(
    spectra: MeasuredSpectra, parts: MapComponents, noise_model: NoiseModel, network: Network
) -> tuple[np.ndarray, np.ndarray]:
    """What the network makes of the components, orthonormal again [K, L], and the deviation of the error left [L].

    Noise of the components is rough along the spectrum and the network's to remove; that of the scores has the
    components' own shapes, and stays. All pixels are mixtures of the components, so those of some pixels, drawn from
    a sample of all and from its extremes of each component, tell what the components should be.
    """
    rows = spectra.sampled_rows(NOISE_SAMPLE)
    scores = parts.scores(spectra.sample(NOISE_SAMPLE), rows)
    few = _representative(scores)
    # Wiener's share: what varies no more than noise is not shown to the network.
    mean, variance = scores.mean(0), scores.var(0)
    chosen = mean + (scores[few] - mean) * np.clip(1 - 1 / np.maximum(variance, 1e-9), 0, 1)
    scale = parts.by_pixel[rows[few]] * parts.by_channel
    rough = scale * np.sqrt((chosen**2 / parts.singular_values**2).sum(1, keepdims=True))
    before = chosen @ parts.components
    answer, error = network(before * scale, np.minimum(rough, noise_model.std(before * scale)))
    # As far as the pixels do not tell, the components stay as they are.
    power = chosen.T @ chosen
    ridge = 1e-6 * np.trace(power) / len(power) * np.eye(len(power))
    change = np.linalg.solve(power + ridge, chosen.T @ (answer / scale - before))
    basis, mixing = np.linalg.qr((parts.components + change).T)
    return (basis * np.copysign(1.0, np.diag(mixing))).T, np.sqrt(((error / scale) ** 2).mean(0))


def _representative(scores: np.ndarray) -> np.ndarray:
    """Row numbers of pixels that show the components in all their mixtures."""
    count = len(scores)
    if count <= REPRESENTATIVES:
        return np.arange(count)
    spread = np.random.default_rng(0).choice(count, REPRESENTATIVES // 2, replace=False)
    each = max(1, REPRESENTATIVES // (4 * scores.shape[1]))
    order = np.argsort(scores, axis=0)
    return np.unique(np.concatenate([spread, order[:each].ravel(), order[-each:].ravel()]))


def _scores_and_noise(spectra: MeasuredSpectra, parts: MapComponents) -> tuple[np.ndarray, list[np.ndarray]]:
    """The scores [P, K], and for each split an image [P, K] of what the components leave of the map, of variance 1."""
    count, channels = len(parts.components), spectra.shape[1]
    splits = SPLITS if len(spectra) < _MANY else 1
    directions = np.random.default_rng(0).standard_normal((channels, splits * count))
    directions -= parts.components.T @ (parts.components @ directions)
    # The directions are at right angles to the components, so nothing need be taken from the map first.
    both = np.concatenate([parts.components.T, directions], 1)
    scores = np.empty((len(spectra), count))
    images = [np.empty((len(spectra), count), NOISE_TYPE) for _ in range(splits)]

    def project(rows: slice) -> np.ndarray:
        found = parts.white(spectra.rows(rows), rows) @ both
        scores[rows], *noise = np.split(found, 1 + splits, axis=1)
        for image, each in zip(images, noise, strict=True):
            image[rows] = each
        return (found[:, count:] ** 2).sum(0)

    power = np.sum(on_all_cores(project, spectra.blocks()), axis=0) / len(spectra)
    for image, each in zip(images, np.split(power, splits), strict=True):
        image /= np.sqrt(each).astype(NOISE_TYPE)
    return scores, images


def alone(spectra: np.ndarray, noise_model: NoiseModel, network: Network) -> Estimate:
    """Denoise spectra [P, L] one by one."""
    noise = noise_model.std(smooth_intensity(spectra))
    answer, error = network(spectra, noise)
    return Estimate(np.asarray(answer, np.float64), np.asarray(error, np.float64), noise)


def with_exceptions(
    spectra: np.ndarray, estimate: Estimate, network: Network, calibrations: Calibrations = UNCALIBRATED
) -> Estimate:
    """Pixels whose residual is not noise: the network's answer to them alone, where it differs significantly.

    Args:
        spectra: [P, L], measured.
        estimate: of them, from the map as a whole.
        network: see `Network`.
        calibrations: what deviations become in the end.
    """

    def strange(rows: slice) -> np.ndarray:
        return is_unlike_noise(spectra[rows] - estimate.spectra[rows], estimate.noise[rows], LIMIT)

    rows = np.flatnonzero(np.concatenate(on_all_cores(strange, slices_of(*spectra.shape))))
    std = calibrations.together(estimate.std, estimate.noise)
    if not len(rows):
        return estimate._replace(std=std)
    by_itself, error = network(spectra[rows], estimate.noise[rows])
    difference = by_itself - estimate.spectra[rows]
    expected = uniform_filter1d(error**2 + estimate.std[rows] ** 2, _WINDOW, axis=1)
    found = uniform_filter1d(difference**2, _WINDOW, axis=1)
    share = np.clip(1.0 - expected / np.maximum(found, 1e-300), 0.0, 1.0)
    answer = estimate.spectra.copy()
    answer[rows] += share * difference
    error = calibrations.alone(error, estimate.noise[rows])
    std = std.copy() if std is estimate.std else std
    std[rows] = np.sqrt((1 - share) * std[rows] ** 2 + share * error**2)
    return Estimate(answer, std, estimate.noise)
