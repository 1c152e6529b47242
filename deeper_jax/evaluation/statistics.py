"""Means, confidence intervals and the paired test of the paper (section "Statistical analysis")."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.stats

SMALLEST_N_FOR_SIGNIFICANCE = 6
"""With fewer pairs the exact two-tailed signed-rank test cannot reach p < 0.05: its least p is 2 / 2**n."""


class Summary(NamedTuple):
    """Mean of `n` values and the ends of its 95 % interval; None where n is too small to know."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


class PairedTest(NamedTuple):
    """Outcome of a paired test: `p_value` (None where it cannot be computed), pairs used, a note in words."""

    p_value: float | None
    n: int
    note: str


def summarise(values: npt.ArrayLike, confidence: float = 0.95) -> Summary:
    """Mean and two-sided Student-t interval of independent values, one an image.

    Args:
        values: any shape; NaN means "unknown" and is left out.
        confidence: coverage of the interval, 0.95 as in the paper.

    Returns:
        The mean with n >= 1, the interval with n >= 2, otherwise None in their places.
    """
    known = np.asarray(values, np.float64).ravel()
    known = known[~np.isnan(known)]
    if known.size == 0:
        return Summary(None, None, None, 0)
    mean = float(known.mean())
    if known.size == 1 or not np.isfinite(mean):
        return Summary(mean, None, None, known.size)
    error = known.std(ddof=1) / np.sqrt(known.size)
    half = float(scipy.stats.t.ppf(0.5 + confidence / 2, known.size - 1) * error)
    return Summary(mean, mean - half, mean + half, known.size)


def wilcoxon(values: npt.ArrayLike, reference: npt.ArrayLike) -> PairedTest:
    """Two-tailed Wilcoxon signed-rank test of one method against another, paired by image (paper, denoising).

    The p-value is for this pair alone: no correction for the number of methods compared.

    Args:
        values: [n], one figure an image for a method; NaN means "unknown" and drops the pair.
        reference: [n], the same for the method compared with (the network).

    Raises:
        ValueError: the two lengths differ.
    """
    first, second = np.asarray(values, np.float64).ravel(), np.asarray(reference, np.float64).ravel()
    if first.shape != second.shape:
        raise ValueError(f"paired values must have equal lengths, got {first.size} and {second.size}")
    difference = (first - second)[np.isfinite(first) & np.isfinite(second)]
    n = int(np.count_nonzero(difference))
    if difference.size == 0:
        return PairedTest(None, 0, "no pairs")
    if n == 0:
        return PairedTest(None, 0, "all pairs are equal")
    p_value = float(scipy.stats.wilcoxon(difference[difference != 0], alternative="two-sided").pvalue)
    if n < SMALLEST_N_FOR_SIGNIFICANCE:
        least = 2.0 / 2**n
        return PairedTest(p_value, n, f"n = {n} cannot give p < 0.05 (least possible {least:.3g})")
    return PairedTest(p_value, n, "")


class PairedComparison(NamedTuple):
    """One method against another over the same `n` images; None where a number cannot be computed.

    `difference` is mean(values) - mean(reference) with the ends `low`, `high` of its 95 % Student-t interval;
    `t_p` is the two-tailed paired t-test's p, `wilcoxon_p` the signed-rank test's. Effect sizes: `cohens_dz`,
    the mean difference over the standard deviation of the differences, and `rank_biserial`, Kerby's
    matched-pairs rank-biserial correlation, from -1 (all differences negative) to 1.
    """

    n: int
    difference: float | None
    low: float | None
    high: float | None
    t_p: float | None
    wilcoxon_p: float | None
    cohens_dz: float | None
    rank_biserial: float | None
    note: str


def compare_paired(values: npt.ArrayLike, reference: npt.ArrayLike) -> PairedComparison:
    """Paired t-test and Wilcoxon signed-rank test, both two-tailed, with their effect sizes.

    Args:
        values: [n], one figure an image for a method; NaN means "unknown" and drops the pair.
        reference: [n], the same for the method compared with.

    Raises:
        ValueError: the two lengths differ.
    """
    signed_rank = wilcoxon(values, reference)
    difference = np.asarray(values, np.float64).ravel() - np.asarray(reference, np.float64).ravel()
    difference = difference[np.isfinite(difference)]
    mean, low, high, n = summarise(difference)
    spread = float(difference.std(ddof=1)) if n > 1 else 0.0
    t_p = effect = None
    if mean is not None and spread > 0:
        effect = mean / spread
        t_p = float(2 * scipy.stats.t.sf(abs(effect) * np.sqrt(n), n - 1))
    moved = difference[difference != 0]
    ranks = scipy.stats.rankdata(np.abs(moved))
    biserial = float(ranks @ np.sign(moved) / ranks.sum()) if moved.size else None
    return PairedComparison(n, mean, low, high, t_p, signed_rank.p_value, effect, biserial, signed_rank.note)
