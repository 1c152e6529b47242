"""What reports say in words: the two tasks' titles and meanings of metrics, and the notes under a table."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deeper_jax.evaluation.image_scores import SuperResolutionRow
from deeper_jax.evaluation.report.tables import TextTable
from deeper_jax.evaluation.statistics import SMALLEST_N_FOR_SIGNIFICANCE
from deeper_jax.evaluation.summary import REFERENCE, EvaluationRow, better


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
        headline: metrics that the report begins with.
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
    headline: tuple[str, ...] = ("mse",)


_TITLES = {
    "mse": "MSE",
    "psnr": "PSNR / dB",
    "ssim": "SSIM",
    "mse_truth": "MSE to truth",
    "mse_released": "MSE (released)",
    "psnr_released": "PSNR (released)",
    "ssim_released": "SSIM (released)",
}
_MEANINGS = {
    "mse_truth": "as MSE, against the noise-free truth, which only simulated data have",
    "psnr_released": "PSNR by the released code's formula, 10 log10(max(output) / MSE); for comparison only",
    "ssim_released": "SSIM by the released code's formula, data range about 0; for comparison only",
}


def _words(own_titles: dict[str, str], own_meanings: dict[str, str], order: str, **words: Any) -> TaskWords:
    names = order.split()
    titles, meanings = {**_TITLES, **own_titles}, {**_MEANINGS, **own_meanings}
    meanings = {name: f"{words}; {better(name)} is better" for name, words in meanings.items()}
    return TaskWords(
        titles=MappingProxyType({name: titles[name] for name in names}),
        meanings=MappingProxyType({name: meanings[name] for name in names}),
        **words,
    )


DENOISING = _words(
    heading="Denoising: every method on every image",
    leading_columns=("method", "image", "mse", "psnr", "ssim", "mse_truth", "mse_fit"),
    own_titles={"mse_fit": "MSE fit", "mse_fit_truth": "MSE fit to truth"},
    own_meanings={
        "mse": "mean squared error to the target, each spectrum divided by its own maximum (the paper's metric)",
        "psnr": "peak signal-to-noise ratio of the same spectra, peak = maximum of the target",
        "ssim": "structural similarity of the same spectra as images, per channel and averaged; 1 is perfect",
        "mse_fit": "error of the shape: target scaled to [0, 1], output fitted to it with a slope and an "
        "offset of its own per spectrum, so that what dividing by a noisy maximum does plays no part",
        "mse_fit_truth": "as MSE fit, against the noise-free truth",
        "mse_released": "MSE as in the released code: outputs not scaled again, Savitzky-Golay minus its minimum",
    },
    order="mse psnr ssim mse_truth mse_fit mse_fit_truth mse_released psnr_released ssim_released",
    one="one spectrum",
    whole="whole map",
    one_sentence="One spectrum at a time",
    whole_sentence="All the spectra of a map at once, so more to go by",
    headline=("mse", "mse_fit"),
    real_data="measured spectra, whose targets are longer measurements and noisy too",
)

SUPER_RESOLUTION = _words(
    heading="Super-resolution: every method on every image",
    leading_columns=("method", "image", "mse", "psnr", "ssim", "mse_truth"),
    own_titles={
        "psnr_truth": "PSNR to truth / dB",
        "ssim_truth": "SSIM to truth",
        "mse_between": "MSE between samples",
        "mse_sampled": "MSE at samples",
        "mse_interior": "MSE interior",
        "mse_border": "MSE border",
    },
    own_meanings={
        "mse": "mean squared error to the target, both divided by the target's maximum over all pixels and channels",
        "psnr": "peak signal-to-noise ratio, 10 log10(x_max^2 / MSE) with x_max that maximum",
        "ssim": "structural similarity, per wavenumber channel and averaged; 1 is perfect",
        "psnr_truth": "as PSNR, against the noise-free truth",
        "ssim_truth": "as SSIM, against the noise-free truth: SSIM to a noisy target asks for its noise too",
        "mse_between": "as MSE, over the pixels that were not measured",
        "mse_sampled": "as MSE, over the pixels that the low-resolution image was sampled from; where the "
        "target is the image that was sampled, a method that returns them unchanged has 0 here, noise and "
        "all",
        "mse_interior": "as MSE, without the border",
        "mse_border": "as MSE, over the outermost low-resolution pixel on each side (`scale` pixels)",
    },
    order="mse psnr ssim mse_truth psnr_truth ssim_truth mse_between mse_sampled mse_interior mse_border "
    "psnr_released ssim_released",
    one="nearby pixels",
    whole="whole map",
    one_sentence="Pixel by pixel from those nearby (a network: from those in its field of view)",
    whole_sentence="Components found in all the spectra of the map",
    headline=("mse", "ssim"),
    real_data="measured maps, whose targets are noisy too",
    details=("mse_between", "mse_sampled", "mse_interior", "mse_border", "psnr_released", "ssim_released"),
    analysis=("mse", "psnr", "ssim", "mse_truth"),
)

WORDS = MappingProxyType({"denoising": DENOISING, "super_resolution": SUPER_RESOLUTION})
"""By the `task` of the rows."""


def words_of(rows: Sequence[Any]) -> TaskWords:
    """Return the words of the task that rows belong to."""
    return WORDS[rows[0].task]


def data_sentence(context: Mapping[str, Any], words: TaskWords = DENOISING) -> str:
    """Say whether the data are simulated or real, and where they come from."""
    simulated = context.get("simulated")
    if simulated is None:
        kind = "It is not stated whether the data are simulated or real"
    elif simulated:
        kind = "SIMULATED data: the spectra were made by a simulator, not measured"
    else:
        kind = f"REAL data: {words.real_data}"
    return f"{kind}. Source: {from_here(context.get('data_source') or 'not stated')}."


def from_here(text: object) -> str:
    """Words in which paths begin in the folder where the command was given, where they lie in it."""
    return str(text).replace(f"{Path.cwd()}{os.sep}", "")


def notes(rows: Sequence[EvaluationRow], context: Mapping[str, Any]) -> list[str]:
    """Everything that a reader of the figures has to know, a sentence or two an item."""
    images = len({row.image for row in rows})
    return [
        data_sentence(context, words_of(rows)),
        f"Checkpoint: {from_here(context.get('checkpoint') or 'not stated')}. "
        f"Command: {from_here(context.get('command') or 'not stated')}.",
        _tuning_sentence(context),
        _looks_sentence(rows),
        *_raster_sentences(rows),
        _interval_sentence(images),
        _test_sentence(images),
    ]


def _tuning_sentence(context: Mapping[str, Any]) -> str:
    where = context.get("tuned_on")
    if not where and not context.get("tuned_parameters"):
        return "Reference methods: fixed parameters, nothing was tuned."
    return f"Parameters of the reference methods were tuned on: {where or 'not stated'}."


def tuning_table(context: Mapping[str, Any]) -> TextTable | None:
    """What was chosen for each reference method, by the words of `tuned_parameters`; None where nothing was tuned."""
    chosen = context.get("tuned_parameters") or {}
    lines = [[name.replace("_", " "), in_words(value)] for name, value in chosen.items()]
    return TextTable(["tuned", "chosen"], lines) if lines else None


def in_words(value: object) -> str:
    """A setting as one reads it: no brackets and quotation marks of lists and dictionaries."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {in_words(own)}" for name, own in value.items()) or "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(in_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == "" else f"{value:g}" if isinstance(value, float) else from_here(value)


def _looks_sentence(rows: Sequence[EvaluationRow]) -> str:
    whole = list(dict.fromkeys(row.method for row in rows if row.uses_whole_map))
    single = list(dict.fromkeys(row.method for row in rows if not row.uses_whole_map))
    words = words_of(rows)
    sentence = f"{words.one_sentence}: {', '.join(single) or 'no method'}."
    return f"{sentence} {words.whole_sentence}: {', '.join(whole) or 'no method'}."


def _raster_sentences(rows: Sequence[EvaluationRow]) -> list[str]:
    first = rows[0]
    if not isinstance(first, SuperResolutionRow):
        return []
    moved = list(dict.fromkeys(row.method for row in rows if not getattr(row, "registered", True)))
    sentence = (
        f"Scale {first.scale}: the low-resolution image keeps every {_ordinal(first.scale)} pixel of a row and "
        f"every {_ordinal(first.scale)} row, from pixel {first.raster_offset} on (counted from 0)."
    )
    if not moved:
        return [sentence]
    warning = (
        f"As in the released code, which lays the images' corners on each other and so misplaces their pixels; "
        f"for comparison with published figures only: {', '.join(moved)}. The others interpolate at the true "
        "positions."
    )
    return [sentence, warning]


def _ordinal(number: int) -> str:
    return {1: "single", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")


def _interval_sentence(images: int) -> str:
    if images < 2:
        return "One image: no interval over images."
    return f"Intervals are 95 % Student-t intervals of the mean over {images} images."


def _test_sentence(images: int) -> str:
    if images < 2:
        return "One image: no paired test over images."
    sentence = (
        f"p: two-tailed Wilcoxon signed-rank test of the MSE, paired by image, against {REFERENCE}; "
        "not corrected for the number of methods."
    )
    if images >= SMALLEST_N_FOR_SIGNIFICANCE:
        return sentence
    least = 2 / 2**images
    return f"{sentence} With {images} images p < 0.05 cannot occur: the least possible p is {least:.3g}."
