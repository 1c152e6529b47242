"""Write a map to a file that other programs open and `read_own` reads back without loss."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from deeper_jax.errors import InputError
from deeper_jax.maps import csv_file
from deeper_jax.maps.form import as_dataset
from deeper_jax.maps.formats import MAP_FORMATS
from deeper_jax.maps.libraries import load_library

if TYPE_CHECKING:
    import xarray


def check_writable(path: str | Path, *, overwrite: bool = False, further_variables: Iterable[str] = ()) -> None:
    """Say before any computing whether `write_map` could write `path`.

    further_variables: names of the Dataset's variables after the first, which .csv writes to files beside it.

    Raises InputError if the format is unknown or its library missing, the folder does not exist or cannot be
    written to, or the file exists and `overwrite` is false.
    """
    path = Path(path)
    if path.suffix.lower() not in MAP_FORMATS:
        raise InputError(
            f"{path}: found the ending '{path.suffix}', expected one of {', '.join(MAP_FORMATS)}; choose a format."
        )
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: found no folder {path.parent}, expected one to write into; make it first.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError(f"{path}: the folder {path.parent} may not be written to; choose another.")
    for target in _targets(path, further_variables):
        if target.is_dir():
            raise InputError(f"{target}: found a folder, expected the name of a file; choose another name.")
        if target.exists() and not overwrite:
            raise InputError(f"{target}: found an existing file, expected a new name; choose one or allow overwriting.")
    load_library("xarray")
    load_library(MAP_FORMATS[path.suffix.lower()].library)


def write_map(data: xarray.DataArray | xarray.Dataset, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a map, its coordinates, attributes and all of a Dataset's variables.

    data: a DataArray whose last dimension is `wavenumber`, or a Dataset with `intensity` and others.
    path: the suffix says the format. .h5, .hdf5, .nc: NetCDF4 (xarray, h5py, MATLAB, HyperSpy). .npz: NumPy.
    .mat: MATLAB, below 2 GB a variable. .csv: a table, a row a pixel; further variables beside it as
    NAME.uncertainty.csv. .tif, .tiff: OME-TIFF, wavenumbers as channels (Fiji, napari).

    Files appear under their names only when complete; a writing that is killed may leave a hidden folder
    '.NAME-...' behind. Raises InputError as `check_writable` does, for data of another form than
    `form.as_dataset` tells, and if the disk refuses.
    """
    path = Path(path)
    dataset = as_dataset(data)
    check_writable(path, overwrite=overwrite, further_variables=[str(name) for name in list(dataset.data_vars)[1:]])
    try:
        partial = Path(tempfile.mkdtemp(prefix=f".{path.stem}-", dir=path.absolute().parent))
        try:
            MAP_FORMATS[path.suffix.lower()].write(dataset, partial / path.name)
            # The file that was asked for comes last: where it is, the others are.
            for file in sorted(partial.iterdir(), key=lambda file: file.name == path.name):
                os.replace(file, path.with_name(file.name))
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{path}: could not be written ({error}); look for free space and permission.") from error


def _targets(path: Path, further_variables: Iterable[str]) -> list[Path]:
    beside = further_variables if path.suffix.lower() == ".csv" else ()
    return [path, *(csv_file.companion(path, name) for name in beside)]
