"""The parts of a report, in order, that the Markdown summary and the web page both show."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from deeper_jax.evaluation.bands import band_errors
from deeper_jax.evaluation.comparisons import MetricComparison, compare_metric
from deeper_jax.evaluation.report_text import (
    TextTable,
    detail_table,
    format_value,
    mean_and_interval,
    notes,
    per_image_table,
    summary_table,
)
from deeper_jax.evaluation.summary import REFERENCE, EvaluationRow, metric_names, summarise_rows
from deeper_jax.evaluation.super_resolution import SuperResolutionRow
from deeper_jax.evaluation.task_words import words_of


class Section(NamedTuple):
    """A part of a report: a title, sentences, and a table, any of which may be missing."""

    title: str
    items: list[str]
    table: TextTable | None = None


def report_sections(
    rows: Sequence[EvaluationRow],
    context: Mapping[str, Any],
    reference: str = REFERENCE,
    wavenumbers: npt.ArrayLike | None = None,
) -> list[Section]:
    """Everything said about an evaluation; the first section holds the notes, that on the data first."""
    words = words_of(rows)
    summary, details = summary_table(rows, reference), detail_table(rows, reference)
    header = summary.header + (details.header if details else [])
    shown = [name for name, title in words.titles.items() if title in header]
    meanings = [f"{words.titles[name]}: {words.meanings[name]}." for name in shown]
    sections = [
        Section("", notes(rows, context, reference)),
        Section("Mean over images [95 % interval], least MSE first", [], summary),
        *([Section("In detail: mean over images [95 % interval]", [], details)] if details else []),
        Section("What the metrics mean", meanings),
        *[_statistics(each, words.titles[each.metric], reference) for each in comparisons(rows, reference)],
    ]
    if wavenumbers is not None and isinstance(rows[0], SuperResolutionRow):
        items = ["MSE of each method over the channels of a band, target over its global maximum."]
        sections.append(Section("Error by band [95 % interval]", items, band_table(rows, wavenumbers)))
    return [*sections, Section("MSE of every image", [], per_image_table(rows))]


def comparisons(rows: Sequence[EvaluationRow], reference: str = REFERENCE) -> list[MetricComparison]:
    """Repeated-measures statistics of the metrics that the task asks for, where there are enough images."""
    metrics = [name for name in words_of(rows).analysis if name in metric_names(rows)]
    found = [compare_metric(rows, metric, reference=reference) for metric in metrics]
    return [each for each in found if each.anova is not None]


def band_table(rows: Sequence[EvaluationRow], wavenumbers: npt.ArrayLike) -> TextTable:
    """Bands across, methods down, least mean MSE first."""
    own = [row for row in rows if isinstance(row, SuperResolutionRow)]
    errors = {(each.method, each.band): each for each in band_errors(own, wavenumbers)}
    bands = list(dict.fromkeys(band for _, band in errors))
    methods = [each.method for each in summarise_rows(rows)]
    body = [[name, *(mean_and_interval(errors[name, band].mse, "mse") for band in bands)] for name in methods]
    return TextTable(["method", *bands], body)


def _statistics(comparison: MetricComparison, name: str, reference: str) -> Section:
    metric, anova = comparison.metric, comparison.anova
    items = []
    if anova is not None:
        freedom = f"{anova.df_methods * anova.epsilon:.2f}, {anova.df_residual * anova.epsilon:.2f}"
        items.append(
            f"One-way repeated-measures ANOVA with the Geisser-Greenhouse correction, {anova.n} images, "
            f"{anova.k} methods: F({freedom}) = {anova.f:.4g}, epsilon = {anova.epsilon:.3f}, "
            f"p = {anova.p_value:.2g}, partial eta squared = {anova.partial_eta_squared:.3f}."
        )
        items.append(
            "Below: Tukey's comparisons, each with its own standard error (no sphericity assumed), p adjusted "
            "for the number of pairs."
        )
    items += _paired_sentences(comparison, reference)
    body = []
    for pair in comparison.tukey:
        names = f"{comparison.methods[pair.first]} - {comparison.methods[pair.second]}"
        ends = f"[{_signed(pair.low, metric)}, {_signed(pair.high, metric)}]"
        body.append([names, f"{_signed(pair.difference, metric)} {ends}", f"{pair.q:.2f}", f"{pair.p_value:.2g}"])
    return Section(f"Statistics: {name}", items, TextTable(["pair", "mean difference [95 % interval]", "q", "p"], body))


def _paired_sentences(comparison: MetricComparison, reference: str) -> list[str]:
    paired = comparison.paired
    if paired is None or paired.difference is None:
        return []
    numbers = [
        f"mean difference {_signed(paired.difference, comparison.metric)}",
        "" if paired.t_p is None else f"paired t-test p = {paired.t_p:.2g}",
        "" if paired.cohens_dz is None else f"Cohen's d_z = {paired.cohens_dz:.2f}",
        "" if paired.wilcoxon_p is None else f"Wilcoxon signed-rank p = {paired.wilcoxon_p:.2g}",
        "" if paired.rank_biserial is None else f"rank-biserial correlation = {paired.rank_biserial:.2f}",
        paired.note,
    ]
    listed = "; ".join(number for number in numbers if number)
    return [
        f"{reference} minus the best registered classical method ({comparison.best_classical}, chosen on these very "
        f"images, which favours it), {paired.n} images, two-tailed: {listed}."
    ]


def _signed(value: float, metric: str) -> str:
    return ("+" if value > 0 else "") + format_value(value, metric)
