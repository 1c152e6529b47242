"""Maps as HDF5 (.h5, .hdf5, .nc): NetCDF4, which xarray, h5py, MATLAB's h5read, napari and HyperSpy open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from deeper_jax.maps.description import (
    DESCRIPTION,
    check_version,
    describe,
    exact_as,
    is_description,
    numeric_arrays,
    plain_attrs,
)
from deeper_jax.maps.libraries import load_library

if TYPE_CHECKING:
    import xarray

# What NetCDF4 holds; xarray keeps booleans as int8 with a note.
_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")


def write(dataset: xarray.Dataset, path: Path) -> None:
    """Write a new file: a group of named arrays with dimension scales, compressed (gzip, shuffle).

    The attribute 'map_description' marks the file as ours and keeps the dtypes that NetCDF has no word for.
    """
    arrays = {name: exact_as(name, values, _DTYPES) for name, values in numeric_arrays(dataset).items()}
    # Encodings come with data that were read from another file; they would change what is stored.
    plain = dataset.drop_encoding()
    for name, values in arrays.items():
        plain = _with_values(plain, name, values)
    description = describe(dataset)
    marks = {key: description[key] for key in ("format", "version")}
    marks["dtypes"] = {name: record["dtype"] for name, record in description["variables"].items()}
    plain.attrs = plain_attrs(dataset.attrs) | {DESCRIPTION: json.dumps(marks)}
    packed = {"zlib": True, "shuffle": True, "complevel": 4}
    encoding = {name: {"_FillValue": None} | (packed if values.ndim else {}) for name, values in arrays.items()}
    load_library("h5netcdf")
    plain.to_netcdf(path, engine="h5netcdf", format="NETCDF4", encoding=encoding)


def read(path: Path) -> xarray.Dataset | None:
    """What `write` wrote; None if the file is none of ours."""
    marks = _marks(path)
    if marks is None:
        return None
    check_version(marks)
    load_library("h5netcdf")
    open_dataset = load_library("xarray").open_dataset
    # Nothing is to be interpreted: seconds stay numbers, whatever is named a fill value stays a value.
    with open_dataset(path, engine="h5netcdf", decode_times=False, mask_and_scale=False) as file:
        dataset = file.load().drop_encoding()
    for variable in dataset.variables.values():
        variable.attrs = plain_attrs(variable.attrs)
    for name in set(marks["dtypes"]) & set(dataset.variables):
        dataset = _with_values(dataset, name, dataset[name].values.astype(marks["dtypes"][name], copy=False))
    dataset.attrs = {key: value for key, value in plain_attrs(dataset.attrs).items() if key != DESCRIPTION}
    return dataset


def _with_values(dataset: xarray.Dataset, name: str, values: np.ndarray) -> xarray.Dataset:
    """The dataset with other values, of another dtype, under a name."""
    old = dataset.variables[name]
    if old.dtype == values.dtype:
        return dataset
    replaced = {name: (old.dims, values, old.attrs)}
    return dataset.assign_coords(replaced) if name in dataset.coords else dataset.assign(replaced)


def _marks(path: Path) -> dict | None:
    try:
        with h5py.File(path, "r") as file:
            marks = json.loads(file.attrs.get(DESCRIPTION, "null"))
    except (OSError, TypeError, ValueError):
        return None
    return marks if is_description(marks) else None
