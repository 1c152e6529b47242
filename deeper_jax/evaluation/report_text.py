"""The words and the table cells that the Markdown summary and the web page share."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deeper_jax.evaluation.denoising import Row
from deeper_jax.evaluation.statistics import SMALLEST_N_FOR_SIGNIFICANCE, Summary
from deeper_jax.evaluation.summary import REFERENCE, metric_values, summarise_rows


class TextTable(NamedTuple):
    """A table of strings: `header` `[C]`, `body` rows of C cells."""

    header: list[str]
    body: list[list[str]]


METRIC_MEANINGS = {
    "mse": "mean squared error to the target, each spectrum divided by its own maximum (the paper's metric)",
    "psnr": "peak signal-to-noise ratio of the same spectra, peak = maximum of the target; higher is better",
    "ssim": "structural similarity of the same spectra as images, per channel and averaged; 1 is perfect",
    "mse_truth": "as MSE, against the noise-free truth, which only simulated data have",
    "mse_fit": "error of the shape: target scaled to [0, 1], output fitted to it with a slope and an offset "
    "of its own per spectrum, so that what dividing by a noisy maximum does plays no part",
    "mse_fit_truth": "as MSE fit, against the noise-free truth",
    "mse_released": "MSE as in the released code: outputs not scaled again, Savitzky-Golay minus its minimum",
    "psnr_released": "PSNR by the released code's formula, 10 log10(max(output) / MSE); for comparison only",
    "ssim_released": "SSIM by the released code's formula, data range about 0; for comparison only",
}
"""What each metric column means, in plain words."""

METRIC_TITLES = {
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
"""Column titles of the metrics."""


def summary_table(rows: Sequence[Row], reference: str = REFERENCE) -> TextTable:
    """One line a method, least mean MSE first: mean [95 % interval] of each metric, ratio and p for MSE."""
    summaries = summarise_rows(rows, reference)
    metrics = [name for name in METRIC_TITLES if any(name in each.metrics for each in summaries)]
    header = ["method", "looks at", *(METRIC_TITLES[name] for name in metrics)]
    at = header.index("MSE") + 1
    header[at:at] = [f"MSE / {reference}'s", "p"]
    body = []
    for each in summaries:
        cells = [each.method, "whole map" if each.uses_whole_map else "one spectrum"]
        cells += [mean_and_interval(each.metrics.get(name), name) for name in metrics]
        test = each.tests.get("mse")
        ratio = f"{each.ratio['mse']:.2f}" if "mse" in each.ratio else ""
        cells[at:at] = [
            ratio,
            "" if test is None or test.p_value is None or test.n < 2 else f"{test.p_value:.2g}",
        ]
        body.append(cells)
    return TextTable(header, body)


def per_image_table(rows: Sequence[Row], metric: str = "mse") -> TextTable:
    """Every value of a metric; methods down and images across, or the other way where images are many."""
    methods = [each.method for each in summarise_rows(rows)]
    images = list(dict.fromkeys(row.image for row in rows))
    values = {method: metric_values(rows, method, metric) for method in methods}

    def cell(method: str, image: str) -> str:
        return format_value(values[method].get(image), metric)

    if len(images) <= max(12, len(methods)):
        return TextTable(["method", *images], [[m, *(cell(m, i) for i in images)] for m in methods])
    return TextTable(["image", *methods], [[i, *(cell(m, i) for m in methods)] for i in images])


def format_value(value: float | None, metric: str) -> str:
    """Print PSNR with two decimals, SSIM with four, errors with three digits; unknown is empty."""
    if value is None or value != value:
        return ""
    if metric.startswith("psnr"):
        return f"{value:.2f}"
    return f"{value:.4f}" if metric.startswith("ssim") else f"{value:#.3g}"


def mean_and_interval(summary: Summary | None, metric: str) -> str:
    """`mean [low, high]`, or the mean alone where there is no interval."""
    if summary is None or summary.mean is None:
        return ""
    mean = format_value(summary.mean, metric)
    if summary.low is None or summary.high is None:
        return mean
    return f"{mean} [{format_value(summary.low, metric)}, {format_value(summary.high, metric)}]"


def data_sentence(context: Mapping[str, Any]) -> str:
    """Say whether the data are simulated or real, and where they come from."""
    simulated = context.get("simulated")
    if simulated is None:
        kind = "It is not stated whether the data are simulated or real"
    elif simulated:
        kind = "SIMULATED data: the spectra were made by a simulator, not measured"
    else:
        kind = "REAL data: measured spectra, whose targets are longer measurements and noisy too"
    return f"{kind}. Source: {context.get('data_source') or 'not stated'}."


def notes(rows: Sequence[Row], context: Mapping[str, Any], reference: str = REFERENCE) -> list[str]:
    """Everything that a reader of the figures has to know, a sentence or two an item."""
    images = len({row.image for row in rows})
    return [
        data_sentence(context),
        f"Checkpoint: {context.get('checkpoint') or 'not stated'}. "
        f"Command: {context.get('command') or 'not stated'}.",
        _tuning_sentence(context),
        _looks_sentence(rows),
        _interval_sentence(images),
        _test_sentence(images, reference),
    ]


def _tuning_sentence(context: Mapping[str, Any]) -> str:
    where = context.get("tuned_on")
    parameters = context.get("tuned_parameters") or {}
    if not where and not parameters:
        return "Reference methods: fixed parameters, nothing was tuned."
    listed = "; ".join(f"{name}: {value}" for name, value in parameters.items())
    sentence = f"Parameters of the reference methods were tuned on: {where or 'not stated'}."
    return f"{sentence} {listed}." if listed else sentence


def _looks_sentence(rows: Sequence[Row]) -> str:
    whole = list(dict.fromkeys(row.method for row in rows if row.uses_whole_map))
    single = list(dict.fromkeys(row.method for row in rows if not row.uses_whole_map))
    sentence = f"One spectrum at a time: {', '.join(single) or 'no method'}."
    whole_sentence = f"All the spectra of a map at once, so more to go by: {', '.join(whole) or 'no method'}."
    return f"{sentence} {whole_sentence}"


def _interval_sentence(images: int) -> str:
    if images < 2:
        return "One image: no interval over images."
    return f"Intervals are 95 % Student-t intervals of the mean over {images} images."


def _test_sentence(images: int, reference: str) -> str:
    if images < 2:
        return "One image: no paired test over images."
    sentence = (
        f"p: two-tailed Wilcoxon signed-rank test of the MSE, paired by image, against {reference}; "
        "not corrected for the number of methods."
    )
    if images >= SMALLEST_N_FOR_SIGNIFICANCE:
        return sentence
    least = 2 / 2**images
    return f"{sentence} With {images} images p < 0.05 cannot occur: the least possible p is {least:.3g}."
