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
from deeper_jax.maps.arrays import Contents, map_from_arrays
from deeper_jax.maps.formats.description import (
    DESCRIPTION,
    check_version,
    describe,
    exact_as,
    is_description,
    numeric_arrays,
    rebuild,
)
from deeper_jax.maps.formats.hdf5_file import address, check_within, is_dataset, is_hdf5, linked, open_hdf5
from deeper_jax.maps.formats.mat_file import load_mat
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
    text = load_mat(path, [DESCRIPTION])[DESCRIPTION]
    description = json.loads(str(text.item()))
    if not is_description(description):
        return None
    check_version(description)
    numeric = [name for name, record in description["variables"].items() if "values" not in record]
    return rebuild(description, load_mat(path, numeric))


def _struct(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes under names that MATLAB allows; the later of two that become one is left out."""
    struct: dict[str, Any] = {}
    for key, value in attrs.items():
        name = re.sub(r"\W", "_", key, flags=re.ASCII)
        struct.setdefault((name if name[0].isalpha() else f"a_{name}")[:63], value)
    return struct


def mat_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a .mat file (v4, v5, v7.3) by its path, axes as MATLAB shows them, usable as spectra or not."""
    contents = mat_contents(path)
    return contents.arrays | contents.unusable | {key: np.asarray(value) for key, value in contents.settings.items()}


def mat_contents(path: Path) -> Contents:
    """The arrays of a .mat file, those in structures and cells by 'name/field' and 'name/number'.

    Version 7.3 is HDF5 and holds each array with its axes reversed; they are turned back here.
    """
    contents = Contents()
    if is_hdf5(path):
        with open_hdf5(path) as file:
            seen: set[int] = set()
            for name in file:
                if not name.startswith("#"):
                    _take_v73(contents, name, linked(file, name), seen)
    else:
        for name, value in load_mat(path).items():
            if not name.startswith("__"):
                _take(contents, name, value)
    for name in contents.arrays:
        contents.units |= {name: str(contents.settings[u])} if (u := f"{name}_units") in contents.settings else {}
    return contents


def read_mat(request: Request) -> xarray.DataArray:
    """The map of a .mat file, which may be WITec's export. Raises InputError as `read_map`."""
    if not is_hdf5(request.path) and (found := read_witec_structure(request)) is not None:
        return found
    contents = mat_contents(request.path)
    if not contents.arrays and not contents.left_out:
        raise InputError(f"{request.path}: found no array, expected spectra [N, L]; export the data again.")
    return map_from_arrays(contents, request)


def _take(contents: Contents, name: str, value: Any) -> None:
    if not isinstance(value, np.ndarray):
        return
    if value.dtype.names:
        for field in value.dtype.names:
            items = [item[field] for item in value.ravel()]
            for path, item in _of_structures(f"{name}/{field}", items):
                _take(contents, path, item)
    elif value.dtype.kind == "O":
        for place, item in enumerate(value.ravel()):
            _take(contents, f"{name}/{place}" if value.size > 1 else name, item)
    else:
        contents.add(name, value)


def _of_structures(path: str, items: list[Any]) -> list[tuple[str, Any]]:
    """A field of an array of structures: vectors of one length as one array, a row a structure; once if all alike."""
    arrays = [np.asarray(item) for item in items]
    vectors = all(a.dtype.kind in "biuf" and a.size == max(a.shape, default=1) == arrays[0].size for a in arrays)
    if len(items) < 2 or not vectors or not arrays[0].size:
        return [(path if len(items) == 1 else f"{path}/{place}", item) for place, item in enumerate(items)]
    rows = np.stack([a.ravel() for a in arrays])
    return [(path, rows[0] if rows.shape[1] > 1 and (rows == rows[0]).all() else np.squeeze(rows))]


def _is_special(item: Any) -> bool:
    return "MATLAB_empty" in item.attrs or item.attrs.get("MATLAB_class", b"") == b"char"


def _take_v73(contents: Contents, name: str, item: Any, seen: set[int]) -> None:
    # Links and references may lead in circles, or nowhere.
    if item is None or address(item) in seen:
        return
    seen.add(address(item))
    if not is_dataset(item):
        for key in item:
            _take_v73(contents, f"{name}/{key}", linked(item, key), seen)
    # Empty arrays are stored as their shape.
    elif "MATLAB_empty" in item.attrs:
        return
    elif item.dtype.kind == "O" and item.dtype.metadata and "ref" in item.dtype.metadata:
        targets = [item.file[reference] for reference in np.ravel(item[()]) if reference]
        for target in targets:
            check_within(target, Path(item.file.filename))
        # Cells say what they are; fields of an array of structures do not.
        numbers = all(is_dataset(t) and t.dtype.kind in "biuf" and not _is_special(t) for t in targets)
        if numbers and "MATLAB_class" not in item.attrs:
            for path, value in _of_structures(name, [np.asarray(target[()]).T for target in targets]):
                contents.add(path, value)
            return
        for place, target in enumerate(targets):
            _take_v73(contents, f"{name}/{place}" if len(targets) > 1 else name, target, seen)
    elif item.attrs.get("MATLAB_class", b"") == b"char":
        contents.settings[name] = "".join(map(chr, np.ravel(item[()].T)))
    elif item.dtype.kind in "biuf":
        contents.add(name, np.asarray(item[()]).T)
