"""Scores of super-resolved images: every method on every image, one row each (paper, Figure 3 and its text)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.evaluation import metrics
from deeper_jax.evaluation.spectra_scores import Array, Method, check_names, check_values, checked_output


@dataclass(frozen=True)
class EvaluationPair:
    """One image at both resolutions. All arrays share one unit.

    Attributes:
        name: what the tables call it.
        lr_image: what the methods see, `[h, w, L]`.
        hr_image: what they should return, `[s h, s w, L]`, measured, so noisy.
        truth: noise-free high-resolution image, known for simulated data only.
        scale: s, 2, 3 or 4 in the paper.
        raster_offset: row and column of the high-resolution pixel that low-resolution pixel (0, 0) sits on.
        wavenumbers: `[L]` in cm^-1.
        pixel_size_um: side of a HIGH-resolution pixel in micrometres.
    """

    name: str
    lr_image: npt.NDArray
    hr_image: npt.NDArray
    truth: npt.NDArray | None = None
    scale: int = 2
    raster_offset: int = 1
    wavenumbers: npt.NDArray | None = None
    pixel_size_um: float | None = None

    def __post_init__(self) -> None:
        low, high = np.shape(self.lr_image), np.shape(self.hr_image)
        if self.scale < 1 or not 0 <= self.raster_offset < self.scale:
            raise InputError(
                f"{self.name}: scale {self.scale}, raster_offset {self.raster_offset}; need 0 <= raster_offset < scale."
            )
        if len(low) != 3 or 0 in low:
            raise InputError(f"{self.name}: lr_image has shape {low}, expected [h, w, L], none of them 0.")
        wanted = (self.scale * low[0], self.scale * low[1], low[2])
        for what, array in (("hr_image", self.hr_image), ("truth", self.truth)):
            if array is not None and np.shape(array) != wanted:
                raise InputError(
                    f"{self.name}: {what} has shape {np.shape(array)}, expected {wanted}, {self.scale} times "
                    f"the lr_image's {low}; crop it to a multiple of the scale before sampling."
                )
        arrays = {"lr_image": self.lr_image, "hr_image": self.hr_image, "truth": self.truth}
        check_values(self.name, arrays, self.wavenumbers, high[2])
        if np.max(self.hr_image) <= 0:
            raise InputError(f"{self.name}: hr_image has no positive value, so it has no scale.")


@dataclass(frozen=True)
class SuperResolutionRow:
    """Figures of merit of one method on one image; None where they cannot be known.

    Output, target and truth are divided by one number, the target's maximum over all pixels and channels (the
    paper's normalisation, which leaves an error of scale visible). `mse`, `psnr` (dB) and `ssim` compare output
    and target, the `*_truth` columns output and noise-free truth; x_max is 1, the target's maximum, in both.

    `mse_sampled` is over the pixels that the low-resolution image was sampled from, where an interpolator that
    returns the given pixels may repeat even the target's noise; `mse_between` is over all the others.
    `mse_border` is over the outermost `scale` pixels on each side and `mse_interior` over the rest.
    `channel_mse` `[L]` is the MSE of each wavenumber. The `*_released` columns repeat the released formulas.
    """

    task: ClassVar[str] = "super_resolution"

    method: str
    image: str
    mse: float
    psnr: float
    ssim: float | None
    mse_truth: float | None
    psnr_truth: float | None
    ssim_truth: float | None
    mse_between: float | None
    mse_sampled: float
    mse_interior: float | None
    mse_border: float
    scale: int
    raster_offset: int
    pixels: int
    uses_whole_map: bool
    registered: bool
    psnr_released: float | None = None
    ssim_released: float | None = None
    channel_mse: tuple[float, ...] = field(default=(), repr=False)


def evaluate_super_resolution(
    pairs: Sequence[EvaluationPair], methods: Mapping[str, Method], *, released: bool = False
) -> list[SuperResolutionRow]:
    """Score every method on every image; the same input gives the same rows, image by image.

    Args:
        pairs: what to evaluate on, all of one scale and raster_offset (one table, one raster).
        methods: by name, callables from `[h, w, L]` to `[s h, s w, L]` in the same unit.
        released: also fill the columns that repeat the released code's formulas.

    Raises:
        InputError: two images share a name, the pairs or a method differ in scale or raster_offset, or a method
            returns another shape or values that are not finite.
    """
    check_names([pair.name for pair in pairs])
    rasters = sorted({(pair.scale, pair.raster_offset) for pair in pairs})
    if len(rasters) > 1:
        raise InputError(f"Images differ in (scale, raster_offset), found {rasters}; evaluate each by itself.")
    return [
        score_output(pair, name, method, apply_method(pair, name, method), released=released)
        for pair in pairs
        for name, method in methods.items()
    ]


def apply_method(pair: EvaluationPair, name: str, method: Method) -> Array:
    """Run one method on one image and check what it returns: `[s h, s w, L]` float64, finite."""
    raster = (getattr(method, "scale", pair.scale), getattr(method, "raster_offset", pair.raster_offset))
    if raster != (pair.scale, pair.raster_offset):
        raise InputError(
            f"{name} is for (scale, raster_offset) {raster}, but {pair.name} has {(pair.scale, pair.raster_offset)}."
        )
    return checked_output(method(pair.lr_image), np.shape(pair.hr_image), name, pair.name)


def over_global_maximum(image: npt.ArrayLike, of: npt.ArrayLike) -> Array:
    """Divide an image by the maximum of another over all its pixels and channels (the target's)."""
    return np.asarray(image, np.float64) / float(np.max(of))


def score_output(
    pair: EvaluationPair, name: str, method: Method, output: Array, *, released: bool = False
) -> SuperResolutionRow:
    """Compare one output `[s h, s w, L]` with the image's target and, where known, its truth."""
    scaled, target = (over_global_maximum(each, pair.hr_image) for each in (output, pair.hr_image))
    error = np.square(scaled - target)
    pixel_error, sampled, border = error.mean(axis=-1), sampled_pixels(pair), border_pixels(pair)
    return SuperResolutionRow(
        method=name,
        image=pair.name,
        mse=float(error.mean()),
        psnr=metrics.psnr(scaled, target),
        ssim=metrics.ssim(scaled, target),
        **_against_truth(pair, scaled),
        mse_between=_mean_where(pixel_error, ~sampled),
        mse_sampled=float(pixel_error[sampled].mean()),
        mse_interior=_mean_where(pixel_error, ~border),
        mse_border=float(pixel_error[border].mean()),
        scale=pair.scale,
        raster_offset=pair.raster_offset,
        pixels=pixel_error.size,
        uses_whole_map=bool(getattr(method, "uses_whole_map", False)),
        registered=bool(getattr(method, "registered", True)),
        psnr_released=metrics.released_psnr(scaled, target) if released else None,
        ssim_released=metrics.released_ssim(scaled, target) if released else None,
        channel_mse=tuple(error.mean(axis=(0, 1)).tolist()),
    )


def _against_truth(pair: EvaluationPair, scaled: Array) -> dict[str, float | None]:
    if pair.truth is None:
        return {"mse_truth": None, "psnr_truth": None, "ssim_truth": None}
    truth = over_global_maximum(pair.truth, pair.hr_image)
    error = metrics.mse(scaled, truth)
    return {
        "mse_truth": error,
        "psnr_truth": float(-10 * np.log10(error)) if error > 0 else float("inf"),
        "ssim_truth": metrics.ssim(scaled, truth, data_range=1.0),
    }


def sampled_pixels(pair: EvaluationPair) -> npt.NDArray[np.bool_]:
    """`[s h, s w]`, true at the high-resolution pixels that the low-resolution image was sampled from."""
    mask = np.zeros(np.shape(pair.hr_image)[:2], bool)
    mask[pair.raster_offset :: pair.scale, pair.raster_offset :: pair.scale] = True
    return mask


def border_pixels(pair: EvaluationPair) -> npt.NDArray[np.bool_]:
    """`[s h, s w]`, true within `scale` pixels of an edge, where methods extrapolate or lack neighbours."""
    mask = np.ones(np.shape(pair.hr_image)[:2], bool)
    mask[pair.scale : -pair.scale, pair.scale : -pair.scale] = False
    return mask


def _mean_where(values: Array, mask: npt.NDArray[np.bool_]) -> float | None:
    return float(values[mask].mean()) if mask.any() else None
