"""What the functions of this package ask of the arrays that they are given."""

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError

Array = npt.NDArray[np.float64]


def real_array(name: str, values: npt.ArrayLike) -> Array:
    """Return the values as float64 with at least one axis.

    Raises:
        InputError: they are not real numbers, some are NaN or infinite, or there are none.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name}: found values of type {array.dtype}, expected real numbers.")
    if array.ndim == 0 or array.size == 0:
        raise InputError(f"{name}: found an array of shape {array.shape}, expected one that holds something.")
    array = array.astype(np.float64, copy=False)
    if np.ma.is_masked(values) or not np.isfinite(array).all():
        raise InputError(f"{name}: some values are NaN or infinite, or masked; remove or interpolate them.")
    return array


def check_same_shape(name: str, values: npt.NDArray, target: npt.NDArray) -> None:
    """Raise InputError unless the values and their target have one shape."""
    if values.shape != target.shape:
        raise InputError(f"{name}: found shape {values.shape}, but the target has {target.shape}; they must agree.")
