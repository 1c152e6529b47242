"""One web page with the pictures and tables of an evaluation; it opens without a network."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from deeper_jax.evaluation.report_sections import Section, report_sections
from deeper_jax.evaluation.report_text import TextTable
from deeper_jax.evaluation.summary import REFERENCE, EvaluationRow
from deeper_jax.evaluation.task_words import words_of

CAPTIONS = {
    "figure_spectra.png": "Example spectra: the noisy input, its target and what the methods make of it. "
    "Each is divided by its own maximum. The pixels are chosen by rank in the target, not by eye.",
    "figure_mse.png": "Mean squared error of each method over all images, with its 95 % interval where there "
    "is more than one image, and a small circle for each image. Shorter is better.",
    "figure_maps.png": "The same band as a map, one colour scale for all panels, with the time that the "
    "measurement takes at that dwell time. A denoised map costs the time of the noisy one.",
    "figure_super_resolution_maps.png": "One band as a map: what was measured, what the methods make of it and "
    "the target, on one colour scale. Under each output its difference from the target, red where it is too "
    "bright. The cross marks the pixel whose spectra are shown.",
    "figure_super_resolution_spectra.png": "Spectra at marked pixels that were not measured, each over the "
    "target's maximum in the whole image. The pixels are chosen by rule, not by eye.",
    "figure_super_resolution_scores.png": "Mean of each metric over all images, with its 95 % interval where "
    "there is more than one image, and a small circle for each image.",
    "figure_super_resolution_channels.png": "Mean squared error of each wavenumber channel, mean over images, "
    "over the target's mean spectrum; shaded: the band groups of the table.",
}
"""What is under each known picture."""

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.6rem} h2{font-size:1.25rem;margin-top:2.2rem}
figure{margin:1.5rem 0} img{max-width:100%;height:auto} figcaption{color:#555;max-width:50rem}
.wide{overflow-x:auto} table{border-collapse:collapse;font-size:.85rem}
th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left} tr.reference{background:#fdeee4;font-weight:600}
.data{padding:.6rem 1rem;background:#fff6d6;border-left:4px solid #e69f00}
"""


def write_report_page(
    folder: str | Path,
    rows: Sequence[EvaluationRow],
    context: Mapping[str, Any],
    *,
    figures: Sequence[str | Path] | None = None,
    title: str | None = None,
    reference: str = REFERENCE,
    wavenumbers: npt.ArrayLike | None = None,
) -> Path:
    """Write index.html: what the data are, the pictures, the tables and what the metrics mean.

    Args:
        folder: where to write; made where it is missing.
        rows: as for `tables.write_tables`.
        context: as for `tables.write_tables`.
        figures: PNG files to show; by default those of `CAPTIONS` that lie in the folder.
        title: the page's heading; None: the task's name and "evaluation".
        reference: the method whose line is marked.
        wavenumbers: as for `tables.write_tables`.

    Returns:
        The page's path.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if figures is None:
        figures = [folder / name for name in CAPTIONS if (folder / name).exists()]
    title = title or f"{words_of(rows).heading.partition(':')[0]} evaluation"
    introduction, means, *others = report_sections(rows, context, reference, wavenumbers)
    data, *remarks = introduction.items
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="data">{html.escape(data)}</p>',
        *(_picture(Path(path)) for path in figures),
        _section(means, reference),
        _list(remarks),
        *(_section(each, reference) for each in others),
    ]
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts)
    path = folder / "index.html"
    path.write_text(page + "\n</body></html>\n", encoding="utf-8")
    return path


def _picture(path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    words = CAPTIONS.get(path.name, path.stem.replace("_", " "))
    image = f'<img alt="{html.escape(words, quote=True)}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{html.escape(words)}</figcaption></figure>"


def _section(section: Section, reference: str) -> str:
    heading = f"<h2>{html.escape(section.title)}</h2>"
    items = _list(section.items) if section.items else ""
    return heading + items + ("" if section.table is None else _table(section.table, reference))


def _table(table: TextTable, reference: str) -> str:
    header = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    body = "".join(
        ('<tr class="reference">' if row[0] == reference else "<tr>")
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in table.body
    )
    return f'<div class="wide"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>'


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>"
