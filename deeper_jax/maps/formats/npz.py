"""Maps as NumPy archives (.npz): the arrays by name, the rest as a JSON string."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.maps.arrays import Contents, map_from_arrays
from deeper_jax.maps.formats.description import (
    DESCRIPTION,
    check_version,
    describe,
    is_description,
    numeric_arrays,
    rebuild,
)
from deeper_jax.maps.packed import check_unpacked
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray


def write(dataset: xarray.Dataset, path: Path) -> None:
    """Write a new file: every variable and coordinate under its name, 'map_description' a JSON string."""
    content: dict[str, Any] = {**numeric_arrays(dataset), DESCRIPTION: np.array(json.dumps(describe(dataset)))}
    with open(path, "wb") as file:
        np.savez_compressed(file, **content)


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    check_unpacked(path)
    return np.load(path, allow_pickle=False)


def read(path: Path) -> xarray.Dataset | None:
    """What `write` wrote; None if the file is none of ours."""
    if not zipfile.is_zipfile(path):
        return None
    with _opened(path) as file:
        if DESCRIPTION not in file.files:
            return None
        description = json.loads(str(file[DESCRIPTION]))
        if not is_description(description):
            return None
        check_version(description)
        return rebuild(description, {name: file[name] for name in file.files if name != DESCRIPTION})


def npz_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of the archive by its key. Raises ValueError on pickled objects, which are never opened."""
    with _opened(path) as file:
        return {key: file[key] for key in file.files}


def read_npz(request: Request) -> xarray.DataArray:
    """The map of a .npz file; pickled objects in it are left out."""
    contents = Contents()
    with _opened(request.path) as file:
        for key in file.files:
            try:
                contents.add(key, file[key])
            except ValueError as error:
                if "allow_pickle" not in str(error):
                    raise
                contents.left_out[key] = "pickled objects, which are never opened"
    return map_from_arrays(contents, request)


def read_npy(request: Request) -> xarray.DataArray:
    """The map of a .npy file, whose axis comes from elsewhere. Raises InputError if there is none."""
    contents = Contents()
    try:
        contents.add(request.path.stem, np.load(request.path, allow_pickle=False))
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        contents.left_out[request.path.stem] = "pickled objects, which are never opened"
    return map_from_arrays(contents, request)
