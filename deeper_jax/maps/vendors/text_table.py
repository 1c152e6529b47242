"""Read the numbers and the heading of a text file, whatever its separator and decimal mark."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deeper_jax.errors import InputError

# (separator, decimal mark), the surest first: a comma may be either.
_STYLES = (("\t", "."), ("\t", ","), (";", "."), (";", ","), (",", "."), (None, "."), (None, ","))
# So many rows of numbers are a table, and fewer a heading that happens to hold numbers.
_A_TABLE = 5
_EMPTY = ("", "nan", "NaN", "NAN")


@dataclass(frozen=True)
class TextTable:
    """heading: the lines before the numbers. names: the fields of the last of them, if as many as the columns.

    numbers: [rows, columns], float64, NaN where a field is empty; a row that is shorter than the others by a few
    leading fields, as the axis above a map may be, is filled with NaN at its left.
    """

    heading: tuple[str, ...]
    names: tuple[str, ...] | None
    numbers: np.ndarray
    separator: str | None
    decimal: str


def read_table(path: Path) -> TextTable:
    """The table of a text file in UTF-8, UTF-16 or Latin-1. Raises InputError if there is none, or a ragged one."""
    return parse_table(read_lines(path), path)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without the empty ones at its end."""
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            # The instruments' programs write the Windows code page; Latin-1 has its µ and its degree sign.
            text = content.decode("latin-1")
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def parse_table(lines: list[str], path: Path) -> TextTable:
    """The table in `lines`. Raises InputError if there is none, or its rows differ in length."""
    separator, decimal = _style(lines, path)
    numeric = [_is_numeric(split_fields(line, separator), decimal) for line in lines]
    first = _first_of_table(numeric)
    _check_only_table(numeric[:first], path)
    body = [line for line in lines[first:] if line.strip()]
    names: tuple[str, ...] | None = None
    heading = tuple(lines[:first])
    _check_rows(body, lines[first:], separator, decimal, path)
    width = max(len(split_fields(line, separator)) for line in body)
    if first and (fields := _named_fields(lines[:first], separator)) and len(fields) == width:
        names = fields
    return TextTable(heading, names, _numbers(body, separator, decimal, width, path), separator, decimal)


def split_fields(line: str, separator: str | None) -> list[str]:
    """The fields of a line; an empty one at the very end, left by a closing separator, is dropped."""
    fields = [field.strip() for field in (line.split() if separator is None else line.rstrip("\r\n").split(separator))]
    return fields[:-1] if len(fields) > 1 and fields[-1] == "" else fields


def _style(lines: list[str], path: Path) -> tuple[str | None, str]:
    """The separator and decimal mark under which the most lines at the end of the file are rows of numbers."""
    sample = [line for line in lines if line.strip()][-40:]
    runs = []
    for separator, decimal in _STYLES:
        rows = [split_fields(line, separator) for line in sample]
        good = [len(row) > 1 and _is_numeric(row, decimal) for row in rows]
        # A file that is cut short may end in the middle of a row.
        runs.append(max(len(good) - _first_of_table(good), len(good[:-1]) - _first_of_table(good[:-1])))
    if not runs or max(runs) < 1:
        raise InputError(
            f"{path}: found no table of numbers, expected columns of wavenumbers and intensities; "
            "export the spectra as text."
        )
    return _STYLES[runs.index(max(runs))]


def _is_numeric(fields: list[str], decimal: str) -> bool:
    found = False
    for field in fields:
        if field in _EMPTY:
            continue
        # "1_000" is a number to Python and none to an instrument.
        if "_" in field or (decimal == "," and "." in field):
            return False
        try:
            float(field.replace(",", ".") if decimal == "," else field)
        except ValueError:
            return False
        found = True
    return found


def _first_of_table(numeric: list[bool]) -> int:
    """Where the last run of numeric lines begins."""
    first = len(numeric)
    while first and numeric[first - 1]:
        first -= 1
    return first


def _check_only_table(numeric: list[bool], path: Path) -> None:
    """Refuses a file in which rows of numbers stand before the last table: they would be left out unseen."""
    runs = "".join("x" if row else " " for row in numeric).split()
    if any(len(run) >= _A_TABLE for run in runs):
        raise InputError(
            f"{path}: found {1 + sum(len(run) >= _A_TABLE for run in runs)} tables of numbers one after the other, "
            "expected one; export one table a file."
        )


def _named_fields(heading: list[str], separator: str | None) -> tuple[str, ...]:
    line = heading[-1]
    if separator == "\t":
        # WiRE puts two tabs between its names and one between its numbers.
        line = re.sub(r"\t+", "\t", line) if "\t\t" in line and not line.startswith("\t") else line
    return tuple(split_fields(line, separator))


def _check_rows(body: list[str], rows: list[str], separator: str | None, decimal: str, path: Path) -> None:
    if len(body) < len(rows):
        rows = body
    lengths = [len(split_fields(line, separator)) for line in body]
    usual = int(np.median(lengths[1:] or lengths))
    for number, length in enumerate(lengths):
        if length != usual and not (number == 0 and usual - 4 <= length < usual):
            raise InputError(
                f"{path}: found {length} fields in row {number + 1} of the table, expected {usual} as in the others; "
                "the file is cut short or damaged, export it again."
            )


def _numbers(body: list[str], separator: str | None, decimal: str, width: int, path: Path) -> np.ndarray:
    import pandas

    missing = width - len(split_fields(body[0], separator))
    if missing and separator is None:
        body = [" ".join(["nan"] * missing) + " " + body[0], *body[1:]]
    elif missing:
        body = [(separator or "") * missing + body[0], *body[1:]]
    clean = "\n".join(line.strip() if separator is None else line for line in body)
    frame = pandas.read_csv(
        io.StringIO(clean),
        sep=r"\s+" if separator is None else separator,
        decimal=decimal,
        header=None,
        usecols=range(width),
        skipinitialspace=separator is not None,
        dtype=np.float64,
        float_precision="round_trip",
    )
    return frame.to_numpy()
