"""Start HyRISR as an interpolator: same network, other initial values.

PyTorch's initial values make the untrained network answer noise, and a large part of training goes into learning
what any interpolator knows. Here the upsampler starts as bilinear interpolation registered to the sampling phase
and the rest as a correction of zero, so that training starts from a sensible image. Given principal components of
the training spectra, interpolated pixels start projected onto them, which takes most of the noise away; sampled
pixels pass through.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.models.hyrisr import HyRISR

# Which HR pixel of each s x s block the LR pixel sits on, one number for each pixel shuffle.
_PHASES = {
    (2, 0): (0,),
    (2, 1): (1,),
    (3, 0): (0,),
    (3, 1): (1,),
    (3, 2): (2,),
    (4, 0): (0, 0),
    (4, 1): (0, 1),
    (4, 2): (1, 0),
    (4, 3): (1, 1),
}


class Subspace(NamedTuple):
    """An affine subspace of spectra: mean [L] and orthonormal components [K, L]."""

    mean: np.ndarray
    components: np.ndarray


def principal_subspace(spectra: np.ndarray, components: int) -> Subspace:
    """Mean and leading principal components of spectra [N, L], N ≥ components."""
    mean = spectra.mean(0)
    covariance = (spectra - mean).T @ (spectra - mean)
    _, vectors = np.linalg.eigh(covariance)
    return Subspace(mean, vectors[:, : -components - 1 : -1].T)


def start_as_interpolation(model: HyRISR, start: int, subspace: Subspace | None = None) -> None:
    """Set the initial values of `model`, in place, to bilinear interpolation plus a correction of zero.

    Args:
      model: the network; its body keeps its random values.
      start: raster start index, 0 to scale - 1: LR pixel i sits on HR pixel start + i * scale.
      subspace: where interpolated pixels are projected to; None: they are left as interpolated.

    Raises:
      InputError: `start` is outside the block.
    """
    if (model.scale, start) not in _PHASES:
        raise InputError(f"the raster start is {start}, but at {model.scale}x it must be 0 to {model.scale - 1}.")
    if subspace is None:
        subspace = Subspace(np.zeros(model.length), np.eye(model.length))
    phases = _PHASES[model.scale, start]
    for upsampler, phase in zip(model.upsamplers, phases, strict=True):
        factor = model.scale if len(phases) == 1 else 2
        _set(upsampler, *_interpolation(subspace, factor, phase))
    identity = np.zeros((3, 3, model.length, model.length), np.float32)
    identity[1, 1] = np.eye(model.length)
    _set(model.blend, identity)
    _set(model.spectral_up, np.zeros(model.spectral_up.kernel.shape, np.float32))


def _interpolation(subspace: Subspace, factor: int, phase: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [3, 3, L, L * factor²] and bias, channels as (L, factor, factor), the order of the pixel shuffle."""
    length = len(subspace.mean)
    projection = subspace.components.T @ subspace.components
    residue = subspace.mean - subspace.mean @ projection
    kernel = np.zeros((3, 3, length, length, factor, factor), np.float32)
    bias = np.zeros((length, factor, factor), np.float32)
    taps = [_taps((pixel - phase) / factor) for pixel in range(factor)]
    for row in range(factor):
        for column in range(factor):
            sampled = row == column == phase
            weights = np.outer(taps[row], taps[column])
            kernel[..., row, column] = weights[:, :, None, None] * (np.eye(length) if sampled else projection)
            bias[:, row, column] = 0 if sampled else residue
    return kernel.reshape(3, 3, length, length * factor**2), bias.reshape(-1)


def _taps(offset: float) -> np.ndarray:
    """Linear weights of the pixel before, at and after, for a point `offset` pixels (-1 to 1) away."""
    return np.array([max(-offset, 0.0), 1 - abs(offset), max(offset, 0.0)], np.float32)


def _set(convolution: Any, kernel: np.ndarray, bias: np.ndarray | None = None) -> None:
    convolution.kernel[...] = jnp.asarray(kernel)
    convolution.bias[...] = jnp.zeros_like(convolution.bias[...]) if bias is None else jnp.asarray(bias)
