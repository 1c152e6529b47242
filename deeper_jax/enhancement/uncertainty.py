"""How sure an estimate is: its standard deviation, and its calibration."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

# 90 % of the errors of a normal distribution lie within so many standard deviations.
NINETY_PERCENT = 1.6449
DRAWS = 8


def parametric_bootstrap(
    denoise: Callable[[np.ndarray], np.ndarray], output: np.ndarray, noise: np.ndarray, draws: int = DRAWS
) -> np.ndarray:
    """Standard deviation of a denoiser's error, [P, L], for one that does not state it itself.

    The output is taken for the truth, fresh noise is added and removed `draws` times; the answers' mean squared
    distance from the output holds what the noise does and what the network changes without reason. It cannot know of
    bands that the network took away at the first time, so it is a lower bound. The same input gives the same answer.

    Args:
        denoise: from spectra [P, L] to denoised ones.
        output: [P, L], what it made of the measurement.
        noise: [P, L], standard deviation of the measurement's noise.
        draws: repetitions.
    """
    generator = np.random.default_rng(0)
    total = np.zeros(output.shape)
    for _ in range(draws):
        total += (denoise(output + noise * generator.standard_normal(output.shape)) - output) ** 2
    return np.sqrt(total / draws)


class Case(NamedTuple):
    """Estimates of one map, arrays of one shape.

    Attributes:
        error: of the estimates.
        std: their standard deviations, as estimated.
        noise: standard deviation of the input's.
        alone: what the deviations are by themselves, where `std` goes by those of the whole map too; 0 where not.
    """

    error: np.ndarray
    std: np.ndarray
    noise: np.ndarray
    alone: np.ndarray | float = 0.0


def coverage(case: Case, factor: float = 1.0, noise_share: float = 0.0, least: float = 0.0) -> float:
    """Share of errors in the 90 % interval of `sqrt(max(factor * std, least * alone)^2 + (noise_share * noise)^2)`."""
    std = np.hypot(np.maximum(factor * case.std, least * case.alone), noise_share * case.noise)
    return float((np.abs(case.error) <= NINETY_PERCENT * std).mean())


def fit_calibration(groups: Iterable[Sequence[Case]], least: float = 0.0) -> dict[str, float]:
    """`factor` and `noise_share` that bring the mean `coverage` of each group of maps, their truth known, near to 90 %.

    By the fourth power of what is missed, so that no group is far off. The factor makes up for what the deviations
    leave out in proportion, the share of the input's noise for what a map's few components leave out: structure too
    weak to tell from noise. `least` is as for `coverage`, and not fitted.
    """
    groups = list(groups)

    def miss(logarithms: np.ndarray) -> float:
        factor, share = np.exp(logarithms)
        return _miss(groups, factor, share, least)

    # Imported here: who draws intervals needs nothing else of SciPy.
    from scipy.optimize import minimize

    starts = [np.log([factor, share]) for factor in (1.0, 2.0) for share in (0.02, 0.06)]
    best = min((minimize(miss, start, method="Nelder-Mead") for start in starts), key=lambda found: found.fun)
    factor, share = np.exp(best.x)
    return {"factor": round(float(factor), 3), "noise_share": round(float(share), 4)}


def fit_factor(groups: Iterable[Sequence[Case]]) -> float:
    """As `fit_calibration`, the factor alone."""
    groups = list(groups)

    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda logarithm: _miss(groups, np.exp(logarithm)), bounds=(-2.0, 2.0), method="bounded")
    return round(float(np.exp(found.x)), 3)


def _miss(groups: Sequence[Sequence[Case]], factor: float, noise_share: float = 0.0, least: float = 0.0) -> float:
    """How far the mean coverages of groups are from 90 %: the sum of fourth powers."""
    covered = [np.mean([coverage(case, factor, noise_share, least) for case in cases]) for cases in groups]
    return float(((np.array(covered) - 0.9) ** 4).sum())
