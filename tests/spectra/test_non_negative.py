"""Least squares of a few unknowns that may not be negative, against SciPy's."""

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose

from deeper_jax.spectra.non_negative import few_non_negative


@pytest.mark.parametrize("unknowns", [1, 2, 3, 4])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_it_finds_what_scipy_does(unknowns, scale):
    rng = np.random.default_rng(unknowns)
    zeros = 0
    for _ in range(50):
        matrix, target = rng.standard_normal((7, unknowns)), scale * rng.standard_normal(7)
        found, expected = few_non_negative(matrix, target), scipy.optimize.nnls(matrix, target)[0]
        assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * scale)
        zeros += int((found == 0).sum())
    assert 20 < zeros < 45 * unknowns


def test_of_equal_columns_the_fit_is_as_good():
    matrix = np.array([[1.0, 1.0], [2.0, 2.0]])
    assert_allclose(matrix @ few_non_negative(matrix, np.array([1.0, 2.0])), [1.0, 2.0])
