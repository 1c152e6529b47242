"""Numbers per method from the rows per image: means, intervals, ratios and paired tests."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from deeper_jax.evaluation.denoising import Row
from deeper_jax.evaluation.statistics import PairedTest, Summary, summarise, wilcoxon
from deeper_jax.evaluation.super_resolution import SuperResolutionRow

EvaluationRow = Row | SuperResolutionRow
"""A row of either task; those of one table are of one task."""

REFERENCE = "network"
"""Name of the method that all others are compared with."""


@dataclass(frozen=True)
class MethodSummary:
    """One method over all images.

    Attributes:
        method: its name.
        uses_whole_map: it looks at all the spectra of an image, not at one at a time.
        metrics: mean and 95 % interval over images, by metric, for the metrics that are known.
        ratio: mean of the metric over the network's mean, by metric, for the errors (`mse*`) only.
        tests: Wilcoxon signed-rank test against the network, by metric.
    """

    method: str
    uses_whole_map: bool
    metrics: dict[str, Summary]
    ratio: dict[str, float]
    tests: dict[str, PairedTest]


def metric_names(rows: Sequence[EvaluationRow]) -> list[str]:
    """Fields of the rows that are metrics, in their order."""
    return [each.name for each in fields(rows[0]) if each.name.startswith(("mse", "psnr", "ssim"))]


def metric_values(rows: Sequence[EvaluationRow], method: str, metric: str) -> dict[str, float]:
    """One method's known values of a metric, by image."""
    chosen = ((row.image, getattr(row, metric)) for row in rows if row.method == method)
    return {image: float(value) for image, value in chosen if value is not None}


def summarise_rows(rows: Sequence[EvaluationRow], reference: str = REFERENCE) -> list[MethodSummary]:
    """Summarise every method, least mean MSE first.

    Raises:
        ValueError: a method has two rows for one image.
    """
    pairs = [(row.method, row.image) for row in rows]
    if len(set(pairs)) != len(pairs):
        repeated = sorted({pair for pair in pairs if pairs.count(pair) > 1})
        raise ValueError(f"more than one row for (method, image) {repeated}")
    whole_map = {row.method: row.uses_whole_map for row in rows}
    summaries = [_summarise_method(rows, method, whole_map[method], reference) for method in whole_map]
    return sorted(summaries, key=_mean_mse)


def _mean_mse(summary: MethodSummary) -> float:
    mean = summary.metrics["mse"].mean if "mse" in summary.metrics else None
    return float("inf") if mean is None else mean


def _summarise_method(
    rows: Sequence[EvaluationRow], method: str, uses_whole_map: bool, reference: str
) -> MethodSummary:
    metrics, ratio, tests = {}, {}, {}
    for metric in metric_names(rows):
        own, other = metric_values(rows, method, metric), metric_values(rows, reference, metric)
        if not own:
            continue
        metrics[metric] = summarise(list(own.values()))
        shared = [image for image in own if image in other]
        if method == reference or not shared:
            continue
        first, second = [own[image] for image in shared], [other[image] for image in shared]
        tests[metric] = wilcoxon(first, second)
        if metric.startswith("mse") and sum(second) > 0:
            ratio[metric] = sum(first) / sum(second)
    return MethodSummary(method, uses_whole_map, metrics, ratio, tests)
