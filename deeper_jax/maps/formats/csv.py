"""Maps as tables (.csv) that a spreadsheet opens: a row a pixel, a column a wavenumber."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.formats.description import FORMAT, check_version, describe, is_description, rebuild

if TYPE_CHECKING:
    import xarray

SPECTRAL = "wavenumber"
# Tells a whole table from one that was cut short, even within a number.
END = "# end"
# The order in which a reader of the table looks for positions.
_FIRST_COLUMNS = ("x", "y", "z", "distance", "time")


def companion(path: Path, name: str) -> Path:
    """The file beside `path` (NAME.csv) that holds a further variable: NAME.uncertainty.csv, say."""
    return path.with_name(f"{path.stem}.{name}{path.suffix}")


def write(dataset: xarray.Dataset, path: Path) -> None:
    """Write the first variable to `path`, each further one to its `companion`.

    A file begins with lines of '#' and JSON (dimensions, dtypes, attributes), then a header: the names of the
    coordinates and, for spectra, the wavenumbers; then a row a pixel. Numbers are as short as reads back to
    the same bits; gaps are 'nan', booleans 0 and 1. A coordinate without a place in the table is in the JSON.
    The last line is '# end'.
    """
    names = [str(name) for name in dataset.data_vars]
    digest = hashlib.sha256()
    for name in names:
        digest.update(np.ascontiguousarray(dataset[name].values).tobytes())
    belonging = {"set": digest.hexdigest()[:16]}
    for name in names[1:]:
        _write_table(dataset[[name]], name, companion(path, name), belonging)
    # Last and with every coordinate: whoever finds this file finds the whole.
    _write_table(dataset.drop_vars(names[1:]), names[0], path, belonging | {"further_variables": names[1:]})


def _write_table(dataset: xarray.Dataset, name: str, path: Path, belonging: dict[str, Any]) -> None:
    variable = dataset[name].variable
    spectral = SPECTRAL in variable.dims
    pixel_dims = [dim for dim in variable.dims if dim != SPECTRAL]
    columns = _pixel_columns(dataset, pixel_dims)
    description = describe(dataset) | belonging | {"table": name, "columns": list(columns)}
    for other in dataset.coords:
        record = description["variables"][str(other)]
        in_header = spectral and other == SPECTRAL and record["dims"] == [SPECTRAL]
        if not in_header and (other not in columns or "values" in record or not record["dims"]):
            record["values"] = dataset[other].values.ravel().tolist()
    table = dataset[name].transpose(*pixel_dims, *([SPECTRAL] if spectral else [])).values
    table = table.reshape(-1, table.shape[-1] if spectral else 1)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("".join(f"# {line}\n" for line in [FORMAT, *_json_lines(description)]))
        file.write(",".join([*columns, *(_spectral_header(dataset, table.shape[1]) if spectral else [name])]) + "\n")
        positions = zip(*columns.values(), strict=True) if columns else iter([()] * len(table))
        for position, values in zip(positions, number_rows(table), strict=True):
            file.write(",".join([*position, *values]) + "\n")
        file.write(END + "\n")


def _json_lines(description: dict[str, Any]) -> list[str]:
    """The description as JSON, a line an entry and a line a variable."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}," for key, value in description.items() if key != "variables"]
    variables = [f"{json.dumps(name)}: {json.dumps(record)}" for name, record in description["variables"].items()]
    ends = [","] * (len(variables) - 1) + [""]
    return ["{", *lines, '"variables": {', *(v + end for v, end in zip(variables, ends, strict=True)), "}}"]


def _pixel_columns(dataset: xarray.Dataset, dims: list) -> dict[str, list[str]]:
    """The coordinates that tell a pixel's place, one text a pixel; where a dimension has none, its index."""
    sizes = {dim: dataset.sizes[dim] for dim in dims}
    columns = {}
    for name in {**{dim: None for dim in dims}, **{name: None for name in dataset.coords}}:
        coordinate = dataset[name]
        if coordinate.dims and set(coordinate.dims) <= set(dims):
            missing = {dim: size for dim, size in sizes.items() if dim not in coordinate.dims}
            values = coordinate.variable.set_dims(missing | dict(coordinate.sizes)).transpose(*dims).values.reshape(-1)
            text = values.dtype.kind == "U"
            columns[str(name)] = (
                [quoted(v) for v in values] if text else [row[0] for row in number_rows(values[:, None])]
            )
    rank = {name: i for i, name in enumerate(_FIRST_COLUMNS)}
    return {name: columns[name] for name in sorted(columns, key=lambda name: rank.get(name, len(rank)))}


def _spectral_header(dataset: xarray.Dataset, length: int) -> list[str]:
    # Without a coordinate: the channels' indices.
    axis = dataset[SPECTRAL].values if SPECTRAL in dataset.coords else np.arange(length)
    return next(number_rows(axis[None]))


def read(path: Path) -> xarray.Dataset | None:
    """What `csv_file.write` wrote; None if the file is none of ours.

    Raises InputError if the table is cut short, or a companion missing or of another writing.
    """
    main = _read_table(path)
    if main is None:
        return None
    dataset, description = main
    for name in description.get("further_variables", ()):
        beside = companion(path, name)
        further = _read_table(beside) if beside.is_file() else None
        if further is None or further[1]["set"] != description["set"]:
            found = "a file of another writing" if beside.exists() else "no such file"
            raise InputError(
                f"{beside.name}: found {found}, expected the '{name}' that was written with {path.name}; "
                "copy all files of the map together."
            )
        dataset[name] = further[0][name]
    return dataset


def _read_table(path: Path) -> tuple[xarray.Dataset, dict[str, Any]] | None:
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        if file.readline(200).rstrip() != f"# {FORMAT}":
            return None
        header, description = _read_header(file)
        if not is_description(description):
            return None
        check_version(description)
        _check_end(path)
        return rebuild(description, _read_arrays(file, header, description)), description


def _read_header(file: TextIO) -> tuple[list[str], dict[str, Any]]:
    lines = []
    while (line := file.readline()).startswith("#"):
        lines.append(line.lstrip("# "))
    return line.strip().split(","), json.loads("".join(lines))


def _check_end(path: Path) -> None:
    with open(path, "rb") as file:
        file.seek(-min(path.stat().st_size, 20), os.SEEK_END)
        if not file.read().rstrip().endswith(b"\n" + END.encode()):
            raise InputError(f"found no last line '{END}', expected a whole table; it was cut short, copy it again.")


def _read_arrays(file: TextIO, header: list[str], description: Mapping[str, Any]) -> dict[str, np.ndarray]:
    records, name, columns = description["variables"], description["table"], description["columns"]
    record, count = records[name], len(columns)
    stored = [name for name in columns if name in records and "values" not in records[name]]
    dtypes = {columns.index(name): _number_dtype(records[name]) for name in stored}
    dtypes |= dict.fromkeys(range(count, len(header)), _number_dtype(record))
    import pandas

    frame = pandas.read_csv(
        file,
        header=None,
        usecols=sorted(dtypes),
        dtype=dtypes,
        nrows=math.prod(size for dim, size in zip(record["dims"], record["shape"], strict=True) if dim != SPECTRAL),
        # The parser that reads every float back to its bits.
        float_precision="round_trip",
        low_memory=False,
    )
    sizes = {dim: size for dim, size in zip(record["dims"], record["shape"], strict=True)}
    pixel_dims = [dim for dim in sizes if dim != SPECTRAL]
    arrays = {key: _own_axes(frame[columns.index(key)].to_numpy(), records[key], sizes, pixel_dims) for key in stored}
    order = [*pixel_dims, *([SPECTRAL] if SPECTRAL in sizes else [])]
    values = frame[list(range(count, len(header)))].to_numpy().reshape([sizes[dim] for dim in order])
    arrays[name] = values.transpose([order.index(dim) for dim in sizes])
    if SPECTRAL in records and SPECTRAL not in arrays:
        arrays[SPECTRAL] = np.array(header[count:], _number_dtype(records[SPECTRAL]))
    return arrays


def _own_axes(column: np.ndarray, record: Mapping[str, Any], sizes: Mapping[str, int], dims: list[str]) -> np.ndarray:
    """A coordinate's own array out of the column that repeats it for every pixel."""
    full = column.reshape([sizes[dim] for dim in dims])
    first = full[tuple(slice(None) if dim in record["dims"] else 0 for dim in dims)]
    left = [dim for dim in dims if dim in record["dims"]]
    return first.transpose([left.index(dim) for dim in record["dims"]])


def _number_dtype(record: Mapping[str, Any]) -> np.dtype:
    dtype = np.dtype(record["dtype"]).newbyteorder("=")
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype


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
