"""Means, confidence intervals, paired tests and repeated measures (paper, section "Statistical analysis").

A table of repeated measures is always `[n, k]`: one row an image (the subject), one column a method (the condition);
in the paper n = 9 images for super-resolution and 12 for tissue.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.stats

Array = npt.NDArray[np.float64]

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


def summarise(values: npt.ArrayLike) -> Summary:
    """Mean and two-sided 95 % Student-t interval (as in the paper) of independent values, one an image.

    Args:
        values: any shape; NaN means "unknown" and is left out.

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
    half = float(scipy.stats.t.ppf(0.975, known.size - 1) * scipy.stats.sem(known))
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
        effect, t_p = mean / spread, float(scipy.stats.ttest_1samp(difference, 0.0).pvalue)
    moved = difference[difference != 0]
    ranks = scipy.stats.rankdata(np.abs(moved))
    biserial = float(ranks @ np.sign(moved) / ranks.sum()) if moved.size else None
    return PairedComparison(n, mean, low, high, t_p, signed_rank.p_value, effect, biserial, signed_rank.note)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted by Holm's step-down procedure, in the given order."""
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return adjusted.tolist()


class Anova(NamedTuple):
    """One-way repeated-measures analysis of variance.

    Attributes:
        f: F ratio of the methods' mean square to the residual one; infinite where nothing is left over.
        df_methods, df_residual: k - 1 and (n - 1) (k - 1), before the correction.
        epsilon: Geisser and Greenhouse's estimate, from 1 / (k - 1) to 1 (sphericity holds).
        p_value: with both degrees of freedom multiplied by epsilon.
        p_uncorrected: with sphericity assumed.
        partial_eta_squared: effect size, SS_methods / (SS_methods + SS_residual).
        n, k: images and methods.
    """

    f: float
    df_methods: float
    df_residual: float
    epsilon: float
    p_value: float
    p_uncorrected: float
    partial_eta_squared: float
    n: int
    k: int


class TukeyPair(NamedTuple):
    """One of Tukey's comparisons: `difference` is the mean of column `first` minus that of `second`."""

    first: int
    second: int
    difference: float
    low: float
    high: float
    q: float
    p_value: float


def repeated_measures_anova(values: npt.ArrayLike) -> Anova:
    """One-way repeated-measures ANOVA with the Geisser-Greenhouse correction.

    Args:
        values: `[n, k]`, n >= 2 images, k >= 2 methods, finite.

    Raises:
        ValueError: another shape, values that are not finite, or all of a row's values equal in every row.
    """
    table = _checked(values)
    n, k = table.shape
    methods = n * np.sum((table.mean(axis=0) - table.mean()) ** 2)
    residual = np.sum(_residuals(table) ** 2)
    if methods + residual == 0:
        raise ValueError("every image has the same value for all methods: nothing to analyse")
    df_methods, df_residual = k - 1.0, (n - 1.0) * (k - 1.0)
    with np.errstate(divide="ignore"):
        f = float(np.float64(methods / df_methods) / (residual / df_residual))
    epsilon = geisser_greenhouse_epsilon(table) if residual > 0 else 1.0
    corrected, plain = (
        float(scipy.stats.f.sf(f, df_methods * factor, df_residual * factor)) for factor in (epsilon, 1.0)
    )
    eta = float(methods / (methods + residual))
    return Anova(f, df_methods, df_residual, epsilon, corrected, plain, eta, n, k)


def geisser_greenhouse_epsilon(values: npt.ArrayLike) -> float:
    """How far `[n, k]` is from sphericity: tr(S)^2 / ((k - 1) tr(S^2)), S the double-centred covariance.

    S is the k x k covariance of the methods over images with its row and column means removed (Box 1954;
    Geisser and Greenhouse 1958).
    """
    table = _checked(values)
    k = table.shape[1]
    centring = np.eye(k) - 1 / k
    centred = centring @ np.cov(table, rowvar=False) @ centring
    return float(np.trace(centred) ** 2 / ((k - 1) * np.sum(centred**2)))


def tukey_paired(values: npt.ArrayLike, *, sphericity: bool = False) -> list[TukeyPair]:
    """Tukey's multiple comparisons of all k (k - 1) / 2 pairs of columns for repeated measures.

    q = difference / (standard error / sqrt(2)) against the studentized range of k means. Without sphericity
    (the default, what goes with the Geisser-Greenhouse correction) each pair has its own standard error, from
    its own n differences, and n - 1 degrees of freedom; with it all share the ANOVA's residual mean square
    and its (n - 1) (k - 1) degrees. The p-values are adjusted for the number of pairs. With k = 2 it is the
    paired t-test.

    Args:
        values: `[n, k]`, as for `repeated_measures_anova`.
        sphericity: share one residual variance among the pairs.

    Returns:
        Pairs (0, 1), (0, 2), ..., in order; their intervals hold together with 95 %.
    """
    table = _checked(values)
    n, k = table.shape
    shared = np.sum(_residuals(table) ** 2) / ((n - 1) * (k - 1))
    freedom = (n - 1) * (k - 1) if sphericity else n - 1
    critical = float(scipy.stats.studentized_range.ppf(0.95, k, freedom))
    pairs = []
    for first, second in itertools.combinations(range(k), 2):
        differences = table[:, first] - table[:, second]
        variance = shared if sphericity else differences.var(ddof=1) / 2
        pairs.append(_tukey_pair((first, second), differences, variance, critical, k, freedom))
    return pairs


def _tukey_pair(
    columns: tuple[int, int], differences: Array, variance: float, critical: float, k: int, freedom: int
) -> TukeyPair:
    error = float(np.sqrt(variance / len(differences)))
    difference = float(differences.mean())
    if error > 0:
        q = abs(difference) / error
        p_value = float(scipy.stats.studentized_range.sf(q, k, freedom))
    else:
        q, p_value = (float("inf"), 0.0) if difference else (0.0, 1.0)
    low, high = difference - critical * error, difference + critical * error
    return TukeyPair(*columns, difference, low, high, q, p_value)


def _residuals(table: Array) -> Array:
    """What neither the image's mean nor the method's explains: `[n, k]`."""
    return table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()


def _checked(values: npt.ArrayLike) -> Array:
    table = np.asarray(values, np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError(f"repeated measures need [n, k] with n, k >= 2, got shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("repeated measures need finite values; leave out images with unknown ones")
    return table
