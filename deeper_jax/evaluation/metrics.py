"""Figures of merit for spectra and hyperspectral images, in NumPy float64.

Spectra are `[N, L]`, images `[H, W, L]`: the spectral axis is last. Every function takes (output, target) in
that order and returns one Python float. Functions called `released_*` repeat what DeepeR's released code
computes, mistakes included, only so that figures can be compared with that code's.
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

Array = npt.NDArray[np.float64]

SSIM_WINDOW = 7
"""Side of the SSIM window in pixels."""
_K1, _K2 = 0.01, 0.03  # Wang et al. 2004, also scikit-image's defaults
_CHANNEL_BLOCK = 64  # keeps the working set of SSIM small on large images


def over_own_maximum(spectra: npt.ArrayLike) -> Array:
    """Divide each spectrum by its own maximum (paper, denoising): `[..., L]` to the same shape, maxima 1.

    A spectrum whose maximum is zero or negative has no such scale and is returned as it is.
    """
    values = np.asarray(spectra, np.float64)
    maximum = values.max(axis=-1, keepdims=True)
    return values / np.where(maximum > 0, maximum, 1.0)


def mse(output: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Mean squared error over all elements, in the square of the input's unit; nothing is normalised here.

    For the paper's denoising figures pass both through `over_own_maximum` first.
    """
    first, second = _pair(output, target)
    return float(np.mean(np.square(first - second)))


def mse_fit(output: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Mean squared error that forgives the scale and the offset of each spectrum.

    Each target `[..., L]` is scaled to [0, 1]; the output is fitted to it by least squares with a slope and
    an offset of its own; the squared residual is averaged. It judges the shape alone, so that a method is not
    punished (or rewarded) for what dividing by a noisy maximum does. A spectrum whose target is flat has no
    range and is left out; NaN when no spectrum remains.
    """
    first, second = _pair(output, target)
    low, high = second.min(axis=-1, keepdims=True), second.max(axis=-1, keepdims=True)
    usable = (high > low)[..., 0]
    if not usable.all():
        first, second, low, high = first[usable], second[usable], low[usable], high[usable]
    if second.size == 0:
        return float("nan")
    scaled = (second - low) / (high - low)
    scaled = scaled - scaled.mean(axis=-1, keepdims=True)
    centred = first - first.mean(axis=-1, keepdims=True)
    power = np.sum(centred**2, axis=-1, keepdims=True)
    product = np.sum(centred * scaled, axis=-1, keepdims=True)
    slope = np.divide(product, power, out=np.zeros_like(power), where=power > 0)
    return float(np.mean(np.square(scaled - slope * centred)))


def psnr(output: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(x_max^2 / MSE), higher is better (paper, "Evaluation").

    x_max is the maximum of the target (the ground truth) over all pixels and channels. Infinite when the two
    are equal; NaN when the target has no positive value.
    """
    first, second = _pair(output, target)
    peak, error = float(second.max()), mse(first, second)
    if peak <= 0:
        return float("nan")
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))


def ssim(output: npt.ArrayLike, target: npt.ArrayLike, *, data_range: float | None = None) -> float | None:
    """Structural similarity of two images `[H, W, L]`, per wavenumber channel and averaged; at most 1.

    Uniform 7x7 window, sample covariance, borders of 3 pixels left out: scikit-image's
    `structural_similarity(channel_axis=-1)` at its defaults. The paper does not state `data_range`; we use
    x_max, the target's maximum over all pixels and channels, as for PSNR.

    Returns:
        None when the image is smaller than the window or the target has no positive value.
    """
    first, second = _pair(output, target)
    if first.ndim != 3:
        raise ValueError(f"an image must be [H, W, L], got shape {first.shape}")
    span = float(second.max()) if data_range is None else float(data_range)
    if min(first.shape[:2]) < SSIM_WINDOW or (data_range is None and span <= 0):
        return None
    return _mean_ssim(first, second, span)


def released_psnr(output: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """PSNR as the released code has it, in "dB": 10 log10(max(output) / MSE), not squared, wrong array."""
    first, second = _pair(output, target)
    peak, error = float(first.max()), mse(first, second)
    if peak <= 0:
        return float("nan")
    return float("inf") if error == 0 else float(10 * np.log10(peak / error))


def released_ssim(output: npt.ArrayLike, target: npt.ArrayLike) -> float | None:
    """SSIM as the released code has it: data_range = max(output) - max(target), about 0 or negative.

    The stabilising constants all but vanish; NaN where both images are flat and the range is exactly 0. None
    when the image `[H, W, L]` is smaller than the window.
    """
    first, second = _pair(output, target)
    return ssim(first, second, data_range=float(first.max() - second.max()))


def _pair(output: npt.ArrayLike, target: npt.ArrayLike) -> tuple[Array, Array]:
    first, second = np.asarray(output, np.float64), np.asarray(target, np.float64)
    if first.shape != second.shape or first.size == 0:
        raise ValueError(f"output and target need one non-empty shape, got {first.shape}, {second.shape}")
    return first, second


def _window_mean(image: Array) -> Array:
    """Mean over every 7x7 window that lies wholly inside `[H, W, C]`: `[H - 6, W - 6, C]`."""
    half = SSIM_WINDOW // 2
    return uniform_filter(image, (SSIM_WINDOW, SSIM_WINDOW, 1))[half:-half, half:-half]


def _mean_ssim(output: Array, target: Array, data_range: float) -> float:
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    unbias = SSIM_WINDOW**2 / (SSIM_WINDOW**2 - 1)
    total = 0.0
    for start in range(0, output.shape[-1], _CHANNEL_BLOCK):
        x, y = (image[..., start : start + _CHANNEL_BLOCK] for image in (output, target))
        mean_x, mean_y = _window_mean(x), _window_mean(y)
        variances = unbias * (_window_mean(x * x + y * y) - mean_x**2 - mean_y**2)
        covariance = unbias * (_window_mean(x * y) - mean_x * mean_y)
        numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        denominator = (mean_x**2 + mean_y**2 + c1) * (variances + c2)
        with np.errstate(divide="ignore", invalid="ignore"):  # only the released variant can divide 0 by 0
            total += float(np.mean(numerator / denominator, axis=(0, 1)).sum())
    return total / output.shape[-1]
