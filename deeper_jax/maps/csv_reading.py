"""Read the tables (.csv) that `csv_file.write` wrote."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.csv_file import END, SPECTRAL, companion
from deeper_jax.maps.description import FORMAT, check_version, is_description, rebuild
from deeper_jax.maps.libraries import load_library

if TYPE_CHECKING:
    import xarray


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
    frame = load_library("pandas").read_csv(
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
