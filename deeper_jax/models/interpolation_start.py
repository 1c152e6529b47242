"""Start HyRISR as an interpolator: same network, other initial values.

PyTorch's initial values make the untrained network answer noise, and a large part of training goes into learning
what any interpolator knows. Here the upsampler starts as bilinear interpolation registered to the sampling phase
and the rest as a correction of zero, so that training starts from a sensible image.
"""

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


def start_as_interpolation(model: HyRISR, start: int) -> None:
    """Set the initial values of `model`, in place, to bilinear interpolation plus a correction of zero.

    Args:
      model: the network; its body keeps its random values.
      start: raster start index, 0 to scale - 1: LR pixel i sits on HR pixel start + i * scale.

    Raises:
      InputError: `start` is outside the block.
    """
    if (model.scale, start) not in _PHASES:
        raise InputError(f"the raster start is {start}, but at {model.scale}x it must be 0 to {model.scale - 1}.")
    phases = _PHASES[model.scale, start]
    for upsampler, phase in zip(model.upsamplers, phases, strict=True):
        factor = model.scale if len(phases) == 1 else 2
        _set(upsampler, _interpolation_kernel(model.length, factor, phase))
    identity = np.zeros((3, 3, model.length, model.length), np.float32)
    identity[1, 1] = np.eye(model.length)
    _set(model.blend, identity)
    _set(model.spectral_up, np.zeros(model.spectral_up.kernel.shape, np.float32))


def _interpolation_kernel(length: int, factor: int, phase: int) -> np.ndarray:
    """[3, 3, L, L * factor²] with channels as (L, factor, factor), the order of the pixel shuffle."""
    kernel = np.zeros((3, 3, length, length, factor, factor), np.float32)
    taps = [_taps((pixel - phase) / factor) for pixel in range(factor)]
    for row in range(factor):
        for column in range(factor):
            weights = np.outer(taps[row], taps[column])
            kernel[..., row, column] = weights[:, :, None, None] * np.eye(length)
    return kernel.reshape(3, 3, length, length * factor**2)


def _taps(offset: float) -> np.ndarray:
    """Linear weights of the pixel before, at and after, for a point `offset` pixels (-1 to 1) away."""
    return np.array([max(-offset, 0.0), 1 - abs(offset), max(offset, 0.0)], np.float32)


def _set(convolution: object, kernel: np.ndarray) -> None:
    convolution.kernel[...] = jnp.asarray(kernel)  # type: ignore[attr-defined]
    convolution.bias[...] = jnp.zeros_like(convolution.bias[...])  # type: ignore[attr-defined]
