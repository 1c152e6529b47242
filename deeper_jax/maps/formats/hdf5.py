"""Maps as HDF5 (.h5, .hdf5, .nc): NetCDF4, which xarray, h5py, MATLAB's h5read, napari and HyperSpy open."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.arrays import Contents, map_from_arrays
from deeper_jax.maps.formats.description import (
    DESCRIPTION,
    check_version,
    describe,
    exact_as,
    is_description,
    numeric_arrays,
    plain_attrs,
)
from deeper_jax.maps.formats.hdf5_file import address, is_dataset, is_plain, linked, open_hdf5
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

# What NetCDF4 holds; xarray keeps booleans as int8 with a note.
_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
PACKED: dict[str, Any] = {"zlib": True, "shuffle": True, "complevel": 4}
# Numbers of a chunk: whole spectra, so that a part of a map is read without the rest.
_CHUNK = 1 << 16
# Bytes of a variable that is read at once, whether all is asked for or not.
_SMALL = 1 << 20


def chunk_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of an array's chunks: consecutive numbers, whole along the last axis."""
    chunk, left = list(shape[-1:]), _CHUNK // max(shape[-1], 1)
    for size in shape[-2::-1]:
        chunk.insert(0, max(1, min(size, left)))
        left //= max(size, 1)
    return tuple(chunk)


def write(dataset: xarray.Dataset, path: Path, *, beside: Sequence[str] = ()) -> None:
    """Write a new file: a group of named arrays with dimension scales, compressed (gzip, shuffle).

    The attribute 'map_description' marks the file as ours and keeps the dtypes that NetCDF has no word for.

    beside: names of data variables that the file has already, from `Hdf5Pieces`; their values do not matter.
    """
    # Encodings come with data that were read from another file; they would change what is stored.
    plain = dataset.drop_vars(beside).drop_encoding()
    arrays = {name: exact_as(name, values, _DTYPES) for name, values in numeric_arrays(plain).items()}
    for name, values in arrays.items():
        plain = _with_values(plain, name, values)
    description = describe(dataset)
    marks = {key: description[key] for key in ("format", "version")}
    marks["dtypes"] = {name: record["dtype"] for name, record in description["variables"].items()}
    plain.attrs = plain_attrs(dataset.attrs) | {DESCRIPTION: json.dumps(marks)}
    encoding = {
        name: {"_FillValue": None} | (PACKED | {"chunksizes": chunk_of(values.shape)} if values.ndim else {})
        for name, values in arrays.items()
    }
    plain.to_netcdf(path, "a" if beside else "w", engine="h5netcdf", format="NETCDF4", encoding=encoding)


def read(path: Path, *, lazy: bool = False) -> xarray.Dataset | None:
    """What `write` wrote; None if the file is none of ours.

    lazy: leave the values of large variables in the file, which stays open, until they are asked for.
    """
    marks = _marks(path)
    if marks is None:
        return None
    check_version(marks)
    import xarray

    # Nothing is to be interpreted: seconds stay numbers, whatever is named a fill value stays a value.
    settings: dict[str, Any] = {"decode_times": False, "mask_and_scale": False}
    file = xarray.open_dataset(path, engine="h5netcdf", cache=False, **settings)
    large = {name: each for name, each in file.variables.items() if each.nbytes > _SMALL}
    if large:
        from deeper_jax.maps.formats.hdf5_lazy import readable_by_all_cores

        file = file.assign(readable_by_all_cores(path, large))
    changed = [name for name, dtype in marks["dtypes"].items() if name in file.variables and file[name].dtype != dtype]
    if lazy:
        at_once = [name for name, each in file.variables.items() if each.nbytes <= _SMALL or name in changed]
        dataset = file.assign({name: file[name].load() for name in at_once})
    else:
        with file:
            dataset = file.load().drop_encoding()
    for variable in dataset.variables.values():
        variable.attrs = plain_attrs(variable.attrs)
    for name in changed:
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
    except InputError:
        raise
    except (OSError, TypeError, ValueError):
        return None
    return marks if is_description(marks) else None


def hdf5_contents(path: Path) -> Contents:
    """The arrays in all groups, their dimensions (scales, NeXus' `axes`, HyperSpy's axes) and their attributes."""
    contents = Contents()
    # Paths by which arrays are known, whatever links lead to them as well.
    known: dict[int, str] = {}
    groups: dict[str, Any] = {}

    def take(name: str, item: Any) -> None:
        known[address(item)] = name
        for key in item.attrs:
            # References and the like say nothing here, and take for ever to read where they are damaged.
            if is_plain(item.attrs.get_id(key).dtype):
                contents.add(f"{name}@{key}", item.attrs[key])
        if not is_dataset(item):
            groups[name] = item
        elif item.dtype.kind in "biufc" and item.shape is not None:
            contents.add(name, item[()])
            scales = [[scale.name.rsplit("/", 1)[-1] for scale in dim.values()] for dim in item.dims]
            labels = [dim.label for dim in item.dims]
            dims = [found[0] if found else label for found, label in zip(scales, labels, strict=True)]
            contents.dims.setdefault(name, tuple(dims))
            if (unit := _text(item.attrs.get("units"))) or (unit := _text(item.attrs.get("unit"))):
                contents.units[name] = unit

    with open_hdf5(path) as file:
        take("", file)
        file.visititems(take)
        for name, group in groups.items():
            _take_group(contents, name, group, known)
    return contents


def _take_group(contents: Contents, name: str, group: Any, known: Mapping[int, str]) -> None:
    """What a group says of the axes of its signal: attributes of NeXus, or HyperSpy's groups 'axis-0' and so on."""
    prefix = f"{name}/" if name else ""
    signal, axes = _text(group.attrs.get("signal")), group.attrs.get("axes")
    target = linked(group, signal) if signal else None
    if target is not None and axes is not None:
        dims = [_text(axis) for axis in np.atleast_1d(axes)] if not isinstance(axes, str) else axes.split(":")
        contents.dims[known.get(address(target), "")] = tuple(dims)
    described = [group[key] for key in sorted(group, key=lambda k: (len(k), k)) if key.startswith("axis-")]
    if not described or not is_dataset(data := linked(group, "data")) or len(described) != data.ndim:
        return
    dims = []
    for number, axis in enumerate(described):
        about = axis.attrs
        label = _text(about.get("name")) or f"axis-{number}"
        size = data.shape[number]
        if "axis" in axis and is_dataset(axis["axis"]):
            values: np.ndarray = np.asarray(axis["axis"][()], np.float64)
        else:
            values = float(about.get("offset", 0.0)) + float(about.get("scale", 1.0)) * np.arange(size)
        path = f"{prefix}{label}"
        dims.append(label)
        if size > 1:
            contents.arrays[path] = values
        contents.units[path] = _text(about.get("units"))
        if not about.get("navigate", number < len(described) - 1):
            contents.spectral.add(path)
    contents.dims[f"{prefix}data"] = tuple(dims)


def _text(value: Any) -> str:
    if value is None:
        return ""
    value = np.ravel(value)[0] if np.size(value) else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_hdf5(request: Request) -> xarray.DataArray:
    """The map of an HDF5, NetCDF-4, NeXus or HyperSpy file: its datasets in any group."""
    contents = hdf5_contents(request.path)
    if not contents.arrays and not contents.left_out:
        raise InputError(f"{request.path}: found no array of numbers, expected spectra; export them again.")
    return map_from_arrays(contents, request)


def read_classic_netcdf(request: Request) -> xarray.DataArray:
    """The map of a NetCDF file of the classic format (version 3)."""
    import scipy.io

    contents = Contents()
    with scipy.io.netcdf_file(str(request.path), "r", mmap=False) as file:
        for key, value in file._attributes.items():
            contents.add(f"@{key}", value)
        for name, variable in file.variables.items():
            contents.add(name, np.array(variable[...]))
            contents.dims[name] = tuple(variable.dimensions)
            contents.units[name] = _text(getattr(variable, "units", ""))
            for key, value in variable._attributes.items():
                contents.add(f"{name}@{key}", value)
    return map_from_arrays(contents, request)
