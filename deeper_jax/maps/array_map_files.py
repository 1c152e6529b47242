"""Read maps from array files: .mat (v4, v5, v7.3), .npz, .npy, HDF5 and NetCDF, by the names of their arrays."""

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import scipy.io

from deeper_jax.errors import InputError
from deeper_jax.maps.array_arrangement import map_from_arrays
from deeper_jax.maps.array_files import read_arrays
from deeper_jax.maps.witec_matlab import read_witec_structure

if TYPE_CHECKING:
    import xarray


def read_npz_or_mat(path: Path, entry: str | int | None, wavenumbers: np.ndarray | None) -> "xarray.DataArray":
    """The map of a .npz or .mat file; a .mat file may be WITec's MATLAB export. Raises InputError as `read_map`."""
    if path.suffix.lower() == ".mat" and not h5py.is_hdf5(path):
        found = read_witec_structure(path, entry)
        if found is not None:
            return found
    return map_from_arrays(read_arrays(path), path, entry, wavenumbers)


def read_npy(path: Path, entry: str | int | None, wavenumbers: np.ndarray | None) -> "xarray.DataArray":
    """The map of a .npy file, whose axis comes from elsewhere. Raises InputError if there is none."""
    return map_from_arrays({path.stem: np.load(path, allow_pickle=False)}, path, entry, wavenumbers)


def read_hdf5(path: Path, entry: str | int | None, wavenumbers: np.ndarray | None) -> "xarray.DataArray":
    """The map of an HDF5 or NetCDF-4 file: its datasets in any group, by the last part of their names."""
    arrays: dict[str, np.ndarray] = {}
    dims: dict[str, tuple[str, ...]] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and item.shape is not None:
            # The last part of the name, or all of it where two groups use the same one.
            short = name.rsplit("/", 1)[-1]
            key = name if short in arrays else short
            arrays[key] = np.asarray(item[()])
            scales = [[scale.name.rsplit("/", 1)[-1] for scale in dim.values()] for dim in item.dims]
            dims[key] = tuple(found[0] if found else "" for found in scales)

    with h5py.File(path, "r") as file:
        file.visititems(take)
    if not arrays:
        raise InputError(f"{path}: found no array of numbers in the HDF5 file, expected spectra; export it again.")
    return map_from_arrays(arrays, path, entry, wavenumbers, dims)


def read_classic_netcdf(path: Path, entry: str | int | None, wavenumbers: np.ndarray | None) -> "xarray.DataArray":
    """The map of a NetCDF file of the classic format (version 3)."""
    with scipy.io.netcdf_file(str(path), "r", mmap=False) as file:
        arrays = {name: np.array(variable[...]) for name, variable in file.variables.items()}
        dims = {name: tuple(variable.dimensions) for name, variable in file.variables.items()}
    return map_from_arrays(arrays, path, entry, wavenumbers, dims)
