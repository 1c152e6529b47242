"""Maps as HDF5 (.h5, .hdf5, .nc): NetCDF4, which xarray, h5py, MATLAB's h5read, napari and HyperSpy open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.arrays import map_from_arrays
from deeper_jax.maps.formats.description import (
    DESCRIPTION,
    check_version,
    describe,
    exact_as,
    is_description,
    numeric_arrays,
    plain_attrs,
)
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import h5py
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
    plain.to_netcdf(path, engine="h5netcdf", format="NETCDF4", encoding=encoding)


def read(path: Path) -> xarray.Dataset | None:
    """What `write` wrote; None if the file is none of ours."""
    marks = _marks(path)
    if marks is None:
        return None
    check_version(marks)
    import xarray

    # Nothing is to be interpreted: seconds stay numbers, whatever is named a fill value stays a value.
    with xarray.open_dataset(path, engine="h5netcdf", decode_times=False, mask_and_scale=False) as file:
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
        with open_hdf5(path) as file:
            marks = json.loads(file.attrs.get(DESCRIPTION, "null"))
    except (OSError, TypeError, ValueError):
        return None
    return marks if is_description(marks) else None


def open_hdf5(path: Path) -> h5py.File:
    """The one place where HDF5 files are opened for reading."""
    import h5py

    return h5py.File(path, "r")


def is_hdf5(path: Path) -> bool:
    """Whether the file is HDF5."""
    import h5py

    return bool(h5py.is_hdf5(path))


def is_dataset(item: Any) -> bool:
    """Whether the item of a file is an array: not a group."""
    import h5py

    return isinstance(item, h5py.Dataset)


def hdf5_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Every array of numbers in any group, by the last part of its name, and the names of its dimensions' scales."""
    arrays: dict[str, np.ndarray] = {}
    dims: dict[str, tuple[str, ...]] = {}

    def take(name: str, item: Any) -> None:
        if is_dataset(item) and item.dtype.kind in "biuf" and item.shape is not None:
            # The last part of the name, or all of it where two groups use the same one.
            short = name.rsplit("/", 1)[-1]
            key = name if short in arrays else short
            arrays[key] = np.asarray(item[()])
            scales = [[scale.name.rsplit("/", 1)[-1] for scale in dim.values()] for dim in item.dims]
            dims[key] = tuple(found[0] if found else "" for found in scales)

    with open_hdf5(path) as file:
        file.visititems(take)
    return arrays, dims


def read_hdf5(request: Request) -> xarray.DataArray:
    """The map of an HDF5 or NetCDF-4 file: its datasets in any group, by the last part of their names."""
    arrays, dims = hdf5_arrays(request.path)
    if not arrays:
        raise InputError(
            f"{request.path}: found no array of numbers in the HDF5 file, expected spectra; export it again."
        )
    return map_from_arrays(arrays, request, dims)


def read_classic_netcdf(request: Request) -> xarray.DataArray:
    """The map of a NetCDF file of the classic format (version 3)."""
    import scipy.io

    with scipy.io.netcdf_file(str(request.path), "r", mmap=False) as file:
        arrays = {name: np.array(variable[...]) for name, variable in file.variables.items()}
        dims = {name: tuple(variable.dimensions) for name, variable in file.variables.items()}
    return map_from_arrays(arrays, request, dims)
