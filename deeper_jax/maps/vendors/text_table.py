"""Find the table of a text file, whatever its separator, decimal mark, heading and footing."""

import csv
import gzip
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deeper_jax.errors import InputError

# (separator, decimal mark), the surest first: a comma may be either.
_STYLES = (("\t", "."), ("\t", ","), (";", "."), (";", ","), (",", "."), (None, "."), (None, ","))
# So many rows of numbers are a table, and fewer a heading that happens to hold numbers.
_A_TABLE = 5
_SAMPLE = 300
# Also Excel's errors ('#NV', '#DIV/0!') and what C prints ('1.#QNAN').
_MISSING = re.compile(
    r"|-?nan|n\.?/?[ad]\.?|k\.a\.|null|none|missing|[-+]?inf(inity)?|-+|\*+|#[a-z]+(/?[a-z0-9]+)?[!?]?|-?1[.,]#[a-z]+\d*"
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?")
_UNIT = re.compile(r"[\[(]?(nm|1/cm|cm ?\^?-?1|cm⁻¹|µm|um|mm|ev|counts|cts|a\.?u\.?)[\])]?")
_PLAIN_ROW = re.compile(r"[-+0-9.eE\s,;]+")
# Numbers as text pack to a third or a tenth.
_SURELY_FINE, _MOST_PACKED = 1 << 26, 100


@dataclass(frozen=True)
class TextTable:
    """heading: the lines before the numbers.

    heads: the last of the heading's lines with as many fields as the table has columns, the nearest first, fields
    without quotation marks. names: the nearest of them, with the units that a line below them gives; None without one.
    numbers: [rows, columns], float64, NaN where a field is empty or text; a row above the others that is shorter by a
    few leading fields, as the axis above a map may be, is filled with NaN at its left. texts: {column: [rows] of str}
    of the columns that hold text. left_out: rows of numbers elsewhere in the file.
    """

    heading: tuple[str, ...]
    heads: tuple[tuple[str, ...], ...]
    names: tuple[str, ...] | None
    numbers: np.ndarray
    texts: dict[int, np.ndarray]
    left_out: int = 0


@dataclass(frozen=True)
class _Row:
    """A line's number, its fields and their kinds: n a number, e empty, t text; closed by a separator or not."""

    line: int
    fields: tuple[str, ...]
    kinds: str
    closed: bool = False

    def filled(self, width: int) -> "_Row":
        """The row with the empty field that its closing separator stands for, where it is one short."""
        if not self.closed or len(self.fields) != width - 1:
            return self
        return _Row(self.line, (*self.fields, ""), self.kinds + "e")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8, UTF-16 or Latin-1, gzipped or not, without the empty ones at its end."""
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        longest = max(_SURELY_FINE, _MOST_PACKED * len(content))
        with gzip.open(path) as file:
            content = file.read(longest + 1)
        if len(content) > longest:
            raise InputError(
                f"{path}: found a gzipped text of more than {longest >> 20} MiB, expected at most {_MOST_PACKED} times "
                "the packed file, as spectra are; unpack it and give the file inside."
            )
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
    """The longest table of numbers in `lines`.

    Raises InputError if there is none, if there are several, if its rows differ in length, or if a field is no number.
    """
    separator, decimal = _style(lines, path)
    rows = [_row(number, line, separator, decimal) for number, line in enumerate(lines) if line.strip()]
    blocks = _blocks(rows)
    if not blocks:
        raise _no_table(path)
    block = max(blocks, key=_cells)
    others = [other for other in blocks if other is not block and _full_rows(other) >= _A_TABLE]
    rivals = [other for other in others if 5 * _full_rows(other) >= _full_rows(block)]
    if rivals:
        raise InputError(
            f"{path}: found {1 + len(rivals)} tables of numbers one after the other, expected one; export one table a "
            "file."
        )
    block = _trimmed(block, path)
    width = len(block[-1].fields)
    is_text = _text_columns(block, width)
    heads, names = _heads(lines[: block[0].line], separator, width)
    if not heads and (np.array([row.fields[0] for row in block]) == np.arange(1, len(block) + 1).astype(str)).all():
        # R writes no name above the numbers of the rows.
        heads, names = _heads([f"{separator or ' '}{line}" for line in lines[: block[0].line]], separator, width)
    return TextTable(
        heading=tuple(lines[: block[0].line]),
        heads=heads,
        names=names,
        numbers=_numbers(block, width, decimal),
        texts={c: np.array([row.fields[c] for row in block]) for c in np.flatnonzero(is_text).tolist()},
        left_out=sum(_full_rows(other) for other in others),
    )


def split_fields(line: str, separator: str | None) -> tuple[str, ...]:
    """The fields of a line; an empty one at the very end, left by a closing separator, is dropped."""
    if separator is None:
        fields = line.split()
    elif '"' in line:
        fields = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    else:
        fields = line.split(separator)
    fields = [field.strip().strip('"') for field in fields]
    return tuple(fields[:-1] if len(fields) > 1 and fields[-1] == "" else fields)


def number_of(text: str, decimal: str = ".") -> float | None:
    """The number that a field is; None for anything else. Underscores, which Python allows, make it text."""
    text = text.replace(",", ".") if decimal == "," and "." not in text else text
    return float(text.lower().replace("d", "e")) if _NUMBER.fullmatch(text) else None


def _no_table(path: Path) -> InputError:
    return InputError(
        f"{path}: found no table of numbers, expected columns of wavenumbers and intensities; "
        "export the spectra as text."
    )


def _row(number: int, line: str, separator: str | None, decimal: str) -> _Row:
    fields = split_fields(line, separator)
    closed = separator is not None and line.rstrip(" ").endswith(separator)
    if decimal == "." and "e" not in line[:1].lower() and _PLAIN_ROW.fullmatch(line):
        try:
            for field in fields:
                float(field)
            return _Row(number, fields, "n" * len(fields), closed)
        except ValueError:
            pass
    return _Row(number, fields, "".join(_kind(field, decimal) for field in fields), closed)


def _kind(field: str, decimal: str) -> str:
    if _MISSING.fullmatch(field.lower()):
        return "e"
    return "n" if number_of(field, decimal) is not None and not (decimal == "," and "." in field) else "t"


def _style(lines: list[str], path: Path) -> tuple[str | None, str]:
    """The separator and decimal mark under which the most fields of a sample are numbers in rows of one length."""
    filled = [line for line in lines if line.strip()]
    middle = len(filled) // 2
    sample = filled if len(filled) <= _SAMPLE else filled[middle - _SAMPLE // 2 : middle + _SAMPLE // 2]
    # The rows of a wide table are long: a few tell as much.
    sample = sample[: max(20, 200_000 // max(len(sample[0]) if sample else 1, 1))]
    best, scores = None, []
    for style in _STYLES:
        rows = [_row(number, line, *style) for number, line in enumerate(sample)]
        good = [row for row in rows if _is_candidate(row)]
        lengths = [len(row.fields) for row in good]
        usual = max(set(lengths), key=lambda n: (lengths.count(n), n)) if lengths else 0
        # More rows first; then more numbers, as "1,5;2,5" has two fields that are numbers and "1.5" is one.
        scores.append((lengths.count(usual), sum(row.kinds.count("n") == len(row.kinds) for row in good)))
    if not scores or max(scores)[0] < 1:
        raise _no_table(path)
    best = max(range(len(scores)), key=lambda place: (scores[place][0], scores[place][1], -place))
    return _STYLES[best]


def _is_candidate(row: _Row) -> bool:
    """Whether the line may belong to a table: two fields or more, numbers among them, and little text."""
    texts = row.kinds.count("t")
    return len(row.fields) > 1 and "n" in row.kinds and texts <= max(1, len(row.fields) // 3)


def _blocks(rows: Sequence[_Row]) -> list[list[_Row]]:
    blocks: list[list[_Row]] = [[]]
    for row in rows:
        if _is_candidate(row):
            blocks[-1].append(row)
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _cells(block: Sequence[_Row]) -> int:
    return sum(row.kinds.count("n") for row in block)


def _full_rows(block: Sequence[_Row]) -> int:
    return sum("t" not in row.kinds for row in block)


def _trimmed(block: list[_Row], path: Path) -> list[_Row]:
    """The rows of one length, without those of the heading and the footing that look like rows."""
    cells: dict[int, int] = {}
    for row in block:
        cells[len(row.fields)] = cells.get(len(row.fields), 0) + row.kinds.count("n")
    width = max(cells, key=lambda length: cells[length])
    # A last column that few rows fill: in the others its separator closes the line.
    sizes = {len(row.fields) for row in block if len(row.fields) != width or not row.closed}
    width += width + 1 in sizes and width not in sizes
    block = [row.filled(width) for row in block]
    first = next(number for number, row in enumerate(block) if len(row.fields) == width)
    above = block[first - 1] if first else None
    rows = block[first:]
    while rows and len(rows[-1].fields) != width and "t" in rows[-1].kinds:
        rows = rows[:-1]
    for number, row in enumerate(rows):
        if len(row.fields) != width:
            raise InputError(
                f"{path}: found {len(row.fields)} fields in row {first + number + 1} of the table, expected {width} as "
                "in the others; the file is cut short or damaged, export it again."
            )
    if above is not None and first == 1 and _full_rows([above]) and max(2, width - 5) < len(above.fields) < width:
        missing = width - len(above.fields)
        rows = [_Row(above.line, ("",) * missing + above.fields, "e" * missing + above.kinds), *rows]
    elif sum("t" not in row.kinds for row in block[:first]) >= _A_TABLE or (
        above is not None and "t" not in above.kinds and len(block) < 2 * _A_TABLE
    ):
        lengths = sorted({len(row.fields) for row in block})
        raise InputError(
            f"{path}: found {len(block[0].fields)} fields in row 1 of the table, expected {width} as in the others "
            f"(rows of {lengths} fields); the file is cut short or damaged, export it again."
        )
    is_text = _text_columns(rows, width)
    bad = [any(kind == "t" and not is_text[c] for c, kind in enumerate(row.kinds)) for row in rows]
    while len(rows) > 1 and bad[0]:
        rows, bad = rows[1:], bad[1:]
    while len(rows) > 1 and bad[-1]:
        rows, bad = rows[:-1], bad[:-1]
    if any(bad):
        number = bad.index(True)
        column = next(c for c, kind in enumerate(rows[number].kinds) if kind == "t" and not is_text[c])
        raise InputError(
            f"{path}: found '{rows[number].fields[column][:30]}' in line {rows[number].line + 1}, field {column + 1}, "
            "expected a number as in the other lines; correct the line, or remove it."
        )
    return rows


def _text_columns(rows: Sequence[_Row], width: int) -> np.ndarray:
    """[width] bool: the columns that are text in most rows that fill them."""
    columns = list(zip(*(row.kinds for row in rows), strict=False))
    texts = np.array([sum(kind == "t" for kind in column) for column in columns])
    filled = np.array([sum(kind != "e" for kind in column) for column in columns])
    return (texts > 0) & (2 * texts > filled) if len(rows) > 1 else np.zeros(width, bool)


def _heads(
    heading: list[str], separator: str | None, width: int
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...] | None]:
    heads = []
    for line in [line for line in heading if line.strip()][-4:][::-1]:
        plain = re.sub(r"^\s*(#|%|//|!)\s*(?=[^\s\d])", "", line) if not line.startswith("#X\t") else line
        options = [split_fields(plain, separator)]
        if separator == "\t":
            # WiRE puts two tabs between its names and one between its numbers.
            options.append(split_fields(re.sub(r"\t+", "\t", plain), separator))
        elif separator is None:
            options += [
                tuple(re.split(r"\s{2,}|\t+", plain.strip())),
                split_fields(plain, ","),
                split_fields(plain, ";"),
            ]
        fitting = [fields for fields in options if len(fields) == width]
        # A closing separator after empty names is no reason to lose them.
        padded = [f + ("",) * (width - len(f)) for f in options[:1] if width > len(f) > 1 and line.endswith((",", ";"))]
        if not fitting and not padded:
            break
        heads.append((fitting or padded)[0])
    if not heads:
        return (), None
    names = heads[0]
    if len(heads) > 1 and _UNIT.fullmatch(names[0].strip().lower()):
        names = tuple(f"{name} ({unit.strip('()[] ')})" for name, unit in zip(heads[1], names, strict=True))
    return tuple(heads), names


def _numbers(block: Sequence[_Row], width: int, decimal: str) -> np.ndarray:
    if all(row.kinds == "n" * width for row in block) and decimal == ".":
        import pandas

        # Fortran writes its exponents with D.
        text = "\n".join("\t".join(row.fields) for row in block).replace("D", "E").replace("d", "e")
        return pandas.read_csv(
            io.StringIO(text), sep="\t", header=None, dtype=np.float64, float_precision="round_trip"
        ).to_numpy()
    values = [
        [number_of(f, decimal) if k == "n" else None for f, k in zip(row.fields, row.kinds, strict=True)]
        for row in block
    ]
    return np.array(values, dtype=np.float64)
