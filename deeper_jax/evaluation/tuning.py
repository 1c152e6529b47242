"""Choice of the reference methods' parameters on validation images, so that the comparison is a fair one.

Tune on images that no table is made of, with the same metric that the table shows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.evaluation.image_scores import EvaluationPair
from deeper_jax.evaluation.metrics import mse, mse_fit, over_own_maximum
from deeper_jax.evaluation.reference_methods import (
    FAMILIES,
    WHOLE_MAP_FAMILIES,
    ReferenceMethod,
    reference_method,
    whittaker,
)
from deeper_jax.evaluation.upsampling import ReferenceUpsampler, reference_upsampler, smooth_map, upsample
from deeper_jax.spectra.principal_components import principal_components

Array = npt.NDArray[np.float64]
ImagePair = tuple[npt.ArrayLike, npt.ArrayLike]
Metric = Callable[[Array, Array], float]

_FRAMES = (3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 25, 29, 33, 37, 41)
_LAMBDAS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_WAVELETS = ("db4", "sym8", "coif3", "bior4.4")
_WAVELET_LEVELS = (3, 4, 5, 6)
_WAVELET_FACTORS = (0.15, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3)
_COMPONENTS = (*range(1, 21), 25, 30, 40, 60, 80)
_COMPONENTS_WITH_WHITTAKER = (*range(1, 11), 12, 15, 20, 30, 40)

COMPONENTS = (*range(1, 13), 15, 20, 25, 30, 40)
"""Numbers of principal components that are tried."""
SMOOTHINGS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Strengths of the smoother over the map that are tried; 0 is none."""
TUNED_KERNELS = ("linear", "bicubic", "cubic_spline", "lanczos3")
"""Interpolators that are tried."""
_SETTINGS = [(kernel, smoothing) for kernel in TUNED_KERNELS for smoothing in SMOOTHINGS]


def _paper_mse(output: Array, target: Array) -> float:
    return mse(over_own_maximum(output), over_own_maximum(target))


METRICS: MappingProxyType[str, Metric] = MappingProxyType({"mse": _paper_mse, "mse_fit": mse_fit})
"""Metrics to tune by: `mse` is the paper's (each spectrum over its own maximum), `mse_fit` the shape's."""


def candidates(family: str) -> list[ReferenceMethod]:
    """Every parameter setting of a family that `tune` tries: far wider than the paper's grid."""
    match family:
        case "raw":
            grid: list[dict] = [{}]
        case "savitzky_golay":
            grid = [{"order": order, "frame": frame} for order in (1, 2, 3) for frame in _FRAMES if frame > order]
        case "whittaker":
            grid = [{"lam": lam, "order": 2} for lam in _LAMBDAS]
        case "wavelet":
            grid = [
                {"name": name, "levels": levels, "threshold_factor": factor}
                for name in _WAVELETS
                for levels in _WAVELET_LEVELS
                for factor in _WAVELET_FACTORS
            ]
        case "pca":
            grid = [{"components": components} for components in _COMPONENTS]
        case "pca_whittaker":
            grid = [
                {"components": components, "lam": lam} for components in _COMPONENTS_WITH_WHITTAKER for lam in _LAMBDAS
            ]
        case _:
            raise ValueError(f"unknown family of reference methods {family!r}: one of {', '.join(FAMILIES)}")
    return [reference_method(family, **parameters) for parameters in grid]


def tune(family: str, images: Sequence[ImagePair], metric: str = "mse", *, max_spectra: int = 1500) -> ReferenceMethod:
    """Return the candidate of a family with the least error on validation images.

    Args:
        family: a key of `reference_methods.FAMILIES`.
        images: (noisy, target) pairs, each `[N, L]`, all the spectra of one image; images weigh the same.
        metric: a key of `METRICS`.
        max_spectra: about how many spectra, spread evenly over the images, the error is measured on.
            Principal components are always found from the whole map.

    Returns:
        The method, with `validation_score` set to its mean error. The same call gives the same answer.

    Raises:
        ValueError: no image, or an unknown family or metric.
    """
    if not images:
        raise ValueError("tuning needs at least one validation image, got none")
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}: choose one of {', '.join(METRICS)}")
    score, rows_each = METRICS[metric], max(1, max_spectra // len(images))
    scores: dict[int, list[float]] = {}
    methods = candidates(family)
    for noisy, target in images:
        noisy_values, target_values = np.asarray(noisy, np.float64), np.asarray(target, np.float64)
        rows = np.unique(np.linspace(0, len(noisy_values) - 1, rows_each).round().astype(int))
        outputs = _outputs(family, methods, noisy_values, rows)
        for index, output in outputs:
            scores.setdefault(index, []).append(score(output, target_values[rows]))
    means = {index: float(np.mean(values)) for index, values in scores.items() if len(values) == len(images)}
    best = min(means, key=lambda index: (means[index], index))
    return replace(methods[best], validation_score=means[best])


def _outputs(
    family: str, methods: Sequence[ReferenceMethod], noisy: Array, rows: npt.NDArray[np.int_]
) -> Iterator[tuple[int, Array]]:
    """Yield (index of the method, its output for `rows`), leaving out what the length L does not allow."""
    if family in WHOLE_MAP_FAMILIES:
        yield from _whole_map_outputs(methods, noisy, rows)
        return
    for index, method in enumerate(methods):
        if method.parameters.get("frame", 0) <= noisy.shape[-1]:
            yield index, method(noisy[rows])


def _whole_map_outputs(
    methods: Sequence[ReferenceMethod], noisy: Array, rows: npt.NDArray[np.int_]
) -> Iterator[tuple[int, Array]]:
    """Find the components once for all the settings; smooth the components instead of the spectra.

    Smoothing is linear, so smoothing the mean and the components and then mixing them gives the same output.
    """
    mean, basis = principal_components(noisy, max(_COMPONENTS))
    mixing = (noisy[rows] - mean) @ basis.T
    smoothed: dict[float | None, tuple[Array, Array]] = {None: (mean, basis)}
    for index, method in enumerate(methods):
        count, lam = method.parameters["components"], method.parameters.get("lam")
        if lam is not None and lam not in smoothed:
            both = whittaker(np.vstack([mean, basis]), lam)
            smoothed[lam] = both[0], both[1:]
        centre, directions = smoothed[lam]
        yield index, centre + mixing[:, :count] @ directions[:count]


def tune_upsampler(pairs: Sequence[EvaluationPair]) -> ReferenceUpsampler:
    """Return the PCA upsampler (components, smoothing, kernel) of least mean MSE on validation images.

    Each image is divided by its target's maximum, as in the tables; images weigh the same.

    Returns:
        The method for the pairs' scale and raster_offset, with `validation_score` set to its mean MSE. The same call
        gives the same answer.

    Raises:
        ValueError: no pair.
        InputError: the pairs differ in scale or raster_offset.
    """
    if not pairs:
        raise ValueError("tuning needs at least one validation pair, got none")
    scale, raster_offset = pairs[0].scale, pairs[0].raster_offset
    if any((pair.scale, pair.raster_offset) != (scale, raster_offset) for pair in pairs):
        raise InputError("The validation images differ in scale or raster_offset; tune for each by itself.")
    errors = np.mean([_upsampling_errors(pair) for pair in pairs], axis=0)
    best, count = np.unravel_index(int(np.argmin(errors)), errors.shape)
    kernel, smoothing = _SETTINGS[best]
    components = COMPONENTS[count]
    method = reference_upsampler("pca", scale, raster_offset, components=components, smoothing=smoothing, kernel=kernel)
    return replace(method, validation_score=float(errors[best, count]))


def _upsampling_errors(pair: EvaluationPair) -> Array:
    """MSE of every setting and every number of `COMPONENTS` on one pair.

    With orthonormal components the squared error is that of the strengths plus what the components cannot
    hold, so the components are found once and the spectra are never rebuilt.
    """
    peak = float(np.max(pair.hr_image))
    low, high = (np.asarray(image, np.float64) / peak for image in (pair.lr_image, pair.hr_image))
    mean, basis = principal_components(low.reshape(-1, low.shape[-1]), max(COMPONENTS))
    strengths, wanted = (low - mean) @ basis.T, (high - mean) @ basis.T
    unexplained = np.sum((high - mean) ** 2)
    errors = []
    for kernel, smoothing in _SETTINGS:
        found = upsample(smooth_map(strengths, smoothing), kernel, pair.scale, pair.raster_offset)
        gains = np.sum((found - wanted) ** 2 - wanted**2, axis=(0, 1))
        total = (unexplained + np.cumsum(gains)) / high.size
        errors.append(total[np.minimum(COMPONENTS, len(total)) - 1])
    return np.stack(errors)
