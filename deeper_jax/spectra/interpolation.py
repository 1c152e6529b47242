"""Interpolation of images of which only some pixels were measured: those of a raster, less gaps. NumPy or JAX."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Zeros of Lanczos' kernel on either side, in steps of the raster.
LOBES = 3
# Reach of the means that fill gaps, in steps of the raster (standard deviation).
_REACH = 0.7


def interpolate_raster(images: Any, mask: Any, step: Any, offset: Any, lobes: int = LOBES) -> Any:
    """Fill images by Lanczos' kernel between the pixels of a raster; gaps in it by means around them.

    The measured pixels keep their values. Beyond the outermost row and column of the raster their values are repeated.

    Args:
        images: [..., H, W], finite everywhere; what lies where `mask` is 0 does not matter.
        mask: [H, W] or broadcastable to `images`, 1 where a pixel was measured and 0 elsewhere; no pixel beside the
            raster counts.
        step: [2] whole numbers, rows and columns from one pixel of the raster to the next.
        offset: [2], its first row and column, from 0 to `step` - 1.
        lobes: zeros of the kernel on either side: 3 follow smooth images better, 2 ring less where steps are wide.

    Returns:
        [..., H, W], of JAX if `images` are.
    """
    arrays: Any = jnp if isinstance(images, jax.Array) else np
    mask = arrays.broadcast_to(mask, images.shape)
    sides = images.shape[-2:]
    near = [_nearness(arrays, size, _REACH * step[axis]) for axis, size in enumerate(sides)]
    count = arrays.maximum(mask.sum((-2, -1), keepdims=True), 1.0)
    mean = (images * mask).sum((-2, -1), keepdims=True) / count
    # Where nothing was measured for many steps around, the mean of the image takes over.
    filled = mean + _both_ways(near, (images - mean) * mask) / (_both_ways(near, mask) + 1e-3)
    complete = arrays.where(mask > 0, images, filled)
    between = _both_ways(
        [_lanczos(arrays, size, step[axis], offset[axis], lobes) for axis, size in enumerate(sides)], complete
    )
    return arrays.where(mask > 0, images, between)


def _both_ways(weights: list[Any], images: Any) -> Any:
    rows, columns = weights
    return rows @ images @ columns.T


def _nearness(arrays: Any, size: int, reach: Any) -> Any:
    place = arrays.arange(size)
    return arrays.exp(-0.5 * arrays.square((place[:, None] - place) / reach))


def _lanczos(arrays: Any, size: int, step: Any, offset: Any, lobes: int) -> Any:
    """Weights [size, size] of the raster's places in every place of an axis; 0 in columns beside the raster."""
    place = arrays.arange(size)
    last = (size - 1 - offset) // step
    position = arrays.clip((place - offset) / step, 0, last)
    taps = arrays.floor(position)[:, None] + arrays.arange(1 - lobes, lobes + 1)
    distance = position[:, None] - taps
    weights = arrays.where(arrays.abs(distance) < lobes, arrays.sinc(distance) * arrays.sinc(distance / lobes), 0.0)
    weights = weights / weights.sum(1, keepdims=True)
    source = offset + step * arrays.clip(taps, 0, last).astype(int)
    return arrays.einsum("pt,pts->ps", weights, (source[..., None] == place).astype(weights.dtype))
