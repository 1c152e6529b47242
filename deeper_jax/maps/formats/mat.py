"""Maps as MATLAB files (.mat, version 5): a variable an array, structs of attributes and dimensions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.io

from deeper_jax.errors import InputError
from deeper_jax.maps.arrays import map_from_arrays, read_arrays
from deeper_jax.maps.formats.description import (
    DESCRIPTION,
    check_version,
    describe,
    exact_as,
    is_description,
    numeric_arrays,
    rebuild,
)
from deeper_jax.maps.formats.hdf5 import is_dataset, is_hdf5, open_hdf5
from deeper_jax.maps.request import Request
from deeper_jax.maps.vendors.witec import read_witec_structure

if TYPE_CHECKING:
    import xarray

# The format counts bytes in 32 bits, and MATLAB stops at 2 GB a variable.
_LIMIT = 2**31
_DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")


def write(dataset: xarray.Dataset, path: Path) -> None:
    """Write a new file, compressed.

    Variables and coordinates keep their names, dimensions their order (intensity is y x wavenumber; `dims` says
    so), one-dimensional ones are columns. `attrs.intensity.units` and so on hold the attributes, those of
    the whole map under `attrs.dataset`, where MATLAB allows their names; `map_description` holds all, as JSON.
    Raises InputError if a variable takes 2 GB or more.
    """
    arrays = {name: exact_as(name, values, _DTYPES) for name, values in numeric_arrays(dataset).items()}
    for name, values in arrays.items():
        if values.nbytes >= _LIMIT:
            raise InputError(
                f"{path.name}: found {values.nbytes / 2**30:.1f} GB of '{name}', but a .mat file of version 5 holds "
                "less than 2 GB a variable; write a .h5 file, which MATLAB reads with h5read."
            )
    description = describe(dataset)
    records = description["variables"]
    attrs = {"dataset": _struct(description["attrs"])} | {n: _struct(r["attrs"]) for n, r in records.items()}
    content: dict[str, Any] = {
        **arrays,
        "attrs": {name: struct for name, struct in attrs.items() if struct},
        "dims": {name: " ".join(record["dims"]) for name, record in records.items()},
        DESCRIPTION: json.dumps(description),
    }
    with open(path, "wb") as file:
        scipy.io.savemat(file, content, do_compression=True, long_field_names=True, oned_as="column")


def read(path: Path) -> xarray.Dataset | None:
    """What `write` wrote; None if the file is none of ours."""
    try:
        names = [name for name, _, _ in scipy.io.whosmat(path)]
    # Version 7.3, another kind of file or damaged bytes: a dozen kinds of error.
    except Exception:
        return None
    if DESCRIPTION not in names:
        return None
    text = scipy.io.loadmat(path, variable_names=[DESCRIPTION])[DESCRIPTION]
    description = json.loads(str(text.item()))
    if not is_description(description):
        return None
    check_version(description)
    numeric = [name for name, record in description["variables"].items() if "values" not in record]
    return rebuild(description, scipy.io.loadmat(path, variable_names=numeric))


def _struct(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes under names that MATLAB allows; the later of two that become one is left out."""
    struct: dict[str, Any] = {}
    for key, value in attrs.items():
        name = re.sub(r"\W", "_", key, flags=re.ASCII)
        struct.setdefault((name if name[0].isalpha() else f"a_{name}")[:63], value)
    return struct


def mat_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of numbers or text of a .mat file (v4, v5, v7.3) by its name, its axes as MATLAB shows them.

    Version 7.3 is HDF5 and holds each array with its axes reversed; they are turned back here.
    """
    if is_hdf5(path):
        with open_hdf5(path) as file:
            return {key: np.asarray(item[()]).T for key, item in file.items() if _holds_numbers(item)}
    return {key: value for key, value in scipy.io.loadmat(path).items() if _is_plain(key, value)}


def read_mat(request: Request) -> xarray.DataArray:
    """The map of a .mat file, which may be WITec's export. Raises InputError as `read_map`."""
    if not is_hdf5(request.path) and (found := read_witec_structure(request)) is not None:
        return found
    return map_from_arrays(read_arrays(request.path), request)


def _holds_numbers(item: Any) -> bool:
    # Passed by: object references (MATLAB cell arrays) and empty arrays, which v7.3 stores as their shape.
    return is_dataset(item) and item.dtype.kind in "biuf" and "MATLAB_empty" not in item.attrs


def _is_plain(key: str, value: object) -> bool:
    return not key.startswith("__") and isinstance(value, np.ndarray) and value.dtype.kind in "biufcUS"
