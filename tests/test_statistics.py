"""Intervals and the paired test against textbook formulas and complete enumeration."""

import itertools

import numpy as np
import pytest
import scipy.stats

from deeper_jax.evaluation.statistics import summarise, wilcoxon


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
