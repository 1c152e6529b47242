"""Writes the rows of an evaluation as metrics.csv, metrics.json and metrics.md, and bands.csv where there are bands."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy.typing as npt

from deeper_jax.evaluation.bands import band_errors
from deeper_jax.evaluation.report_sections import Section, comparisons, report_sections
from deeper_jax.evaluation.report_text import TextTable
from deeper_jax.evaluation.statistics import Summary
from deeper_jax.evaluation.summary import REFERENCE, EvaluationRow, MethodSummary, summarise_rows
from deeper_jax.evaluation.super_resolution import SuperResolutionRow
from deeper_jax.evaluation.task_words import words_of

_PACKAGES = ("deeper-jax", "jax", "flax", "numpy", "scipy", "PyWavelets")


def write_tables(
    rows: Sequence[EvaluationRow],
    folder: str | Path,
    context: Mapping[str, Any],
    *,
    reference: str = REFERENCE,
    wavenumbers: npt.ArrayLike | None = None,
) -> dict[str, Path]:
    """Write metrics.csv, metrics.json and metrics.md into a folder, which is made where it is missing.

    Args:
        rows: exactly one per method and image, all of one task.
        folder: where to write.
        context: what the figures rest on. Known keys: `command`, `data_source`, `simulated` (bool),
            `checkpoint`, `tuned_on` (words), `tuned_parameters` (by method), `versions`; any other key goes
            into the JSON as it is. `versions` is filled in where it is missing.
        reference: the method that the others are compared with.
        wavenumbers: the images' common axis `[L]` in cm^-1; super-resolution then has its error by band in
            bands.csv, metrics.json and metrics.md too.

    Returns:
        The written paths by file name.

    Raises:
        ValueError: no rows, two rows for one method and image, or an axis that the rows do not fit.
    """
    if not rows:
        raise ValueError("there are no rows to write")
    full_context = {"versions": package_versions(), **context}
    content = _content(rows, full_context, reference)
    words = markdown(rows, full_context, reference, wavenumbers)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in ("metrics.csv", "metrics.json", "metrics.md")}
    own = [row for row in rows if isinstance(row, SuperResolutionRow)]
    if wavenumbers is not None and own:
        paths["bands.csv"] = folder / "bands.csv"
        content["bands"] = _band_records(own, wavenumbers)
        _write_records(content["bands"], paths["bands.csv"])
    _write_csv(rows, paths["metrics.csv"])
    text = json.dumps(json_ready(content), indent=1, allow_nan=False)
    paths["metrics.json"].write_text(text + "\n", encoding="utf-8")
    paths["metrics.md"].write_text(words, encoding="utf-8")
    return paths


def package_versions() -> dict[str, str]:
    """Versions of the packages that the figures depend on, those that are installed."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def json_ready(value: Any) -> Any:
    """Turn a value into plain JSON types: NaN and infinities become None, NumPy scalars and arrays plain."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_ready(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def markdown(
    rows: Sequence[EvaluationRow],
    context: Mapping[str, Any],
    reference: str = REFERENCE,
    wavenumbers: npt.ArrayLike | None = None,
) -> str:
    """The readable summary: notes, table of means, meaning of each metric, MSE of every image."""
    lines = [f"# {words_of(rows).heading}", ""]
    for section in report_sections(rows, context, reference, wavenumbers):
        lines += markdown_section(section)
    return "\n".join(lines)


def markdown_section(section: Section) -> list[str]:
    """Lines of a heading, its sentences and its table."""
    lines = [f"## {section.title}", ""] if section.title else []
    if section.items:
        lines += [*(f"- {item}" for item in section.items), ""]
    return lines if section.table is None else [*lines, *_markdown_table(section.table), ""]


def _markdown_table(table: TextTable) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(table.header), line(["---"] * len(table.header)), *(line(row) for row in table.body)]


def _table_fields(rows: Sequence[EvaluationRow]) -> list[str]:
    """Fields of the rows that fit a cell: the error of each channel does not."""
    return [each.name for each in fields(rows[0]) if each.name != "channel_mse"]


def _write_csv(rows: Sequence[EvaluationRow], path: Path) -> None:
    leading = words_of(rows).leading_columns
    extras = [name for name in _table_fields(rows) if name not in leading]
    used = [name for name in extras if any(getattr(row, name) is not None for row in rows)]
    _write_records([{name: getattr(row, name) for name in (*leading, *used)} for row in rows], path)


def _write_records(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(records[0])
        writer.writerows([_csv_field(value) for value in record.values()] for record in records)


def _csv_field(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.9g}" if isinstance(value, float) else value


def _content(rows: Sequence[EvaluationRow], context: Mapping[str, Any], reference: str) -> dict[str, Any]:
    """What metrics.json holds."""
    names = _table_fields(rows)
    content: dict[str, Any] = {
        "context": context,
        "reference": reference,
        "summary": [_summary_record(each) for each in summarise_rows(rows, reference)],
        "rows": [{name: getattr(row, name) for name in names} for row in rows],
    }
    if words_of(rows).analysis:
        content["statistics"] = [
            {
                **each._asdict(),
                "anova": None if each.anova is None else each.anova._asdict(),
                "tukey": [pair._asdict() for pair in each.tukey],
                "paired": None if each.paired is None else each.paired._asdict(),
            }
            for each in comparisons(rows, reference)
        ]
    return content


def _band_records(rows: Sequence[SuperResolutionRow], wavenumbers: npt.ArrayLike) -> list[dict[str, Any]]:
    return [
        {
            "method": each.method,
            "band": each.band,
            "low": each.low,
            "high": each.high,
            "channels": each.channels,
            **{("mse" if key == "mean" else key): value for key, value in _interval(each.mse).items()},
        }
        for each in band_errors(rows, wavenumbers)
    ]


def _interval(summary: Summary) -> dict[str, Any]:
    return {"mean": summary.mean, "ci95_low": summary.low, "ci95_high": summary.high, "n": summary.n}


def _summary_record(summary: MethodSummary) -> dict[str, Any]:
    record: dict[str, Any] = {"method": summary.method, "uses_whole_map": summary.uses_whole_map}
    for metric, values in summary.metrics.items():
        entry = _interval(values)
        if metric in summary.ratio:
            entry["ratio_to_reference"] = summary.ratio[metric]
        if metric in summary.tests:
            test = summary.tests[metric]
            entry["wilcoxon"] = {"p_value": test.p_value, "n": test.n, "note": test.note}
        record[metric] = entry
    return record
