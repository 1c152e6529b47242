"""What the reports of the two tasks say differently: titles, meanings, columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class TaskWords:
    """The words of one task.

    Attributes:
        heading: of the Markdown summary.
        leading_columns: first columns of metrics.csv.
        titles, meanings: of the metric columns, by the rows' field names, in the order of the tables.
        one, whole: what a method looks at, as a cell of the table.
        one_sentence, whole_sentence: the same, opening a list of methods.
        real_data: what measured data are.
        details: metrics that have a table of their own instead of a place in the first one.
        analysis: metrics that the repeated-measures statistics are given for.
    """

    heading: str
    leading_columns: tuple[str, ...]
    titles: Mapping[str, str]
    meanings: Mapping[str, str]
    one: str
    whole: str
    one_sentence: str
    whole_sentence: str
    real_data: str
    details: tuple[str, ...] = ()
    analysis: tuple[str, ...] = ()


DENOISING = TaskWords(
    heading="Denoising: every method on every image",
    leading_columns=("method", "image", "mse", "psnr", "ssim", "mse_truth", "mse_fit"),
    titles=MappingProxyType(
        {
            "mse": "MSE",
            "psnr": "PSNR / dB",
            "ssim": "SSIM",
            "mse_truth": "MSE to truth",
            "mse_fit": "MSE fit",
            "mse_fit_truth": "MSE fit to truth",
            "mse_released": "MSE (released)",
            "psnr_released": "PSNR (released)",
            "ssim_released": "SSIM (released)",
        }
    ),
    meanings=MappingProxyType(
        {
            "mse": "mean squared error to the target, each spectrum divided by its own maximum (the paper's metric)",
            "psnr": "peak signal-to-noise ratio of the same spectra, peak = maximum of the target; higher is better",
            "ssim": "structural similarity of the same spectra as images, per channel and averaged; 1 is perfect",
            "mse_truth": "as MSE, against the noise-free truth, which only simulated data have",
            "mse_fit": "error of the shape: target scaled to [0, 1], output fitted to it with a slope and an "
            "offset of its own per spectrum, so that what dividing by a noisy maximum does plays no part",
            "mse_fit_truth": "as MSE fit, against the noise-free truth",
            "mse_released": "MSE as in the released code: outputs not scaled again, Savitzky-Golay minus its minimum",
            "psnr_released": "PSNR by the released code's formula, 10 log10(max(output) / MSE); for comparison only",
            "ssim_released": "SSIM by the released code's formula, data range about 0; for comparison only",
        }
    ),
    one="one spectrum",
    whole="whole map",
    one_sentence="One spectrum at a time",
    whole_sentence="All the spectra of a map at once, so more to go by",
    real_data="measured spectra, whose targets are longer measurements and noisy too",
)

SUPER_RESOLUTION = TaskWords(
    heading="Super-resolution: every method on every image",
    leading_columns=("method", "image", "mse", "psnr", "ssim", "mse_truth"),
    titles=MappingProxyType(
        {
            "mse": "MSE",
            "psnr": "PSNR / dB",
            "ssim": "SSIM",
            "mse_truth": "MSE to truth",
            "psnr_truth": "PSNR to truth / dB",
            "ssim_truth": "SSIM to truth",
            "mse_between": "MSE between samples",
            "mse_sampled": "MSE at samples",
            "mse_interior": "MSE interior",
            "mse_border": "MSE border",
            "psnr_released": "PSNR (released)",
            "ssim_released": "SSIM (released)",
        }
    ),
    meanings=MappingProxyType(
        {
            "mse": "mean squared error to the target, both divided by the target's maximum over all pixels and "
            "channels",
            "psnr": "peak signal-to-noise ratio, 10 log10(x_max^2 / MSE) with x_max that maximum; higher is better",
            "ssim": "structural similarity, per wavenumber channel and averaged; 1 is perfect",
            "mse_truth": "as MSE, against the noise-free truth, which only simulated data have",
            "psnr_truth": "as PSNR, against the noise-free truth",
            "ssim_truth": "as SSIM, against the noise-free truth: SSIM to a noisy target asks for its noise too",
            "mse_between": "as MSE, over the pixels that were not measured",
            "mse_sampled": "as MSE, over the pixels that the low-resolution image was sampled from; where the "
            "target is the image that was sampled, a method that returns them unchanged has 0 here, noise and "
            "all",
            "mse_interior": "as MSE, without the border",
            "mse_border": "as MSE, over the outermost low-resolution pixel on each side (`scale` pixels)",
            "psnr_released": "PSNR by the released code's formula, 10 log10(max(output) / MSE); for comparison only",
            "ssim_released": "SSIM by the released code's formula, data range about 0; for comparison only",
        }
    ),
    one="nearby pixels",
    whole="whole map",
    one_sentence="Pixel by pixel from those nearby (a network: from those in its field of view)",
    whole_sentence="Components found in all the spectra of the map",
    real_data="measured maps, whose targets are noisy too",
    details=("mse_between", "mse_sampled", "mse_interior", "mse_border", "psnr_released", "ssim_released"),
    analysis=("mse", "psnr", "ssim", "mse_truth"),
)

WORDS = MappingProxyType({"denoising": DENOISING, "super_resolution": SUPER_RESOLUTION})
"""By the `task` of the rows."""


def words_of(rows: Sequence[Any]) -> TaskWords:
    """Return the words of the task that rows belong to."""
    return WORDS[rows[0].task]
