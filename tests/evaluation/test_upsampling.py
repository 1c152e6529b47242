"""Classical upsampling against SciPy at the true sample positions, by hand, and against the released zoom."""

import numpy as np
import pytest
import scipy.interpolate
import scipy.ndimage

from deeper_jax.errors import InputError
from deeper_jax.evaluation.image_scores import EvaluationPair, evaluate_super_resolution
from deeper_jax.evaluation.reference_methods import pca, whittaker
from deeper_jax.evaluation.tuning import COMPONENTS, SMOOTHINGS, TUNED_KERNELS, tune_upsampler
from deeper_jax.evaluation.upsampling import (
    KERNELS,
    RELEASED_KERNELS,
    pca_upsample,
    reference_upsampler,
    reference_upsamplers,
    upsample,
)
from deeper_jax.spectra.raster import downsample

REGISTERED = [name for name in KERNELS if name not in RELEASED_KERNELS]
RASTERS = [(2, 0), (2, 1), (3, 1), (4, 1), (4, 2), (5, 4), (1, 0)]


def random_image(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def positions(length: int, scale: int, raster_offset: int) -> np.ndarray:
    """High-resolution pixels in low-resolution pixels, written out one by one."""
    return np.array([min(max((pixel - raster_offset) / scale, 0), length - 1) for pixel in range(scale * length)])


@pytest.mark.parametrize("kernel", REGISTERED)
@pytest.mark.parametrize(("scale", "raster_offset"), RASTERS)
def test_given_pixels_come_back_unchanged(kernel, scale, raster_offset):
    image = random_image(scale, 7, 5, 3)
    output = upsample(image, kernel, scale, raster_offset)
    assert output.shape == (7 * scale, 5 * scale, 3) and output.dtype == np.float64
    np.testing.assert_allclose(downsample(output, scale, raster_offset), image, atol=1e-13)


@pytest.mark.parametrize(("scale", "raster_offset"), [(2, 1), (3, 1), (4, 1), (4, 2)])
def test_released_methods_move_pixels(scale, raster_offset):
    image = random_image(0, 7, 6, 2)
    output = upsample(image, "bicubic_released", scale, raster_offset)
    assert np.abs(downsample(output, scale, raster_offset) - image).max() > 0.1
    np.testing.assert_allclose(output, scipy.ndimage.zoom(image, (scale, scale, 1), order=3), atol=1e-12)
    nearest = upsample(image, "nearest_released", scale, raster_offset)
    np.testing.assert_array_equal(nearest, scipy.ndimage.zoom(image, (scale, scale, 1), order=0))
    np.testing.assert_allclose(output[[0, 0, -1, -1], [0, -1, 0, -1]], image[[0, 0, -1, -1], [0, -1, 0, -1]])


@pytest.mark.parametrize(("scale", "raster_offset"), RASTERS)
@pytest.mark.parametrize(("kernel", "method"), [("linear", "linear"), ("cubic_spline", "cubic")])
def test_equal_to_scipy_at_the_true_positions(kernel, method, scale, raster_offset):
    image = random_image(scale + raster_offset, 8, 6, 2)
    grid = np.meshgrid(positions(8, scale, raster_offset), positions(6, scale, raster_offset), indexing="ij")
    points = np.stack(grid, axis=-1)
    if method == "linear":
        axes = (np.arange(8), np.arange(6))
        expected = scipy.interpolate.RegularGridInterpolator(axes, image, method="linear")(points)
    else:
        first = scipy.interpolate.CubicSpline(np.arange(8), image, axis=0)(positions(8, scale, raster_offset))
        expected = scipy.interpolate.CubicSpline(np.arange(6), first, axis=1)(positions(6, scale, raster_offset))
    np.testing.assert_allclose(upsample(image, kernel, scale, raster_offset), expected, atol=1e-12)


def test_bicubic_is_cubic_convolution_as_hermite_spline():
    """With a = -0.5 each piece is the Hermite cubic whose slopes are central differences (Catmull-Rom)."""
    line = random_image(3, 12)
    output = upsample(line[:, None, None], "bicubic", 4, 1)[:, 0, 0]
    spline = scipy.interpolate.CubicHermiteSpline(np.arange(1, 11), line[1:-1], (line[2:] - line[:-2]) / 2)
    inside = [pixel for pixel in range(48) if 1 <= (pixel - 1) / 4 <= 10]
    np.testing.assert_allclose(output[inside], spline((np.array(inside) - 1) / 4), atol=1e-12)


def test_lanczos_by_hand():
    line = random_image(4, 9)
    output = upsample(line[:, None, None], "lanczos3", 2, 1)[:, 0, 0]  # pixel 10 lies at 4.5
    weights = np.array([3 * np.sin(np.pi * x) * np.sin(np.pi * x / 3) / (np.pi * x) ** 2 for x in (0.5, 1.5, 2.5)])
    expected = np.dot(np.r_[weights[::-1], weights] / (2 * weights.sum()), line[2:8])
    assert output[10] == pytest.approx(expected)


@pytest.mark.parametrize(("scale", "raster_offset"), [(2, 1), (3, 1), (4, 2)])
def test_nearest_repeats_pixels_when_the_sample_is_in_the_middle(scale, raster_offset):
    image = random_image(5, 4, 3, 2)
    expected = image.repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(upsample(image, "nearest", scale, raster_offset), expected)


def test_nearest_by_distance():
    output = upsample(np.arange(3.0)[:, None, None], "nearest", 4, 1)[:, 0, 0]
    np.testing.assert_array_equal(output, [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2])  # 3 and 7 lie half-way


@pytest.mark.parametrize("kernel", ["linear", "bicubic", "cubic_spline"])
@pytest.mark.parametrize(("scale", "raster_offset"), RASTERS)
def test_ramps_away_from_the_edges(kernel, scale, raster_offset):
    rows, columns = np.mgrid[0 : 8 * scale, 0 : 9 * scale]
    ramp = (2.0 * rows - 0.7 * columns + 3)[..., None] * np.array([1.0, -0.5])
    output = upsample(downsample(ramp, scale, raster_offset), kernel, scale, raster_offset)
    inside = (slice(scale + raster_offset, -2 * scale), slice(scale + raster_offset, -2 * scale))
    np.testing.assert_allclose(output[inside], ramp[inside], atol=1e-11)


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_constants_and_thin_images(kernel):
    for shape in ((1, 1, 2), (2, 1, 2), (3, 2, 1), (4, 4, 1)):
        output = upsample(np.full(shape, 3.5), kernel, 3, 1)
        np.testing.assert_allclose(output, 3.5, rtol=1e-12)
        assert output.shape == (3 * shape[0], 3 * shape[1], shape[2])


def test_edges_repeat_the_outermost_value():
    output = upsample(random_image(6, 6, 6, 1), "bicubic", 4, 2)
    np.testing.assert_allclose(output[:2], output[[2, 2]], atol=1e-13)
    np.testing.assert_allclose(output[-1:], output[[-2]], atol=1e-13)


def test_pca_upsample_is_its_parts():
    image = random_image(7, 6, 5, 12) + 3
    denoised = pca(image.reshape(30, 12), 3).reshape(6, 5, 12)
    expected = upsample(denoised, "bicubic", 3, 1)
    np.testing.assert_allclose(pca_upsample(image, 3, 1, components=3), expected, atol=1e-11)
    lines = whittaker(denoised.transpose(1, 2, 0).reshape(-1, 6), 0.3).reshape(5, 12, 6).transpose(2, 0, 1)
    smooth = whittaker(lines.transpose(0, 2, 1).reshape(-1, 5), 0.3).reshape(6, 12, 5).transpose(0, 2, 1)
    found = pca_upsample(image, 3, 1, components=3, smoothing=0.3, kernel="linear")
    np.testing.assert_allclose(found, upsample(smooth, "linear", 3, 1), atol=1e-11)
    every = pca_upsample(image, 3, 1, components=12, kernel="lanczos3")
    np.testing.assert_allclose(every, upsample(image, "lanczos3", 3, 1), atol=1e-11)


def test_reference_upsamplers():
    methods = reference_upsamplers(4, 2)
    assert list(methods) == list(KERNELS)
    assert [name for name, method in methods.items() if not method.registered] == sorted(RELEASED_KERNELS, reverse=True)
    assert list(reference_upsamplers(4, 2, released=False)) == REGISTERED
    image = random_image(8, 4, 4, 2)
    np.testing.assert_array_equal(methods["bicubic"](image), upsample(image, "bicubic", 4, 2))
    method = reference_upsampler("pca", 2, 1, components=2, smoothing=0.1)
    assert method.uses_whole_map and method.name == "PCA(2,0.1)+bicubic"
    np.testing.assert_array_equal(method(image), pca_upsample(image, 2, 1, components=2, smoothing=0.1))


def test_bad_calls():
    with pytest.raises(ValueError, match="unknown kernel"):
        upsample(np.ones((2, 2, 2)), "sinc", 2, 1)
    with pytest.raises(ValueError, match="raster_offset"):
        upsample(np.ones((2, 2, 2)), "linear", 2, 2)
    with pytest.raises(ValueError, match="shape"):
        upsample(np.ones((2, 2)), "linear", 2, 1)
    with pytest.raises(InputError, match="raster_offset"):
        reference_upsamplers(3, 3)
    with pytest.raises(ValueError, match="unknown family"):
        reference_upsampler("bicubic", 2, 1, components=3)


def noisy_pair(seed: int, scale: int = 2) -> EvaluationPair:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:24, 0:24] / 24
    strengths = np.stack([np.exp(-20 * ((rows - y) ** 2 + (columns - x) ** 2)) for y, x in rng.random((3, 2))], -1)
    truth = strengths @ rng.random((3, 50))
    hr_image = truth + 0.05 * rng.normal(size=truth.shape)
    return EvaluationPair(f"{seed}", downsample(hr_image, scale, 1), hr_image, truth, scale, 1)


def test_tuning_finds_the_least_mse_of_its_grid():
    pairs = [noisy_pair(1), noisy_pair(2)]
    best = tune_upsampler(pairs)
    rows = evaluate_super_resolution(pairs, {"best": best})
    assert best.validation_score == pytest.approx(np.mean([row.mse for row in rows]), rel=1e-9)
    some = [(1, 0.0), (2, 0.1), (3, 0.0), (3, 0.1), (3, 0.3), (4, 0.3), (40, 1.0)]
    for count, smoothing in some:
        assert count in COMPONENTS and smoothing in SMOOTHINGS
        for kernel in TUNED_KERNELS:
            other = reference_upsampler("pca", 2, 1, components=count, smoothing=smoothing, kernel=kernel)
            errors = [row.mse for row in evaluate_super_resolution(pairs, {"other": other})]
            assert best.validation_score <= np.mean(errors) * (1 + 1e-9)
    assert tune_upsampler(pairs) == best
    bicubic = evaluate_super_resolution(pairs, {"bicubic": reference_upsampler("bicubic", 2, 1)})
    assert best.validation_score < 0.9 * np.mean([row.mse for row in bicubic])


def test_tuning_needs_one_raster():
    with pytest.raises(ValueError, match="at least one"):
        tune_upsampler([])
    with pytest.raises(InputError, match="differ"):
        tune_upsampler([noisy_pair(1), noisy_pair(2, scale=3)])
