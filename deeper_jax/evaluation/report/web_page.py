"""Writes web pages that open without a network: pictures, tables and words in one HTML file."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from deeper_jax.evaluation.report.tables import Section, TextTable

_STYLE = """
:root{color-scheme:light dark;--ink:#222;--faint:#555;--line:#ddd;--ground:#fff;--note:#fff6d6;--own:#fdeee4}
@media (prefers-color-scheme:dark){
:root{--ink:#e6e6e6;--faint:#b4b4b4;--line:#444;--ground:#1b1b1f;--note:#3a3320;--own:#45301f}}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:1.2rem auto;padding:0 1rem;color:var(--ink);
 background:var(--ground);overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2} h2,summary{font-size:1.25rem;margin-top:2.2rem}
details summary{margin-top:1rem;font-weight:600;cursor:pointer}
figure{margin:1.5rem 0} img{max-width:100%;height:auto} figcaption{color:var(--faint);max-width:50rem}
.headline{font-size:1.15rem;font-weight:600;max-width:60rem}
.wide-table,.picture{overflow-x:auto} table{border-collapse:collapse;font-size:.85rem;overflow-wrap:normal}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--ground)}
tr.reference,tr.reference td:first-child{background:var(--own);font-weight:600}
@media (max-width:45rem){.picture img{max-width:none;width:44rem}
 th:first-child,td:first-child{white-space:normal;min-width:6rem}}
.data{padding:.6rem 1rem;background:var(--note);border-left:4px solid #e69f00}
"""


def write_web_page(path: Path, title: str, parts: Sequence[str], head: str = "") -> Path:
    """Write a page of a heading and ready HTML parts; its folder is made where it is missing.

    `head` is added to the page's own.
    """
    own = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    own += f"<title>{html.escape(title)}</title><style>{_STYLE}</style>"
    body = "\n".join([f"<h1>{html.escape(title)}</h1>", *parts])
    path.parent.mkdir(parents=True, exist_ok=True)
    page = f'<!doctype html>\n<html lang="en"><head>{own}{head}</head><body><main>\n{body}\n</main></body></html>\n'
    path.write_text(page, encoding="utf-8")
    return path


def data_html(sentence: str) -> str:
    """The sentence on what the data are, set off."""
    return f'<p class="data">{html.escape(sentence)}</p>'


def headline_html(sentence: str) -> str:
    """What the page says first; nothing for ''."""
    return f'<p class="headline">{html.escape(sentence)}</p>' if sentence else ""


def picture_html(path: Path, caption: str) -> str:
    """A PNG file, embedded, with words under it; where the page is narrow it is wider, and scrolls."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    image = f'<img alt="{html.escape(caption, quote=True)}" src="data:image/png;base64,{data}">'
    region = f'<div class="picture" tabindex="0" role="region" aria-label="Picture">{image}</div>'
    return f"<figure>{region}<figcaption>{html.escape(caption)}</figcaption></figure>"


def section_html(section: Section, marked: str = "") -> str:
    """A heading, its sentences and its table; the line of the method called `marked` stands out."""
    title = html.escape(section.title)
    items = list_html(section.items) if section.items else ""
    content = items + ("" if section.table is None else _table(section.table, section.title, marked))
    return f"<details><summary>{title}</summary>{content}</details>" if section.folded else f"<h2>{title}</h2>{content}"


def list_html(items: Sequence[str]) -> str:
    """Sentences as a list."""
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>"


def _table(table: TextTable, title: str, marked: str) -> str:
    header = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in table.header)
    body = "".join(
        ('<tr class="reference">' if row[0] == marked else "<tr>")
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in table.body
    )
    # A table that scrolls is reached by the keyboard too.
    region = f'<div class="wide-table" tabindex="0" role="region" aria-label="{html.escape(title, quote=True)}">'
    return f"{region}<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>"
