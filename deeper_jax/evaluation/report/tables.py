"""Tables of strings and the sections that they stand in, and their Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from deeper_jax.evaluation.statistics import Summary
    from deeper_jax.evaluation.summary import Scores

# What Markdown, or the HTML and TeX that its readers allow in it, would take for more than the character.
_MARKUP = re.compile(r"[\\`|$]|<(?=[a-zA-Z/!?])|\](?=[(\[])")


class TextTable(NamedTuple):
    """A table of strings: `header` `[C]`, `body` rows of C cells."""

    header: list[str]
    body: list[list[str]]


class Section(NamedTuple):
    """A part of a report: a title, sentences, and a table, any of which may be missing.

    A page shows the title alone of one that is `folded` until it is opened.
    """

    title: str
    items: list[str]
    table: TextTable | None = None
    folded: bool = False


def score_table(scores: Mapping[str, Scores]) -> TextTable:
    """Metrics across, methods down: mean over images [95 % Student-t interval].

    Args:
        scores: by the metric's title, which decides how it is printed.
    """
    # SciPy's statistics, slow to import, are not for pages that have words in their tables.
    from deeper_jax.evaluation.statistics import summarise

    methods = list(dict.fromkeys(method for values in scores.values() for method in values))
    summaries = {title: {name: summarise(list(v.values())) for name, v in own.items()} for title, own in scores.items()}
    body = [[name, *(mean_and_interval(own.get(name), title) for title, own in summaries.items())] for name in methods]
    return TextTable(["method", *scores], body)


def image_table(scores: Scores, metric: str) -> TextTable:
    """Every value of a metric; methods down and images across, or the other way where images are many."""
    images = list(dict.fromkeys(image for values in scores.values() for image in values))
    cells = {name: [format_value(values.get(image), metric) for image in images] for name, values in scores.items()}
    if len(images) <= max(12, len(scores)):
        return TextTable(["method", *images], [[name, *line] for name, line in cells.items()])
    lines = zip(*cells.values(), strict=True)
    return TextTable(["image", *scores], [[image, *line] for image, line in zip(images, lines, strict=True)])


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


def signed(value: float, metric: str) -> str:
    """As `format_value`, with a sign where it is positive."""
    return ("+" if value > 0 else "") + format_value(value, metric)


def markdown_text(text: str) -> str:
    """Words in one line of Markdown that shows them as they are."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.splitlines()))


def markdown_section(section: Section) -> list[str]:
    """Lines of a heading, its sentences and its table."""
    lines = [f"## {markdown_text(section.title)}", ""] if section.title else []
    if section.items:
        lines += [*(f"- {markdown_text(item)}" for item in section.items), ""]
    return lines if section.table is None else [*lines, *_markdown_table(section.table), ""]


def _markdown_table(table: TextTable) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(markdown_text, cells)) + " |"

    return [line(table.header), line(["---"] * len(table.header)), *(line(row) for row in table.body)]
