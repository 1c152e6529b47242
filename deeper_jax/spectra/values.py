"""Intensities as they are given, checked in one place: an array of real numbers of a size that can be computed with."""

from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.errors import InputError

# The networks compute in float32; where all values are smaller, or one is larger, their scaled squares are lost.
SMALLEST_VALUE, LARGEST_VALUE = 1e-30, 1e30


def real_array(name: str, values: Any) -> np.ndarray:
    """What the method `name` was given as an array of real numbers, not a copy.

    Raises:
        InputError: something else, or masked values.
    """
    if isinstance(values, str | Path):
        raise InputError(
            f"{name}() takes an array and was given the text {str(values)!r}: deeper_jax.enhance takes files, and "
            "deeper_jax.maps.read_map reads them."
        )
    if np.ma.is_masked(values):
        raise InputError(f"{name}() was given masked values: leave out those spectra or interpolate the channels.")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name}() takes spectra of one length each; these make no array ({error}).") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name}() was given {array.dtype} values of shape {array.shape}; it takes real numbers.")
    return array


def checked_values(name: str, values: Any) -> np.ndarray:
    """As `real_array`, all of them finite and of a size that can be computed with.

    Raises:
        InputError: as `real_array` and `check_size`; NaN or infinite values.
    """
    array = real_array(name, values)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InputError(f"{name}() was given {bad} NaN or infinite values: remove or interpolate them.")
    check_size(f"{name}()", array)
    return array


def check_size(source: str | Path, values: np.ndarray) -> None:
    """Raise InputError unless the largest of the finite values, or its negative, is 0 or between 1e-30 and 1e30."""
    # fmax and fmin pass over NaN, and copy nothing.
    extremes = (np.fmax.reduce(values, None), np.fmin.reduce(values, None)) if values.size else ()
    if not np.isfinite(extremes).all():
        values = values[np.isfinite(values)]
        extremes = (values.max(initial=0), values.min(initial=0))
    largest = max((abs(float(each)) for each in extremes), default=0.0)
    if largest and not SMALLEST_VALUE <= largest <= LARGEST_VALUE:
        raise InputError(
            f"{source}: found values up to {largest:.2g}, expected the largest between {SMALLEST_VALUE:g} and "
            f"{LARGEST_VALUE:g}; correct them or choose another unit."
        )


def is_deviation(values: Any) -> bool:
    """Whether these are standard deviations that intensities may have: real numbers, above 0, of a size as theirs."""
    array = np.ma.asarray(values)
    if array.dtype.kind not in "fiu":
        return False
    return bool(np.ma.filled((array >= SMALLEST_VALUE) & (array <= LARGEST_VALUE), False).all())
