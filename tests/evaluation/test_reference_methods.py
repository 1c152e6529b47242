"""Reference methods against SciPy, dense solves and loops, and on real pairs."""

import numpy as np
import pytest
import pywt
import scipy.signal
from paths import SHARED

from deeper_jax.evaluation import reference_methods as reference
from deeper_jax.evaluation import tuning
from deeper_jax.evaluation.metrics import mse, mse_fit, over_own_maximum

PAIRS = SHARED / "data" / "cell_pairs_real.npz"


def noisy_map(seed: int, n: int = 60, length: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures of three bands, with and without noise."""
    rng = np.random.default_rng(seed)
    axis = np.arange(length)
    bands = np.stack([np.exp(-(((axis - centre) / 6) ** 2)) for centre in (20, 45, 60)])
    truth = rng.random((n, 3)) @ bands + 0.2
    return truth + 0.1 * rng.normal(size=truth.shape), truth


@pytest.mark.parametrize(("order", "frame"), reference.SAVGOL_GRID)
def test_savitzky_golay_is_a_local_polynomial_fit(order, frame):
    noisy, _ = noisy_map(order)
    output = reference.savitzky_golay(noisy, order, frame)
    np.testing.assert_allclose(output, scipy.signal.savgol_filter(noisy, frame, order), atol=1e-12)
    half, centre = frame // 2, 40
    window = np.arange(-half, half + 1)
    fitted = np.polyval(np.polyfit(window, noisy[3, centre - half : centre + half + 1], order), 0)
    assert output[3, centre] == pytest.approx(fitted, abs=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("lam", [1.0, 3000.0])
def test_whittaker_equals_a_dense_solve(order, lam):
    noisy, _ = noisy_map(order)
    difference = np.diff(np.eye(noisy.shape[1]), n=order, axis=0)
    matrix = np.eye(noisy.shape[1]) + lam * difference.T @ difference
    np.testing.assert_allclose(reference.whittaker(noisy, lam, order), np.linalg.solve(matrix, noisy.T).T, atol=1e-9)


def test_whittaker_of_very_short_spectra():
    spectra = np.array([[1.0, 2.0], [3.0, 5.0]])
    np.testing.assert_allclose(reference.whittaker(spectra, 10.0), spectra)


@pytest.mark.parametrize("length", [80, 81])
def test_wavelet_equals_a_loop_over_spectra(length):
    noisy, _ = noisy_map(1, n=5, length=length)
    expected = []
    for row in noisy:
        coefficients = pywt.wavedec(row, "db4", level=3)
        sigma = np.median(np.abs(coefficients[-1])) / 0.6744897501960817
        limit = 0.8 * sigma * np.sqrt(2 * np.log(length))
        kept = [coefficients[0], *(pywt.threshold(c, limit, "soft") for c in coefficients[1:])]
        expected.append(pywt.waverec(kept, "db4")[:length])
    np.testing.assert_allclose(reference.wavelet(noisy, "db4", 3, 0.8), expected, atol=1e-10)
    np.testing.assert_allclose(reference.wavelet(noisy, "db4", 3, 0.0), noisy, atol=1e-10)
    np.testing.assert_array_equal(reference.wavelet(noisy, "db4", 99), reference.wavelet(noisy, "db4", 3))


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("components", [1, 4])
def test_pca_equals_a_sum_over_singular_vectors(n, components):
    noisy, _ = noisy_map(2, n=n)
    mean = noisy.mean(0)
    left, values, right = np.linalg.svd(noisy - mean, full_matrices=False)
    expected = np.tile(mean, (n, 1))
    for k in range(components):
        expected += values[k] * np.outer(left[:, k], right[k])
    np.testing.assert_allclose(reference.pca(noisy, components), expected, atol=1e-9)


def test_pca_with_all_components_changes_nothing():
    noisy, _ = noisy_map(3, n=10)
    np.testing.assert_allclose(reference.pca(noisy, 500), noisy, atol=1e-9)
    with pytest.raises(ValueError, match="at least 1"):
        reference.pca(noisy, 0)


def test_methods_name_themselves():
    methods = reference.paper_methods()
    assert list(methods)[:3] == ["raw", "SG(1,3)", "SG(1,5)"]
    assert len(methods) == 13 and "SG(3,11)" in methods
    both = reference.reference_method("pca_whittaker", components=2, lam=300)
    assert (both.name, both.uses_whole_map) == ("PCA(2)+Whittaker(300)", True)
    assert not reference.reference_method("whittaker", lam=10).uses_whole_map
    noisy, _ = noisy_map(4)
    np.testing.assert_array_equal(both(noisy), reference.whittaker(reference.pca(noisy, 2), 300))
    np.testing.assert_array_equal(methods["raw"](noisy), noisy)
    with pytest.raises(ValueError, match="unknown family"):
        reference.reference_method("median")


@pytest.mark.parametrize("metric", ["mse", "mse_fit"])
@pytest.mark.parametrize("family", ["raw", "savitzky_golay", "whittaker", "pca", "pca_whittaker"])
def test_tune_finds_the_best_candidate(family, metric):
    images = [noisy_map(5, n=30, length=50), noisy_map(6, n=30, length=50)]
    tuned = tuning.tune(family, images, metric)

    def score(method):
        if metric == "mse_fit":
            return np.mean([mse_fit(method(noisy), target) for noisy, target in images])
        return np.mean([mse(over_own_maximum(method(noisy)), over_own_maximum(target)) for noisy, target in images])

    best = min(score(method) for method in tuning.candidates(family))
    assert score(tuned) == pytest.approx(best, rel=1e-9)
    assert tuned.validation_score == pytest.approx(best, rel=1e-9)
    assert tuned.family == family


def test_tune_on_a_subsample_and_short_spectra():
    images = [noisy_map(7, n=400)]
    assert tuning.tune("pca", images, max_spectra=50).parameters["components"] in (2, 3, 4)
    short = [noisy_map(8, length=12)]
    assert tuning.tune("savitzky_golay", short).parameters["frame"] <= 12
    assert tuning.tune("pca", [noisy_map(9, n=8)]).parameters["components"] <= 8
    assert tuning.tune("wavelet", images, max_spectra=50) == tuning.tune("wavelet", images, max_spectra=50)


def test_tune_refuses_nonsense():
    with pytest.raises(ValueError, match="validation image"):
        tuning.tune("pca", [])
    with pytest.raises(ValueError, match="unknown metric"):
        tuning.tune("pca", [noisy_map(0)], "psnr")
    with pytest.raises(ValueError, match="unknown family"):
        tuning.tune("median", [noisy_map(0)])


@pytest.mark.parametrize(
    ("family", "parameters", "published"),
    [
        ("raw", {}, 0.01388),
        ("savitzky_golay", {"order": 1, "frame": 9}, 0.00257),
        ("savitzky_golay", {"order": 1, "frame": 29}, 0.00136),
        ("whittaker", {"lam": 3000, "order": 2}, 0.00133),
        ("wavelet", {"name": "db4", "levels": 5, "threshold_factor": 0.8}, 0.00156),
        ("pca", {"components": 2}, 0.00080),
        ("pca_whittaker", {"components": 2, "lam": 300}, 0.00068),
    ],
)
def test_published_figures_on_the_real_cell(family, parameters, published):
    if not PAIRS.exists():
        pytest.skip("the real cell pairs are not beside this checkout")
    pairs = np.load(PAIRS)
    output = reference.reference_method(family, **parameters)(pairs["low"])
    assert mse_fit(output, pairs["high"]) == pytest.approx(published, rel=0.01)
