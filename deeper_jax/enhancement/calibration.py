"""Standard deviations that mean what they say: fitted on simulated cells whose truth is known."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

# 90 % of the errors of a normal distribution lie within so many standard deviations.
NINETY_PERCENT = 1.6449


class Case(NamedTuple):
    """Estimates of one map, arrays of one shape: errors, standard deviations as estimated, and the input's noise."""

    error: np.ndarray
    deviation: np.ndarray
    noise: np.ndarray


def coverage(case: Case, factor: float = 1.0, noise_share: float = 0.0) -> float:
    """Share of the errors within the 90 % interval of the calibrated deviation."""
    return float((np.abs(case.error) <= NINETY_PERCENT * calibrated(case, factor, noise_share)).mean())


def calibrated(case: Case, factor: float, noise_share: float) -> np.ndarray:
    """`sqrt((factor * deviation)^2 + (noise_share * noise)^2)`; see `fit_calibration`."""
    return np.sqrt((factor * case.deviation) ** 2 + (noise_share * case.noise) ** 2)


def fit_calibration(cases: Sequence[Case]) -> dict[str, float]:
    """`factor` and `noise_share` that bring the coverage of all cases nearest to 90 %.

    The factor makes up for what the deviations leave out in proportion, the share of the input's noise for what a
    map's few components leave out: structure too weak to tell from noise.
    """

    def miss(logarithms: np.ndarray) -> float:
        factor, share = np.exp(logarithms)
        return sum((coverage(case, factor, share) - 0.9) ** 2 for case in cases)

    starts = [np.log([factor, share]) for factor in (1.0, 2.0) for share in (0.02, 0.06)]
    best = min((minimize(miss, start, method="Nelder-Mead") for start in starts), key=lambda found: found.fun)
    factor, share = np.exp(best.x)
    return {"factor": round(float(factor), 3), "noise_share": round(float(share), 4)}
