"""The words and the table cells that the Markdown summary and the web page share."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deeper_jax.evaluation.statistics import SMALLEST_N_FOR_SIGNIFICANCE, Summary
from deeper_jax.evaluation.summary import REFERENCE, EvaluationRow, metric_values, summarise_rows
from deeper_jax.evaluation.super_resolution import SuperResolutionRow
from deeper_jax.evaluation.task_words import DENOISING, TaskWords, words_of


class TextTable(NamedTuple):
    """A table of strings: `header` `[C]`, `body` rows of C cells."""

    header: list[str]
    body: list[list[str]]


def summary_table(rows: Sequence[EvaluationRow], reference: str = REFERENCE) -> TextTable:
    """One line a method, least mean MSE first: mean [95 % interval] of each metric, ratio and p for MSE."""
    words = words_of(rows)
    table = _means(rows, reference, [name for name in words.titles if name not in words.details])
    summaries = {each.method: each for each in summarise_rows(rows, reference)}
    at = table.header.index("MSE") + 1
    table.header[at:at] = [f"MSE / {reference}'s", "p"]
    table.header.insert(1, "looks at")
    for cells in table.body:
        each = summaries[cells[0]]
        test = each.tests.get("mse")
        ratio = f"{each.ratio['mse']:.2f}" if "mse" in each.ratio else ""
        p_value = "" if test is None or test.p_value is None or test.n < 2 else f"{test.p_value:.2g}"
        cells[at:at] = [ratio, p_value]
        cells.insert(1, words.whole if each.uses_whole_map else words.one)
    return table


def detail_table(rows: Sequence[EvaluationRow], reference: str = REFERENCE) -> TextTable | None:
    """The metrics that `summary_table` leaves out, or None where there are none."""
    table = _means(rows, reference, words_of(rows).details)
    return table if len(table.header) > 1 else None


def _means(rows: Sequence[EvaluationRow], reference: str, names: Sequence[str]) -> TextTable:
    summaries, titles = summarise_rows(rows, reference), words_of(rows).titles
    known = [name for name in names if any(name in each.metrics for each in summaries)]
    body = [[each.method, *(mean_and_interval(each.metrics.get(name), name) for name in known)] for each in summaries]
    return TextTable(["method", *(titles[name] for name in known)], body)


def per_image_table(rows: Sequence[EvaluationRow], metric: str = "mse") -> TextTable:
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
    metric = metric.lower()
    if metric.startswith("psnr"):
        return f"{value:.2f}"
    if abs(value) < 1e-20:  # what rounding leaves of zero
        return "0"
    return f"{value:.4f}" if metric.startswith("ssim") else f"{value:#.3g}"


def mean_and_interval(summary: Summary | None, metric: str) -> str:
    """`mean [low, high]`, or the mean alone where there is no interval."""
    if summary is None or summary.mean is None:
        return ""
    mean = format_value(summary.mean, metric)
    if summary.low is None or summary.high is None:
        return mean
    return f"{mean} [{format_value(summary.low, metric)}, {format_value(summary.high, metric)}]"


def data_sentence(context: Mapping[str, Any], words: TaskWords = DENOISING) -> str:
    """Say whether the data are simulated or real, and where they come from."""
    simulated = context.get("simulated")
    if simulated is None:
        kind = "It is not stated whether the data are simulated or real"
    elif simulated:
        kind = "SIMULATED data: the spectra were made by a simulator, not measured"
    else:
        kind = f"REAL data: {words.real_data}"
    return f"{kind}. Source: {context.get('data_source') or 'not stated'}."


def notes(rows: Sequence[EvaluationRow], context: Mapping[str, Any], reference: str = REFERENCE) -> list[str]:
    """Everything that a reader of the figures has to know, a sentence or two an item."""
    images = len({row.image for row in rows})
    return [
        data_sentence(context, words_of(rows)),
        f"Checkpoint: {context.get('checkpoint') or 'not stated'}. Command: {context.get('command') or 'not stated'}.",
        _tuning_sentence(context),
        _looks_sentence(rows),
        *_raster_sentences(rows),
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
