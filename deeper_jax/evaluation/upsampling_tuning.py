"""Choice of the strongest classical upsampler on validation images, so that the comparison is a fair one.

Tune on images that no table is made of.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.evaluation.super_resolution import Array, EvaluationPair
from deeper_jax.evaluation.upsampling import (
    ReferenceUpsampler,
    reference_upsampler,
    smooth_map,
    upsample,
)
from deeper_jax.spectra.principal_components import principal_components

COMPONENTS = (*range(1, 13), 15, 20, 25, 30, 40)
"""Numbers of principal components that are tried."""
SMOOTHINGS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Strengths of the smoother over the map that are tried; 0 is none."""
TUNED_KERNELS = ("linear", "bicubic", "cubic_spline", "lanczos3")
"""Interpolators that are tried."""
_SETTINGS = [(kernel, smoothing) for kernel in TUNED_KERNELS for smoothing in SMOOTHINGS]


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
    errors = np.mean([_errors(pair) for pair in pairs], axis=0)
    best, count = np.unravel_index(int(np.argmin(errors)), errors.shape)
    kernel, smoothing = _SETTINGS[best]
    components = COMPONENTS[count]
    method = reference_upsampler("pca", scale, raster_offset, components=components, smoothing=smoothing, kernel=kernel)
    return replace(method, validation_score=float(errors[best, count]))


def _errors(pair: EvaluationPair) -> Array:
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
