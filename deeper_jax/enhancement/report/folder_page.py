"""The page of many enhanced files: a line for each, with a link to its own page."""

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deeper_jax.evaluation.report.web_page import list_html, write_web_page


def write_folder_page(path: Path, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], beside: Path) -> None:
    """Write a table of files that opens without a network.

    Args:
        path: the page, replaced if it exists.
        columns: {key of a row: heading}; the row's "result" becomes a link to the page of the same name.
        rows: one a file; a key that is missing is an empty cell. What "message" says stands above the table.
        beside: where the page will lie in the end; links are relative to that folder.
    """
    failed = sum(row["state"] == "failed" for row in rows)
    words = f"<p>{len(rows)} files: {len(rows) - failed} enhanced, {failed} failed.</p>"
    messages = [str(row["message"]) for row in rows if row.get("message")]
    columns = {key: title for key, title in columns.items() if key != "message"}
    header = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in columns.values())
    body = "".join(
        ('<tr class="reference">' if row["state"] == "failed" else "<tr>")
        + "".join(f"<td>{_cell(row.get(key, ''), key, beside)}</td>" for key in columns)
        + "</tr>"
        for row in rows
    )
    region = '<div class="wide-table" tabindex="0" role="region" aria-label="Enhanced files">'
    table = f"{region}<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>"
    write_web_page(path, "Enhanced files", [words, *([list_html(messages)] if messages else []), table])


def _cell(value: Any, key: str, beside: Path) -> str:
    text = html.escape(f"{value:.4g}" if isinstance(value, float) else str(value))
    page = Path(str(value)).with_suffix(".html") if key == "result" and value else None
    if page is None or not page.exists():
        return text
    return f'<a href="{quote(os.path.relpath(page, beside))}">{text}</a>'
