"""The class of a pixel, its endmember of largest abundance, and how often two images agree on it (paper, Figure 4)."""

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.unmixing.checks import check_same_shape, real_array

Classes = npt.NDArray[np.int_]


def classify_pixels(abundances: npt.ArrayLike) -> Classes:
    """Index of the largest abundance of each pixel: `[..., K]` to `[...]`, values 0 to K - 1.

    Of equal abundances the first counts, so a pixel without any is of class 0. Classes depend on the scale of
    the endmembers; compare only images that were fitted with the same ones.

    Raises:
        InputError: some values are not finite.
    """
    return np.argmax(real_array("abundances", abundances), axis=-1)


def classification_accuracy(classes: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Fraction of pixels, 0 to 1, whose class is the target's.

    Raises:
        InputError: the shapes differ, or classes are not whole numbers from 0 on.
    """
    first, second = _class_array("classes", classes), _class_array("target", target)
    check_same_shape("classes", first, second)
    return float(np.mean(first == second))


def class_confusion(classes: npt.ArrayLike, target: npt.ArrayLike, count: int) -> Classes:
    """Count pixels by the target's class (row) and their own (column): `[K, K]`, K = `count`.

    Raises:
        InputError: the shapes differ, or classes are not whole numbers from 0 to K - 1.
    """
    first, second = _class_array("classes", classes), _class_array("target", target)
    check_same_shape("classes", first, second)
    largest = int(max(first.max(), second.max()))
    if largest >= count:
        raise InputError(f"classes: found class {largest}, expected 0 to {count - 1}, as there are {count} classes.")
    return np.bincount((second * count + first).ravel(), minlength=count**2).reshape(count, count)


def _class_array(name: str, values: npt.ArrayLike) -> Classes:
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or array.size == 0 or array.min() < 0:
        raise InputError(f"{name}: expected whole numbers from 0 on, one a pixel, as `classify_pixels` gives them.")
    return array.astype(np.int_)
