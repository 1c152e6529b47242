"""Spectral angles: how far apart two spectra's shapes are, whatever their intensities."""

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.unmixing.checks import Array, real_array


def spectral_angle(spectra: npt.ArrayLike, target: npt.ArrayLike) -> Array:
    """Angle in degrees between spectra as vectors of L channels: 0 for equal shapes, 90 for no overlap.

    Up to 180 where values are negative; NaN where a spectrum is all zero and so has no shape. Two images give
    a map of the angle in every pixel.

    Args:
        spectra: `[..., L]`.
        target: `[..., L]`; the leading axes broadcast, so that `a[:, None]` and `b` give all pairs.

    Raises:
        InputError: values are not finite, or the shapes do not fit.
    """
    first, second = real_array("spectra", spectra), real_array("target", target)
    try:
        np.broadcast_shapes(first.shape[:-1], second.shape[:-1])
    except ValueError:
        fits = False
    else:
        fits = first.shape[-1] == second.shape[-1]
    if not fits:
        raise InputError(f"spectra: found shape {first.shape}, which does not fit the target's {second.shape}.")
    first, second = _unit(first), _unit(second)
    # Kahan's formula: unlike the arc cosine of the product, it is exact for small angles too.
    apart, together = (np.linalg.norm(each, axis=-1) for each in (first - second, first + second))
    return np.degrees(2 * np.arctan2(apart, together))


def _unit(spectra: Array) -> Array:
    """Spectra of Euclidean length 1; NaN for those that are zero."""
    length = np.linalg.norm(spectra, axis=-1, keepdims=True)
    return spectra / np.where(length > 0, length, np.nan)
