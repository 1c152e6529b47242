"""Intervals, paired tests and repeated measures against textbooks, SciPy and complete enumeration."""

import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from deeper_jax.evaluation.statistics import (
    compare_paired,
    geisser_greenhouse_epsilon,
    repeated_measures_anova,
    summarise,
    tukey_paired,
    wilcoxon,
)


@pytest.mark.parametrize(("seed", "n"), [(0, 2), (1, 7), (2, 30)])
def test_interval_is_students(seed, n):
    values = np.random.default_rng(seed).normal(3, 2, n)
    summary = summarise(values)
    low, high = scipy.stats.t.interval(0.95, n - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    assert summary.n == n
    np.testing.assert_allclose([summary.mean, summary.low, summary.high], [values.mean(), low, high])


def test_interval_by_hand():
    summary = summarise([1.0, 2.0, 3.0])
    half = 4.302652729911275 / np.sqrt(3)  # t(0.975, 2) from a table, standard deviation 1
    assert summary.low == pytest.approx(2 - half)
    assert summary.high == pytest.approx(2 + half)


def test_too_few_values_have_no_interval():
    assert summarise([4.0]) == (4.0, None, None, 1)
    assert summarise([]) == (None, None, None, 0)
    assert summarise([1.0, np.nan, 3.0])[::3] == (2.0, 2)
    assert summarise([np.inf, 1.0]).low is None


def exact_p(difference: np.ndarray) -> float:
    """Two-tailed p by going through every assignment of signs."""
    ranks = scipy.stats.rankdata(np.abs(difference))
    observed = abs(ranks @ np.sign(difference))
    signs = np.array(list(itertools.product([-1, 1], repeat=len(ranks))))
    return float(np.mean(np.abs(signs @ ranks) >= observed - 1e-9))


@pytest.mark.parametrize(("seed", "n"), [(0, 4), (1, 6), (2, 11)])
def test_wilcoxon_is_exact(seed, n):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0.4, 1, n), rng.normal(0, 1, n)
    result = wilcoxon(first, second)
    assert result.n == n
    assert result.p_value == pytest.approx(exact_p(first - second))
    assert wilcoxon(second, first).p_value == pytest.approx(result.p_value)


def test_small_n_is_noted():
    values = np.arange(1.0, 6.0)
    five = wilcoxon(values, np.zeros(5))
    assert five.p_value == pytest.approx(0.0625)
    assert "n = 5" in five.note and "0.0625" in five.note
    eleven = wilcoxon(np.arange(1.0, 12.0), np.zeros(11))
    assert eleven.p_value == pytest.approx(2 / 2**11)
    assert eleven.note == ""


def test_wilcoxon_without_information():
    assert wilcoxon([1.0, 2.0], [1.0, 2.0]).p_value is None
    assert wilcoxon([np.nan], [1.0]).p_value is None
    assert wilcoxon([1.0, np.nan, 3.0], [0.0, 1.0, 0.5]).n == 2
    with pytest.raises(ValueError, match="equal lengths"):
        wilcoxon([1.0, 2.0], [1.0])


# Eight people rate four things: a textbook example (Field, Discovering Statistics, repeated measures), which
# gives F(3, 21) = 3.79, p = .026, Greenhouse-Geisser epsilon .533 and corrected p = .063.
PUBLISHED = np.array(
    [[8, 7, 1, 6], [9, 5, 2, 5], [6, 2, 3, 8], [5, 3, 1, 9], [8, 4, 5, 8], [7, 5, 6, 7], [10, 2, 7, 2], [12, 6, 8, 1]]
)


def test_anova_of_a_published_example():
    found = repeated_measures_anova(PUBLISHED)
    assert (found.n, found.k, found.df_methods, found.df_residual) == (8, 4, 3, 21)
    assert found.f == pytest.approx(3.79, abs=0.005)
    assert found.epsilon == pytest.approx(0.533, abs=0.0005)
    assert found.p_uncorrected == pytest.approx(0.026, abs=0.0005)
    assert found.p_value == pytest.approx(0.063, abs=0.0005)
    assert found.partial_eta_squared == pytest.approx(83.125 / (83.125 + 153.375), abs=1e-6)


def epsilon_by_eigenvalues(table: np.ndarray) -> float:
    """From the covariance of k - 1 orthonormal contrasts (Helmert's), whose eigenvalues are equal in sphericity."""
    contrasts = scipy.linalg.helmert(table.shape[1])
    eigenvalues = np.linalg.eigvalsh(np.cov((table @ contrasts.T).T).reshape(len(contrasts), -1))
    return eigenvalues.sum() ** 2 / (len(contrasts) * (eigenvalues**2).sum())


@pytest.mark.parametrize(("seed", "n", "k"), [(0, 9, 3), (1, 12, 4), (2, 5, 2), (3, 4, 6)])
def test_epsilon_by_an_independent_formula(seed, n, k):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, k)) @ rng.normal(size=(k, k)) + rng.normal(size=(n, 1))
    epsilon = geisser_greenhouse_epsilon(table)
    assert epsilon == pytest.approx(epsilon_by_eigenvalues(table))
    assert 1 / (k - 1) - 1e-12 <= epsilon <= 1 + 1e-12
    assert geisser_greenhouse_epsilon(table + np.arange(n)[:, None]) == pytest.approx(epsilon)


@pytest.mark.parametrize("seed", [0, 1])
def test_two_methods_are_the_paired_t_test(seed):
    table = np.random.default_rng(seed).normal(size=(9, 2)) + [0, 0.8]
    expected = scipy.stats.ttest_rel(table[:, 0], table[:, 1])
    anova = repeated_measures_anova(table)
    assert anova.f == pytest.approx(expected.statistic**2)
    assert anova.p_value == pytest.approx(expected.pvalue) == anova.p_uncorrected
    interval = expected.confidence_interval(0.95)
    for sphericity in (False, True):
        (pair,) = tukey_paired(table, sphericity=sphericity)
        assert pair.p_value == pytest.approx(expected.pvalue, rel=1e-5)
        assert (pair.low, pair.high) == pytest.approx(tuple(interval), rel=1e-5)


def test_tukey_against_scipy():
    """Where the images' means are alike, SciPy's test differs in the degrees of freedom alone."""
    table = np.random.default_rng(5).normal(size=(10, 3)) + [0, 0.5, 1]
    table -= table.mean(axis=1, keepdims=True)
    found, n, k = tukey_paired(table, sphericity=True), *table.shape
    other = scipy.stats.tukey_hsd(*table.T)
    for pair in found:
        difference = other.statistic[pair.first, pair.second]
        assert pair.difference == pytest.approx(difference)
        q_of_scipy = scipy.stats.studentized_range.isf(other.pvalue[pair.first, pair.second], k, k * (n - 1))
        assert pair.q == pytest.approx(q_of_scipy * np.sqrt((k - 1) / k), rel=1e-4)
        assert pair.p_value == pytest.approx(scipy.stats.studentized_range.sf(pair.q, k, (n - 1) * (k - 1)))
    half = found[0].high - found[0].difference
    assert half == pytest.approx(3.609 * abs(found[0].difference) / found[0].q, rel=1e-3)  # q(0.05; 3, 18), printed


def test_tukey_without_sphericity_uses_each_pairs_own_spread():
    table = np.random.default_rng(6).normal(size=(9, 3)) * [1, 1, 10]
    for pair in tukey_paired(table):
        t = scipy.stats.ttest_rel(table[:, pair.first], table[:, pair.second]).statistic
        assert pair.q == pytest.approx(np.sqrt(2) * abs(t))
        assert pair.p_value == pytest.approx(scipy.stats.studentized_range.sf(pair.q, 3, 8))
        assert pair.low < pair.difference < pair.high
    assert [(pair.first, pair.second) for pair in tukey_paired(table)] == [(0, 1), (0, 2), (1, 2)]


def test_degenerate_tables():
    exact = repeated_measures_anova([[1.0, 2.0], [2.0, 3.0]])
    assert exact.f == float("inf") and exact.p_value == 0 and exact.partial_eta_squared == 1
    assert tukey_paired([[1.0, 2.0], [2.0, 3.0]])[0].p_value == 0
    for bad in (np.ones((1, 3)), np.ones((3, 1)), np.ones(3)):
        with pytest.raises(ValueError, match="n, k >= 2"):
            repeated_measures_anova(bad)
    with pytest.raises(ValueError, match="finite"):
        tukey_paired([[1.0, np.nan], [1.0, 2.0]])
    with pytest.raises(ValueError, match="nothing to analyse"):
        repeated_measures_anova([[1.0, 1.0], [2.0, 2.0]])


@pytest.mark.parametrize(("seed", "n"), [(0, 9), (1, 12)])
def test_paired_comparison(seed, n):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0.4, 1, n), rng.normal(0, 1, n)
    found = compare_paired(first, second)
    expected = scipy.stats.ttest_rel(first, second)
    assert found.t_p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.cohens_dz == pytest.approx(expected.statistic / np.sqrt(n))
    assert found.wilcoxon_p == pytest.approx(exact_p(first - second))
    less = scipy.stats.wilcoxon(first, second, alternative="greater").statistic  # sum of the positive ranks
    total = n * (n + 1) / 2
    assert found.rank_biserial == pytest.approx((less - (total - less)) / total)


def test_paired_comparison_without_information():
    equal = compare_paired([1.0, 2.0], [1.0, 2.0])
    assert (equal.difference, equal.t_p, equal.wilcoxon_p, equal.rank_biserial) == (0.0, None, None, None)
    one = compare_paired([1.0, np.nan], [0.0, 1.0])
    assert (one.n, one.difference, one.low, one.t_p, one.rank_biserial) == (1, 1.0, None, None, 1.0)
    assert "n = 1" in one.note
