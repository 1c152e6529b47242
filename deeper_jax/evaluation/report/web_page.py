"""Writes web pages that open without a network: pictures, tables and words in one HTML file."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from deeper_jax.evaluation.report.tables import Section, TextTable

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.6rem} h2{font-size:1.25rem;margin-top:2.2rem}
figure{margin:1.5rem 0} img{max-width:100%;height:auto} figcaption{color:#555;max-width:50rem}
.wide{overflow-x:auto} table{border-collapse:collapse;font-size:.85rem}
th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left} tr.reference{background:#fdeee4;font-weight:600}
.data{padding:.6rem 1rem;background:#fff6d6;border-left:4px solid #e69f00}
"""


def write_web_page(path: Path, title: str, parts: Sequence[str]) -> Path:
    """Write a page of a heading and ready HTML parts; its folder is made where it is missing."""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    body = "\n".join([f"<h1>{html.escape(title)}</h1>", *parts])
    path.parent.mkdir(parents=True, exist_ok=True)
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'
    path.write_text(page, encoding="utf-8")
    return path


def data_html(sentence: str) -> str:
    """The sentence on what the data are, set off."""
    return f'<p class="data">{html.escape(sentence)}</p>'


def picture_html(path: Path, caption: str) -> str:
    """A PNG file, embedded, with words under it."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    image = f'<img alt="{html.escape(caption, quote=True)}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{html.escape(caption)}</figcaption></figure>"


def section_html(section: Section, marked: str = "") -> str:
    """A heading, its sentences and its table; the line of the method called `marked` stands out."""
    heading = f"<h2>{html.escape(section.title)}</h2>"
    items = list_html(section.items) if section.items else ""
    return heading + items + ("" if section.table is None else _table(section.table, marked))


def list_html(items: Sequence[str]) -> str:
    """Sentences as a list."""
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>"


def _table(table: TextTable, marked: str) -> str:
    header = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    body = "".join(
        ('<tr class="reference">' if row[0] == marked else "<tr>")
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in table.body
    )
    return f'<div class="wide"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>'
