"""The report of an evaluation: metrics.csv, metrics.json, metrics.md, bands.csv, and a page that opens offline."""

import contextlib
import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy.typing as npt

from deeper_jax.evaluation.image_scores import SuperResolutionRow
from deeper_jax.evaluation.report.headline import headline
from deeper_jax.evaluation.report.statistics_sections import comparison_section
from deeper_jax.evaluation.report.tables import (
    Section,
    TextTable,
    image_table,
    markdown_section,
    markdown_text,
    mean_and_interval,
    score_table,
)
from deeper_jax.evaluation.report.web_page import (
    data_html,
    headline_html,
    list_html,
    picture_html,
    section_html,
    write_web_page,
)
from deeper_jax.evaluation.report.words import notes, tuning_table, words_of
from deeper_jax.evaluation.statistics import Summary
from deeper_jax.evaluation.summary import (
    REFERENCE,
    EvaluationRow,
    MethodSummary,
    MetricComparison,
    band_errors,
    compare_metric,
    metric_names,
    scores_of,
    summarise_rows,
)

_PACKAGES = ("deeper-jax", "jax", "flax", "numpy", "scipy", "PyWavelets")
CAPTIONS = {
    "figure_spectra.png": "Example spectra: the noisy input, its target and what the methods make of it. "
    "Each is divided by its own maximum. The pixels are chosen by rank in the target, not by eye.",
    "figure_mse.png": "Mean squared error of each method over all images, with its 95 % interval where there "
    "is more than one image, and a small circle for each image. Lower is better.",
    "figure_mse_fit.png": "The same after a slope and an offset of each spectrum's own are forgiven: the error of the "
    "shape. Lower is better.",
    "figure_maps.png": "One band as a map, with the time that the measurement takes at that dwell time; a denoised map "
    "costs the time of the noisy one. Above in the measurement's unit, the colours' ends under each panel: how much is "
    "where. Below each spectrum is divided by its own maximum, as in the paper, on one colour scale: what the spectra "
    "are like, whatever their strength.",
    "figure_super_resolution_maps.png": "One band as a map: what was measured, what the methods make of it and "
    "the target, on one colour scale. Under each output its difference from the target, red where it is too "
    "bright. The cross marks the pixel whose spectra are shown.",
    "figure_super_resolution_spectra.png": "Spectra at marked pixels that were not measured, each over the "
    "target's maximum in the whole image. The pixels are chosen by rule, not by eye.",
    "figure_super_resolution_scores.png": "Mean of each metric over all images, with its 95 % interval where "
    "there is more than one image, and a small circle for each image. Of PSNR and SSIM more is better, of errors less.",
    "figure_super_resolution_channels.png": "Mean squared error of each wavenumber channel, mean over images, "
    "over the target's mean spectrum; shaded: the band groups of the table.",
}
"""What is under each picture that lies in the folder."""


def write_tables(
    rows: Sequence[EvaluationRow],
    folder: str | Path,
    context: Mapping[str, Any],
    *,
    wavenumbers: npt.ArrayLike | None = None,
) -> dict[str, Path]:
    """Write metrics.csv, metrics.json and metrics.md into a folder, which is made where it is missing.

    Args:
        rows: exactly one per method and image, all of one task.
        folder: where to write.
        context: what the figures rest on. Known keys: `command`, `data_source`, `simulated` (bool),
            `checkpoint`, `tuned_on` (words), `tuned_parameters` (by method), `versions`; any other key goes
            into the JSON as it is. `versions` is filled in where it is missing.
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
    content = _content(rows, full_context)
    first = _headline(rows)
    lines = [f"# {words_of(rows).heading}", "", *([f"**{markdown_text(first)}**", ""] if first else [])]
    for section in report_sections(rows, full_context, wavenumbers):
        lines += markdown_section(section)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name for name in ("metrics.csv", "metrics.json", "metrics.md")}
    own = [row for row in rows if isinstance(row, SuperResolutionRow)]
    if wavenumbers is not None and own:
        paths["bands.csv"] = folder / "bands.csv"
        content["bands"] = _band_records(own, wavenumbers)
        _write_records(paths["bands.csv"], content["bands"])
    leading = words_of(rows).leading_columns
    extras = [name for name in _table_fields(rows) if name not in leading]
    used = [*leading, *(name for name in extras if any(getattr(row, name) is not None for row in rows))]
    _write_records(paths["metrics.csv"], [{name: getattr(row, name) for name in used} for row in rows])
    write_json(paths["metrics.json"], content)
    paths["metrics.md"].write_text("\n".join(lines), encoding="utf-8")
    return paths


def package_versions() -> dict[str, str]:
    """Versions of the packages that the figures depend on, those that are installed."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def json_ready(value: Any) -> Any:
    """Turn a value into plain JSON types: NaN and infinities become None, named tuples dictionaries, NumPy plain."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_ready(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def write_report_page(
    folder: str | Path,
    rows: Sequence[EvaluationRow],
    context: Mapping[str, Any],
    *,
    wavenumbers: npt.ArrayLike | None = None,
) -> Path:
    """Write index.html: what the data are, the pictures that lie there, the tables and what the metrics mean.

    Args:
        folder: where to write; made where it is missing.
        rows: as for `write_tables`.
        context: as for `write_tables`.
        wavenumbers: as for `write_tables`.

    Returns:
        The page's path.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{words_of(rows).heading.partition(':')[0]} evaluation"
    introduction, means, *others = report_sections(rows, context, wavenumbers)
    data, *remarks = introduction.items
    parts = [
        headline_html(_headline(rows)),
        data_html(data),
        *(picture_html(folder / name, words) for name, words in CAPTIONS.items() if (folder / name).exists()),
        section_html(means, REFERENCE),
        list_html(remarks),
        *(section_html(each, REFERENCE) for each in others),
    ]
    return write_web_page(folder / "index.html", title, parts)


def _headline(rows: Sequence[EvaluationRow]) -> str:
    words = words_of(rows)
    # Those that misplace pixels, as the released code does, are there for comparison with published figures only.
    fair = [row for row in rows if getattr(row, "registered", True)]
    return headline({words.titles[name]: own for name in words.headline if (own := scores_of(fair, name))})


def report_sections(
    rows: Sequence[EvaluationRow],
    context: Mapping[str, Any],
    wavenumbers: npt.ArrayLike | None = None,
) -> list[Section]:
    """Everything said about an evaluation; the first section holds the notes, that on the data first."""
    words = words_of(rows)
    scores = {name: own for name in words.titles if (own := scores_of(rows, name))}
    details = {words.titles[name]: own for name, own in scores.items() if name in words.details}
    meanings = [f"{words.titles[name]}: {words.meanings[name]}." for name in scores]
    sections = [
        Section("", notes(rows, context)),
        Section("Mean over images [95 % interval], least MSE first", [], summary_table(rows)),
        Section("What the metrics mean", meanings),
        *([Section("In detail: mean over images [95 % interval]", [], score_table(details), True)] if details else []),
        *[comparison_section(each, words.titles[each.metric]) for each in comparisons(rows)],
    ]
    if tuned := tuning_table(context):
        sections.append(Section("Parameters of the reference methods", [], tuned, folded=True))
    if wavenumbers is not None and isinstance(rows[0], SuperResolutionRow):
        items = ["MSE of each method over the channels of a band, target over its global maximum."]
        sections.append(Section("Error by band [95 % interval]", items, band_table(rows, wavenumbers), folded=True))
    return [*sections, Section("MSE of every image", [], image_table(scores["mse"], "mse"), folded=True)]


def summary_table(rows: Sequence[EvaluationRow]) -> TextTable:
    """One line a method, least mean MSE first: mean [95 % interval] of each metric, ratio and p for MSE."""
    words = words_of(rows)
    names = [name for name in words.titles if name not in words.details]
    table = score_table({words.titles[name]: own for name in names if (own := scores_of(rows, name))})
    at = table.header.index("MSE") + 1
    table.header[at:at] = [f"MSE / {REFERENCE}'s", "p"]
    table.header.insert(1, "looks at")
    for cells, each in zip(table.body, summarise_rows(rows), strict=True):
        test = each.tests.get("mse")
        p_value = "" if test is None or test.p_value is None or test.n < 2 else f"{test.p_value:.2g}"
        cells[at:at] = [f"{each.ratio['mse']:.2f}" if "mse" in each.ratio else "", p_value]
        cells.insert(1, words.whole if each.uses_whole_map else words.one)
    return table


def comparisons(rows: Sequence[EvaluationRow]) -> list[MetricComparison]:
    """Repeated-measures statistics of the metrics that the task asks for, where there are enough images."""
    metrics = [name for name in words_of(rows).analysis if name in metric_names(rows)]
    found = [compare_metric(rows, metric) for metric in metrics]
    return [each for each in found if each.anova is not None]


def band_table(rows: Sequence[EvaluationRow], wavenumbers: npt.ArrayLike) -> TextTable:
    """Bands across, methods down, least mean MSE first."""
    own = [row for row in rows if isinstance(row, SuperResolutionRow)]
    errors = {(each.method, each.band): each for each in band_errors(own, wavenumbers)}
    bands = list(dict.fromkeys(band for _, band in errors))
    methods = [each.method for each in summarise_rows(rows)]
    body = [[name, *(mean_and_interval(errors[name, band].mse, "mse") for band in bands)] for name in methods]
    return TextTable(["method", *bands], body)


def _table_fields(rows: Sequence[EvaluationRow]) -> list[str]:
    """Fields of the rows that fit a cell: the error of each channel does not."""
    return [each.name for each in fields(rows[0]) if each.name != "channel_mse"]


def write_json(path: Path, content: Any) -> None:
    """Write plain JSON, as `json_ready` makes it."""
    path.write_text(json.dumps(json_ready(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_csv(path: Path, lines: Iterable[Sequence[Any]]) -> None:
    """Write lines of cells; unknown values are empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([_csv_field(value) for value in line] for line in lines)


def _write_records(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    write_csv(path, [list(records[0]), *(list(record.values()) for record in records)])


def _csv_field(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.9g}" if isinstance(value, float) else value


def _content(rows: Sequence[EvaluationRow], context: Mapping[str, Any]) -> dict[str, Any]:
    """What metrics.json holds."""
    names = _table_fields(rows)
    content: dict[str, Any] = {
        "context": context,
        "reference": REFERENCE,
        "summary": [_summary_record(each) for each in summarise_rows(rows)],
        "rows": [{name: getattr(row, name) for name in names} for row in rows],
    }
    if words_of(rows).analysis:
        content["statistics"] = comparisons(rows)
    return content


def _band_records(rows: Sequence[SuperResolutionRow], wavenumbers: npt.ArrayLike) -> list[dict[str, Any]]:
    errors = band_errors(rows, wavenumbers)
    return [{**each._asdict(), "mse": each.mse.mean, **_interval(each.mse)} for each in errors]


def _interval(summary: Summary) -> dict[str, Any]:
    return {"ci95_low": summary.low, "ci95_high": summary.high, "n": summary.n}


def _summary_record(summary: MethodSummary) -> dict[str, Any]:
    record: dict[str, Any] = {"method": summary.method, "uses_whole_map": summary.uses_whole_map}
    for metric, values in summary.metrics.items():
        entry = {"mean": values.mean, **_interval(values)}
        if metric in summary.ratio:
            entry["ratio_to_reference"] = summary.ratio[metric]
        if metric in summary.tests:
            entry["wilcoxon"] = summary.tests[metric]
        record[metric] = entry
    return record
