"""Abundances as fractions of a pixel, and their error."""

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.unmixing.checks import Array, check_same_shape, real_array


def abundance_fractions(abundances: npt.ArrayLike) -> Array:
    """Divide the abundances `[..., K]` of each pixel by their sum; a pixel of nothing but zeros stays so.

    Raises:
        InputError: some values are negative or not finite.
    """
    values = real_array("abundances", abundances)
    if values.min() < 0:
        raise InputError("abundances: some are negative, so they are no parts of a whole.")
    total = values.sum(axis=-1, keepdims=True)
    return values / np.where(total > 0, total, 1.0)


def abundance_error(abundances: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Root mean square, over all pixels and endmembers, of the difference between the `abundance_fractions`.

    From 0 to sqrt(2 / K); it does not see the spectra's intensity.

    Args:
        abundances: `[..., K]`.
        target: the same shape, endmembers in the same order.

    Raises:
        InputError: the shapes differ, or values are negative or not finite.
    """
    fractions, wanted = abundance_fractions(abundances), abundance_fractions(target)
    check_same_shape("abundances", fractions, wanted)
    return float(np.sqrt(np.mean((fractions - wanted) ** 2)))
