"""Numbers as the text of a table: as short as reads back to the same bits."""

from collections.abc import Iterator

import numpy as np


def number_rows(table: np.ndarray) -> Iterator[list[str]]:
    """The rows of an array [N, L] of numbers or booleans, each as L texts; booleans as 0 and 1."""
    for row in table:
        yield _texts(row)


def quoted(text: str) -> str:
    """A text as a table holds it, in quotation marks where it needs them."""
    if not set(text) & set(',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _texts(row: np.ndarray) -> list[str]:
    if row.dtype == bool:
        return ["1" if value else "0" for value in row]
    if row.dtype.kind in "iu":
        return [str(value) for value in row.tolist()]
    if row.dtype == np.float64:
        return [repr(value) for value in row.tolist()]
    # A reader parses to float64 and rounds to the narrower type: almost always the same number, so look.
    short = row.astype(str)
    exact = row.astype(np.float64)
    same = (short.astype(np.float64).astype(row.dtype) == row) | np.isnan(row)
    return [text if ok else repr(value) for text, ok, value in zip(short.tolist(), same, exact.tolist(), strict=True)]
