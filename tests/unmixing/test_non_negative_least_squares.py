"""Non-negative least squares of whole images against SciPy's of single spectra, and against its own conditions."""

import numpy as np
import pytest
import scipy.optimize

from deeper_jax.errors import InputError
from deeper_jax.unmixing import non_negative_abundances


def one_by_one(spectra: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    return np.array([scipy.optimize.nnls(endmembers.T, spectrum, maxiter=2000)[0] for spectrum in spectra])


def random_problem(seed: int, endmembers: np.ndarray, noise: float, n: int = 40) -> np.ndarray:
    """Spectra with about half of the abundances zero; the first few fit best with none at all."""
    rng = np.random.default_rng(seed)
    abundances = rng.random((n, len(endmembers))) * (rng.random((n, len(endmembers))) < 0.5)
    abundances[np.arange(n), rng.integers(0, len(endmembers), n)] += 0.5
    spectra = abundances @ endmembers + noise * rng.normal(size=(n, endmembers.shape[1]))
    spectra[:3] = -np.abs(endmembers).sum(axis=0)
    return spectra


def relative_difference(first: np.ndarray, second: np.ndarray, spectra: np.ndarray, endmembers: np.ndarray) -> float:
    """Largest difference of two abundances, each in the unit that its endmember's length makes, over the spectrum's."""
    lengths = np.linalg.norm(endmembers, axis=1)
    return float(np.max(np.abs(first - second) * lengths / np.linalg.norm(spectra, axis=1, keepdims=True)))


def residuals(spectra: np.ndarray, abundances: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    return np.linalg.norm(spectra - abundances @ endmembers, axis=1) / np.linalg.norm(spectra, axis=1)


KINDS = {
    "positive": lambda rng, count, length: rng.random((count, length)),
    "signed": lambda rng, count, length: rng.normal(size=(count, length)),
    "similar": lambda rng, count, length: 1 + 1e-2 * rng.random((count, length)),
    "nearly equal": lambda rng, count, length: 1 + 1e-4 * rng.random((count, length)),
}


@pytest.mark.parametrize("noise", [0.0, 1e-6, 0.05, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_scipy(kind, noise):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        count, length = seed % 12 + 1, (12, 60, 200)[seed % 3]
        endmembers = KINDS[kind](rng, count, length)
        spectra = random_problem(seed, endmembers, noise)
        found, expected = non_negative_abundances(spectra, endmembers), one_by_one(spectra, endmembers)
        assert relative_difference(found, expected, spectra, endmembers) < 1e-6
        assert found[3:].any(axis=1).all() and (kind == "signed" or not found[:3].any())


@pytest.mark.parametrize("kind", KINDS)
def test_karush_kuhn_tucker_conditions(kind):
    rng = np.random.default_rng(7)
    endmembers = KINDS[kind](rng, 10, 80)
    spectra = random_problem(7, endmembers, 0.3, n=300)
    abundances = non_negative_abundances(spectra, endmembers)
    gradient = (spectra - abundances @ endmembers) @ endmembers.T
    allowed = 1e-10 * np.linalg.norm(spectra, axis=1, keepdims=True) * np.linalg.norm(endmembers, axis=1)
    assert (abundances >= 0).all()
    assert (gradient <= allowed).all()
    assert (np.abs(gradient) <= allowed)[abundances > 0].all()
    # Both ends of the conditions occur.
    assert (abundances > 0).any() and (gradient < -1e3 * allowed).any()


@pytest.mark.parametrize("exponent", [-200, -12, 12, 200])
def test_scales_do_not_matter(exponent):
    rng = np.random.default_rng(3)
    endmembers = rng.random((6, 50))
    spectra = random_problem(3, endmembers, 0.1)
    expected = one_by_one(spectra, endmembers)
    own_scales = 10.0 ** rng.integers(-6, 7, size=(6, 1))
    factor = 10.0**exponent
    np.testing.assert_allclose(non_negative_abundances(spectra * factor, endmembers), expected * factor, rtol=1e-9)
    np.testing.assert_allclose(non_negative_abundances(spectra, endmembers * factor), expected / factor, rtol=1e-9)
    found = non_negative_abundances(spectra, endmembers * own_scales)
    np.testing.assert_allclose(found * own_scales[:, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("difference", [0.0, 1e-14, 1e-11, 1e-8, 1e-6])
@pytest.mark.parametrize("length", [4, 60])
def test_endmembers_too_alike_to_tell_apart_leave_the_fit_as_good(difference, length):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        endmembers = np.repeat(rng.random((4, length)), 2, axis=0) + difference * rng.random((8, length))
        spectra = random_problem(seed, endmembers, 0.1)
        found = non_negative_abundances(spectra, endmembers)
        assert (found >= 0).all()
        best = residuals(spectra, one_by_one(spectra, endmembers), endmembers)
        np.testing.assert_allclose(residuals(spectra, found, endmembers), best, atol=1e-6)


def test_equal_endmembers_share_what_one_would_get():
    rng = np.random.default_rng(5)
    single = rng.random((3, 40))
    spectra = random_problem(5, single, 0.05)
    twice = non_negative_abundances(spectra, np.concatenate([single, single]))
    np.testing.assert_allclose(twice[:, :3] + twice[:, 3:], one_by_one(spectra, single), atol=1e-12)


def test_more_endmembers_than_channels():
    rng = np.random.default_rng(6)
    endmembers = rng.random((12, 5))
    spectra = random_problem(6, endmembers, 0.2)
    found = non_negative_abundances(spectra, endmembers)
    best = residuals(spectra, one_by_one(spectra, endmembers), endmembers)
    np.testing.assert_allclose(residuals(spectra, found, endmembers), best, atol=1e-9)


def test_zeros_give_zeros():
    endmembers = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    with np.errstate(all="raise"):
        found = non_negative_abundances([[0.0, 0.0, 0.0], [2.0, 4.0, 6.0]], endmembers)
    np.testing.assert_allclose(found, [[0, 0], [2, 0]], atol=1e-14)


def test_an_image_gives_an_image():
    rng = np.random.default_rng(8)
    endmembers = rng.random((5, 30))
    image = random_problem(8, endmembers, 0.1, n=48).reshape(6, 8, 30)
    abundances = non_negative_abundances(image.astype(np.float32), endmembers)
    assert abundances.shape == (6, 8, 5) and abundances.dtype == np.float64
    expected = one_by_one(image.reshape(-1, 30), endmembers).reshape(6, 8, 5)
    np.testing.assert_allclose(abundances, expected, atol=1e-5)
    np.testing.assert_array_equal(non_negative_abundances(image[2, 3], endmembers).shape, (5,))


def test_unusable_input_is_refused():
    with pytest.raises(InputError, match=r"expected \[K, 4\]"):
        non_negative_abundances(np.ones((2, 4)), np.ones((2, 5)))
    with pytest.raises(InputError, match=r"expected \[K, 4\]"):
        non_negative_abundances(np.ones((2, 4)), np.ones(4))
    with pytest.raises(InputError, match="spectra: some values are NaN"):
        non_negative_abundances([[1.0, np.inf]], np.ones((1, 2)))
    with pytest.raises(InputError, match="endmembers: some values are NaN"):
        non_negative_abundances([[1.0, 2.0]], [[np.nan, 1.0]])
