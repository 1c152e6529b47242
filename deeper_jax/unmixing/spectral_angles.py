"""Spectral angles: how far apart two spectra's shapes are, whatever their intensities."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.optimize

from deeper_jax.errors import InputError
from deeper_jax.unmixing.checks import Array, real_array


class EndmemberMatch(NamedTuple):
    """Which endmember stands for which target.

    Attributes:
        order: `[K]`, index of the endmember matched to each target, so that `endmembers[order]` lines up with
            the targets, and `abundances[..., order]` with theirs.
        angles: `[K]`, spectral angle of each such pair in degrees.
    """

    order: npt.NDArray[np.int_]
    angles: Array


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


def match_endmembers(endmembers: npt.ArrayLike, targets: npt.ArrayLike) -> EndmemberMatch:
    """Pair each target with an endmember of its own so that the sum of the angles is smallest (Hungarian method).

    Args:
        endmembers: `[J, L]`, J >= K; those left over are matched to nothing.
        targets: `[K, L]`.

    Raises:
        InputError: the shapes do not fit, there are fewer endmembers than targets, or values are not finite or
            all zero in one spectrum.
    """
    found, wanted = real_array("endmembers", endmembers), real_array("targets", targets)
    if found.ndim != 2 or wanted.ndim != 2 or found.shape[1] != wanted.shape[1] or len(found) < len(wanted):
        raise InputError(
            f"endmembers: found shapes {found.shape} and {wanted.shape}, expected [J, L] and targets [K, L] with "
            "J at least K."
        )
    angles = spectral_angle(wanted[:, None], found)
    if np.isnan(angles).any():
        raise InputError("endmembers: one of them or of the targets is all zero; leave it out.")
    rows, order = scipy.optimize.linear_sum_assignment(angles)
    return EndmemberMatch(order, angles[rows, order])


def _unit(spectra: Array) -> Array:
    """Spectra of Euclidean length 1; NaN for those that are zero."""
    length = np.linalg.norm(spectra, axis=-1, keepdims=True)
    return spectra / np.where(length > 0, length, np.nan)
