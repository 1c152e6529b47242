"""Non-negative least squares of a few unknowns.

`scipy.optimize` has it for many, and takes a sixth of a second to be imported.
"""

import itertools

import numpy as np


def few_non_negative(matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The x [K], 0 or more, of the least |matrix x - target|.

    One set of its unknowns is not held at 0, and all sets are tried: K should be 4 at most.

    Args:
        matrix: [N, K].
        target: [N].
    """
    count = matrix.shape[1]
    best, least = np.zeros(count), float(target @ target)
    for chosen in itertools.product((False, True), repeat=count):
        if not any(chosen):
            continue
        found = np.zeros(count)
        found[list(chosen)] = np.linalg.lstsq(matrix[:, chosen], target, rcond=None)[0]
        square = float(np.sum((matrix @ found - target) ** 2))
        if square < least and found.min() >= 0:
            best, least = found, square
    return best
