"""Metrics against scikit-image, plain loops and the published scorer of the real pairs."""

import importlib.util

import numpy as np
import pytest
import scipy.signal
from paths import SHARED
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deeper_jax.evaluation import metrics


def image_pair(seed: int, shape: tuple[int, ...], noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.random(shape) + np.linspace(0, 2, shape[-1])
    return target + noise * rng.normal(size=shape), target


@pytest.mark.parametrize(("seed", "shape"), [(0, (7, 7, 1)), (1, (9, 30, 5)), (2, (21, 16, 130))])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ssim_equals_scikit_image(seed, shape, dtype):
    output, target = (array.astype(dtype) for array in image_pair(seed, shape))
    expected = structural_similarity(
        target.astype(np.float64), output.astype(np.float64), channel_axis=-1, data_range=float(target.max())
    )
    assert metrics.ssim(output, target) == pytest.approx(expected, abs=1e-9)
    expected = structural_similarity(
        target.astype(np.float64), output.astype(np.float64), channel_axis=-1, data_range=0.37
    )
    assert metrics.ssim(output, target, data_range=0.37) == pytest.approx(expected, abs=1e-9)


def test_ssim_ends():
    output, target = image_pair(3, (12, 12, 4))
    assert metrics.ssim(target, target) == pytest.approx(1.0, abs=1e-12)
    assert metrics.ssim(output, target) < 0.999
    assert metrics.ssim(output[:6], target[:6]) is None
    assert metrics.ssim(output, np.zeros_like(output)) is None
    with pytest.raises(ValueError, match="H, W, L"):
        metrics.ssim(output[0], target[0])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_psnr_equals_scikit_image(seed):
    output, target = image_pair(seed, (5, 6, 11), noise=0.01 * (seed + 1))
    expected = peak_signal_noise_ratio(target, output, data_range=target.max())
    assert metrics.psnr(output, target) == pytest.approx(expected, abs=1e-9)


def test_psnr_by_hand():
    target = np.full((2, 3), 10.0)
    assert metrics.psnr(target - 1, target) == pytest.approx(20.0)
    assert metrics.psnr(target, target) == np.inf
    assert np.isnan(metrics.psnr(target, -target))


def test_over_own_maximum_is_safe():
    spectra = np.array([[1.0, 4.0], [0.0, 0.0], [-3.0, -1.0], [5, -5]])
    expected = np.array([[0.25, 1.0], [0.0, 0.0], [-3.0, -1.0], [1.0, -1.0]])
    np.testing.assert_array_equal(metrics.over_own_maximum(spectra), expected)
    np.testing.assert_array_equal(metrics.over_own_maximum(spectra[0].astype(np.int64)), expected[0])
    assert metrics.over_own_maximum(spectra.astype(np.float32)).dtype == np.float64


def test_mse_is_the_mean_over_all_elements():
    output, target = image_pair(4, (4, 3, 5))
    total = sum((output[i] - target[i]) ** 2 for i in np.ndindex(output.shape))
    assert metrics.mse(output, target) == pytest.approx(total / output.size, rel=1e-12)
    with pytest.raises(ValueError, match="shape"):
        metrics.mse(output, target[:2])


def fit_by_loops(output: np.ndarray, target: np.ndarray) -> float:
    errors = []
    for row, wanted in zip(output, target, strict=True):
        scaled = (wanted - wanted.min()) / (wanted.max() - wanted.min())
        design = np.column_stack([row, np.ones_like(row)])
        errors.append(np.mean((scaled - design @ np.linalg.lstsq(design, scaled, rcond=None)[0]) ** 2))
    return float(np.mean(errors))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mse_fit_is_a_least_squares_fit_per_spectrum(seed):
    output, target = image_pair(seed, (6, 40))
    assert metrics.mse_fit(output, target) == pytest.approx(fit_by_loops(output, target), rel=1e-9)
    shifted = output * np.linspace(0.5, 9, 6)[:, None] - 3
    assert metrics.mse_fit(shifted, target) == pytest.approx(fit_by_loops(output, target), rel=1e-9)


def test_mse_fit_of_flat_spectra():
    output, target = image_pair(5, (3, 20))
    flat_output = np.ones((1, 20))
    scaled = (target[0] - target[0].min()) / np.ptp(target[0])
    assert metrics.mse_fit(flat_output, target[:1]) == pytest.approx(np.var(scaled))
    with_flat = np.vstack([target, np.full((1, 20), 2.0)])
    assert metrics.mse_fit(np.vstack([output, flat_output]), with_flat) == pytest.approx(
        metrics.mse_fit(output, target)
    )
    assert np.isnan(metrics.mse_fit(flat_output, flat_output))


def test_mse_fit_equals_the_published_scorer():
    script, data = SHARED / "data" / "score_pairs.py", SHARED / "data" / "cell_pairs_real.npz"
    if not script.exists() or not data.exists():
        pytest.skip("the real cell pairs are not beside this checkout")
    spec = importlib.util.spec_from_file_location("score_pairs", script)
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    pairs = np.load(data)
    for output in (pairs["low"], scipy.signal.savgol_filter(pairs["low"].astype(float), 29, 1, axis=-1)):
        expected = scorer.score(output, pairs["high"])["mse_fit"]
        assert metrics.mse_fit(output, pairs["high"]) == pytest.approx(expected, rel=1e-12)


def test_released_psnr_takes_the_outputs_maximum_unsquared():
    output, target = np.array([[0.0, 100.0]]), np.array([[0.0, 90.0]])
    assert metrics.released_psnr(output, target) == pytest.approx(10 * np.log10(100 / 50))
    assert metrics.psnr(output, target) == pytest.approx(10 * np.log10(90**2 / 50))


def test_released_ssim_takes_the_difference_of_maxima():
    output, target = image_pair(6, (9, 9, 3))
    expected = structural_similarity(target, output, channel_axis=-1, data_range=float(output.max() - target.max()))
    assert metrics.released_ssim(output, target) == pytest.approx(expected, abs=1e-9)
    flat = np.zeros((9, 9, 3))
    assert np.isnan(metrics.released_ssim(flat, flat))
