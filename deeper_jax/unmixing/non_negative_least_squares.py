"""Abundances by non-negative least squares, exact and for all pixels at once.

Lawson and Hanson's active-set method ("Solving least squares problems", 1974, chapter 23), run for all pixels
side by side; pixels with the same set of non-zero abundances share one factorisation, as in Van Benthem and
Keenan, "Fast algorithm for the solution of large-scale non-negativity-constrained least squares problems",
Journal of Chemometrics 18 (2004) 441-450.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.unmixing.checks import Array, real_array

_Mask = npt.NDArray[np.bool_]

# A pixel needs about as many rounds as it holds endmembers. The bound only rules out that rounding errors send
# one in circles for ever between almost equal endmembers, of which any choice fits as well.
_ROUNDS_PER_ENDMEMBER = 20


def non_negative_abundances(spectra: npt.ArrayLike, endmembers: npt.ArrayLike) -> Array:
    """Minimise |y - x E|^2 over x >= 0 for every spectrum y.

    Equal to `scipy.optimize.nnls` pixel by pixel. Of equal endmembers only the sum of the abundances is
    determined; those that differ by less than about 1e-5 of their length are told apart poorly, though the fit
    is as good.

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
    solution = _lawson_hanson(triangle, targets / scale) * (scale / lengths)
    return solution.reshape(*values.shape[:-1], len(library))


def _lengths(library: Array) -> Array:
    """Euclidean lengths `[K]` without overflow, 1 for an endmember that is zero."""
    largest = np.abs(library).max(axis=1)
    largest[largest == 0] = 1.0
    lengths = largest * np.linalg.norm(library / largest[:, None], axis=1)
    return np.where(lengths > 0, lengths, 1.0)


def _lawson_hanson(matrix: Array, targets: Array) -> Array:
    """Solve for every row of `targets` `[N, M]` against the unit columns of `matrix` `[M, K]`: `[N, K]`."""
    count = matrix.shape[1]
    solution = np.zeros((len(targets), count))
    passive = np.zeros(solution.shape, bool)  # abundances that are free to be positive
    refused = np.zeros(solution.shape, bool)  # endmembers that did not help, until another one does
    gradient = targets @ matrix
    tolerance = np.finfo(np.float64).eps * np.linalg.norm(targets, axis=1)
    rows = np.arange(len(targets))  # the pixels that are not solved yet
    for _ in range(_ROUNDS_PER_ENDMEMBER * count):
        choice = np.where(passive[rows] | refused[rows], -np.inf, gradient[rows])
        entering = choice.argmax(axis=1)
        open_ = choice.max(axis=1) > tolerance[rows]
        rows, entering = rows[open_], entering[open_]
        if rows.size == 0:
            break
        trial_passive = passive[rows]
        trial_passive[np.arange(rows.size), entering] = True
        trial = _feasible_minimum(matrix, targets[rows], solution[rows], trial_passive)
        trial_gradient = (targets[rows] - trial @ matrix.T) @ matrix
        # The decrease of the squared error, without the cancellation of subtracting two errors.
        better = np.sum((trial - solution[rows]) * (gradient[rows] + trial_gradient), axis=1) > 0
        refused[rows[~better], entering[~better]] = True
        moved = rows[better]
        solution[moved], passive[moved] = trial[better], trial_passive[better]
        gradient[moved], refused[moved] = trial_gradient[better], False
    return solution


def _feasible_minimum(matrix: Array, targets: Array, start: Array, passive: _Mask) -> Array:
    """Go from `start` to the least-squares solution on the passive set; what would turn negative leaves the set.

    Changes `passive` `[N, K]` in place, so that at the end it marks the positive abundances.
    """
    point = start.copy()
    rows = np.arange(len(targets))
    while rows.size:
        aim = _least_squares(matrix, targets[rows], passive[rows])
        falling = passive[rows] & (aim <= 0)
        feasible = ~falling.any(axis=1)
        point[rows[feasible]] = aim[feasible]
        rows, aim, falling = rows[~feasible], aim[~feasible], falling[~feasible]
        here = point[rows]
        # The part of the way after which each falling abundance is zero; the first to get there stops all.
        share = np.where(falling, 0.0, np.inf)
        np.divide(here, here - aim, out=share, where=falling & (here > 0))
        shortest = share.min(axis=1, keepdims=True)
        here = np.maximum(here + shortest * (aim - here), 0.0)
        here[share == shortest] = 0.0
        passive[rows] &= here > 0
        point[rows] = here
    return point


def _least_squares(matrix: Array, targets: Array, passive: _Mask) -> Array:
    """Unconstrained solutions `[N, K]` with the abundances outside the passive set at zero."""
    solution = np.zeros(passive.shape)
    for rows, columns in _groups(passive):
        fitted = np.linalg.lstsq(matrix[:, columns], targets[rows].T, rcond=None)[0]
        solution[np.ix_(rows, columns)] = fitted.T
    return solution


def _groups(passive: _Mask) -> Iterator[tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]]:
    """Rows that have the same passive set, with the columns of that set."""
    keys = np.packbits(passive, axis=1).T  # bytes sort much faster than rows of a mask
    order = np.lexsort(keys)
    starts = 1 + np.flatnonzero((np.diff(keys[:, order], axis=1) != 0).any(axis=0))
    for rows in np.split(order, starts):
        yield rows, np.flatnonzero(passive[rows[0]])
