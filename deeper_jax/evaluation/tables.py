"""Writes the rows of an evaluation as metrics.csv, metrics.json and metrics.md."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from deeper_jax.evaluation.denoising import Row
from deeper_jax.evaluation.report_text import (
    METRIC_MEANINGS,
    METRIC_TITLES,
    TextTable,
    notes,
    per_image_table,
    summary_table,
)
from deeper_jax.evaluation.summary import REFERENCE, MethodSummary, summarise_rows

COLUMNS = ("method", "image", "mse", "psnr", "ssim", "mse_truth", "mse_fit")
"""First columns of metrics.csv; the other fields of `Row` follow."""

_PACKAGES = ("deeper-jax", "jax", "flax", "numpy", "scipy", "PyWavelets")


def write_tables(
    rows: Sequence[Row], folder: str | Path, context: Mapping[str, Any], *, reference: str = REFERENCE
) -> dict[str, Path]:
    """Write metrics.csv, metrics.json and metrics.md into a folder, which is made where it is missing.

    Args:
        rows: exactly one per method and image.
        folder: where to write.
        context: what the figures rest on. Known keys: `command`, `data_source`, `simulated` (bool),
            `checkpoint`, `tuned_on` (words), `tuned_parameters` (by method), `versions`; any other key goes
            into the JSON as it is. `versions` is filled in where it is missing.
        reference: the method that the others are compared with.

    Returns:
        The written paths by file name.

    Raises:
        ValueError: no rows, or two rows for one method and image.
    """
    if not rows:
        raise ValueError("there are no rows to write")
    summaries = summarise_rows(rows, reference)
    full_context = {"versions": package_versions(), **context}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in ("metrics.csv", "metrics.json", "metrics.md")}
    _write_csv(rows, paths["metrics.csv"])
    content = {
        "context": full_context,
        "reference": reference,
        "summary": [_summary_record(each) for each in summaries],
        "rows": [asdict(row) for row in rows],
    }
    text = json.dumps(json_ready(content), indent=1, allow_nan=False)
    paths["metrics.json"].write_text(text + "\n", encoding="utf-8")
    paths["metrics.md"].write_text(markdown(rows, full_context, reference), encoding="utf-8")
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


def markdown(rows: Sequence[Row], context: Mapping[str, Any], reference: str = REFERENCE) -> str:
    """The readable summary: notes, table of means, meaning of each metric, MSE of every image."""
    summary = summary_table(rows, reference)
    shown = [name for name, title in METRIC_TITLES.items() if title in summary.header]
    lines = ["# Denoising: every method on every image", ""]
    lines += [f"- {note}" for note in notes(rows, context, reference)]
    lines += ["", "## Mean over images [95 % interval], least MSE first", "", *_markdown_table(summary)]
    lines += ["", "## What the metrics mean", ""]
    lines += [f"- **{METRIC_TITLES[name]}**: {METRIC_MEANINGS[name]}." for name in shown]
    lines += ["", "## MSE of every image", "", *_markdown_table(per_image_table(rows)), ""]
    return "\n".join(lines)


def _markdown_table(table: TextTable) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(table.header), line(["---"] * len(table.header)), *(line(row) for row in table.body)]


def _write_csv(rows: Sequence[Row], path: Path) -> None:
    extras = [field.name for field in fields(Row) if field.name not in COLUMNS]
    used = [name for name in extras if any(getattr(row, name) is not None for row in rows)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *used])
        for row in rows:
            writer.writerow([_csv_field(getattr(row, name)) for name in (*COLUMNS, *used)])


def _csv_field(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.9g}" if isinstance(value, float) else value


def _summary_record(summary: MethodSummary) -> dict[str, Any]:
    record: dict[str, Any] = {"method": summary.method, "uses_whole_map": summary.uses_whole_map}
    for metric, values in summary.metrics.items():
        entry: dict[str, Any] = {
            "mean": values.mean,
            "ci95_low": values.low,
            "ci95_high": values.high,
            "n": values.n,
        }
        if metric in summary.ratio:
            entry["ratio_to_reference"] = summary.ratio[metric]
        if metric in summary.tests:
            test = summary.tests[metric]
            entry["wilcoxon"] = {"p_value": test.p_value, "n": test.n, "note": test.note}
        record[metric] = entry
    return record
