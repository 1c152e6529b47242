"""Scores of denoised spectra: every method on every image, one row each (paper, Figure 2 and its text)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.evaluation import metrics
from deeper_jax.spectra.axis import checked_axis

Array = npt.NDArray[np.float64]
Method = Callable[[npt.NDArray], npt.ArrayLike]


@dataclass(frozen=True)
class EvaluationImage:
    """One image, or one set of spectra, to evaluate on.

    Attributes:
        name: what the tables call it.
        noisy: low-SNR spectra `[N, L]`.
        target: high-SNR spectra `[N, L]`, measured, so noisy too.
        truth: noise-free spectra `[N, L]`, known for simulated data only.
        image_shape: (H, W) with H * W = N and rows in raster order; None for loose spectra.
        wavenumbers: `[L]` in cm^-1.
        pixel_size_um: side of a pixel of the raster in micrometres, where it is known.
    """

    name: str
    noisy: npt.NDArray
    target: npt.NDArray
    truth: npt.NDArray | None = None
    image_shape: tuple[int, int] | None = None
    wavenumbers: npt.NDArray | None = None
    pixel_size_um: float | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.noisy)
        if len(shape) != 2 or 0 in shape:
            raise InputError(f"{self.name}: noisy spectra have shape {shape}, expected [N, L] with N, L > 0.")
        for what, array in (("target", self.target), ("truth", self.truth)):
            if array is not None and np.shape(array) != shape:
                raise InputError(f"{self.name}: {what} has shape {np.shape(array)}, noisy has {shape}.")
        if self.image_shape is not None and self.image_shape[0] * self.image_shape[1] != shape[0]:
            raise InputError(f"{self.name}: image shape {self.image_shape} does not hold {shape[0]} spectra.")
        arrays = {"noisy": self.noisy, "target": self.target, "truth": self.truth}
        check_values(self.name, arrays, self.wavenumbers, shape[1])


def check_values(
    name: str, arrays: Mapping[str, npt.NDArray | None], wavenumbers: npt.NDArray | None, channels: int
) -> None:
    """Raise InputError unless what an image called `name` holds is finite and its axis fits its channels."""
    for what, array in arrays.items():
        if array is not None and not np.isfinite(array).all():
            raise InputError(f"{name}: {what} has NaN or infinite values; remove them first.")
    if wavenumbers is not None:
        checked_axis(wavenumbers, channels, name)


def check_names(names: Sequence[str]) -> None:
    """Raise InputError if two images share a name."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"Image names must differ, but {', '.join(repeated)} occurs twice; rename one.")


def checked_output(output: npt.ArrayLike, shape: tuple[int, ...], name: str, image: str) -> Array:
    """A method's output as float64. Raises InputError unless it has the shape and is finite."""
    values = np.asarray(output, np.float64)
    if values.shape != shape:
        raise InputError(f"{name} on {image}: output has shape {values.shape}, expected {shape}.")
    if not np.isfinite(values).all():
        raise InputError(f"{name} on {image}: output has NaN or infinite values; check the checkpoint.")
    return values


@dataclass(frozen=True)
class Row:
    """Figures of merit of one method on one image; None where they cannot be known.

    `mse`, `psnr` (dB) and `ssim` compare output and target, each spectrum over its own maximum; `mse_truth`
    compares with the noise-free truth in the same way. `mse_fit` and `mse_fit_truth` forgive scale and offset
    per spectrum (`metrics.mse_fit`). The `*_released` columns repeat the released code's formulas.
    """

    task: ClassVar[str] = "denoising"

    method: str
    image: str
    mse: float
    psnr: float
    ssim: float | None
    mse_truth: float | None
    mse_fit: float
    mse_fit_truth: float | None
    spectra: int
    uses_whole_map: bool
    mse_released: float | None = None
    psnr_released: float | None = None
    ssim_released: float | None = None


def evaluate_denoising(
    images: Sequence[EvaluationImage], methods: Mapping[str, Method], *, released: bool = False
) -> list[Row]:
    """Score every method on every image; the same input gives the same rows, image by image.

    Args:
        images: what to evaluate on.
        methods: by name, callables from noisy `[N, L]` (all the spectra of one image) to output `[N, L]`.
        released: also fill the columns that repeat the released code's formulas; the outputs must then be in
            the unit of `noisy`, for the other columns their scale per spectrum is free.

    Raises:
        InputError: two images share a name, or a method returns another shape or values that are not finite.
    """
    check_names([image.name for image in images])
    return [
        score_output(image, name, method, apply_method(image, name, method), released=released)
        for image in images
        for name, method in methods.items()
    ]


def apply_method(image: EvaluationImage, name: str, method: Method) -> Array:
    """Run one method on one image and check what it returns: `[N, L]` float64, finite."""
    return checked_output(method(image.noisy), np.shape(image.noisy), name, image.name)


def score_output(image: EvaluationImage, name: str, method: Method, output: Array, *, released: bool = False) -> Row:
    """Compare one output `[N, L]` with the image's target and, where known, its truth."""
    normalised, target = metrics.over_own_maximum(output), metrics.over_own_maximum(image.target)
    truth = image.truth
    return Row(
        method=name,
        image=image.name,
        mse=metrics.mse(normalised, target),
        psnr=metrics.psnr(normalised, target),
        ssim=_on_image(metrics.ssim, normalised, target, image.image_shape),
        mse_truth=None if truth is None else metrics.mse(normalised, metrics.over_own_maximum(truth)),
        mse_fit=metrics.mse_fit(output, image.target),
        mse_fit_truth=None if truth is None else metrics.mse_fit(output, truth),
        spectra=len(output),
        uses_whole_map=bool(getattr(method, "uses_whole_map", False)),
        **(_released(image, method, output, target) if released else {}),
    )


def _released(image: EvaluationImage, method: Method, output: Array, target: Array) -> dict[str, float | None]:
    """Columns of the released code: outputs scaled by their inputs' maxima, not by their own.

    Each Savitzky-Golay spectrum loses its own minimum there before its MSE, no other method's does.
    """
    maximum = np.max(image.noisy, axis=-1, keepdims=True)
    scaled = output / np.where(maximum > 0, maximum, 1.0)
    savgol = getattr(method, "family", None) == "savitzky_golay"
    return {
        "mse_released": metrics.mse(scaled - scaled.min(axis=-1, keepdims=True) if savgol else scaled, target),
        "psnr_released": metrics.released_psnr(scaled, target),
        "ssim_released": _on_image(metrics.released_ssim, scaled, target, image.image_shape),
    }


def _on_image(
    metric: Callable[[Array, Array], float | None], output: Array, target: Array, image_shape: tuple[int, int] | None
) -> float | None:
    if image_shape is None:
        return None
    return metric(output.reshape(*image_shape, -1), target.reshape(*image_shape, -1))
