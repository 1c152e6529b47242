"""Abundances of endmembers, the pixels' classes, and how far two images agree on them (paper, Figure 4)."""

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.unmixing.checks import Array, check_same_shape, real_array

Classes = npt.NDArray[np.int_]

# Rounds of SciPy's algorithm an endmember; about one is needed, more only between almost equal endmembers.
_ROUNDS_PER_ENDMEMBER = 20


def non_negative_abundances(spectra: npt.ArrayLike, endmembers: npt.ArrayLike) -> Array:
    """Minimise `|y - x E|^2` over `x >= 0` for every spectrum y.

    `scipy.optimize.nnls` pixel by pixel, after a QR factorisation that all share. Of equal endmembers only the sum
    of the abundances is determined; those that differ by less than about 1e-5 of their length are told apart
    poorly, though the fit is as good.

    Args:
        spectra: an image `[H, W, L]` or any `[..., L]`.
        endmembers: E, `[K, L]`, on the same channels.

    Returns:
        Abundances `[..., K]`, not negative, in the spectra's unit over the endmembers'; they need not sum to 1.

    Raises:
        InputError: the shapes do not fit, or values are not finite.
    """
    values, library = real_array("spectra", spectra), real_array("endmembers", endmembers)
    if library.ndim != 2 or library.shape[1] != values.shape[-1]:
        raise InputError(
            f"endmembers: found shape {library.shape}, expected [K, {values.shape[-1]}], as the spectra have "
            f"{values.shape[-1]} channels."
        )
    lengths = _lengths(library)
    # The part of a spectrum outside the endmembers' span is the same whatever x is: L channels become K. An
    # orthogonal factor keeps the accuracy that the normal equations of similar endmembers would square away.
    span, triangle = np.linalg.qr((library / lengths[:, None]).T)
    targets = values.reshape(-1, values.shape[-1]) @ span
    scale = np.abs(targets).max(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    # Imported here: who looks for bands alone need not wait for it.
    from scipy.optimize import nnls

    rounds = _ROUNDS_PER_ENDMEMBER * len(library)
    solution = [nnls(triangle, target, maxiter=rounds)[0] for target in targets / scale]
    return (np.array(solution) * (scale / lengths)).reshape(*values.shape[:-1], len(library))


def _lengths(library: Array) -> Array:
    """Euclidean lengths `[K]` without overflow, 1 for an endmember that is zero."""
    largest = np.abs(library).max(axis=1)
    largest[largest == 0] = 1.0
    lengths = largest * np.linalg.norm(library / largest[:, None], axis=1)
    return np.where(lengths > 0, lengths, 1.0)


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
