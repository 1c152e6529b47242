"""Write maps as tables (.csv) that a spreadsheet opens: a row a pixel, a column a wavenumber."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.maps.csv_numbers import number_rows, quoted
from deeper_jax.maps.description import FORMAT, describe

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
