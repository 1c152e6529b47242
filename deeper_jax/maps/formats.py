"""The file formats that maps are written in, by suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deeper_jax.maps import csv_file, csv_reading, hdf5_file, mat_file, npz_file, tiff_file

if TYPE_CHECKING:
    import xarray


class MapFormat(NamedTuple):
    """How one format is written and read back, and the library of the extra 'maps' that this needs."""

    write: Callable[[xarray.Dataset, Path], None]
    read: Callable[[Path], xarray.Dataset | None]
    library: str = "xarray"


_HDF5 = MapFormat(hdf5_file.write, hdf5_file.read, "h5netcdf")
_TIFF = MapFormat(tiff_file.write, tiff_file.read, "tifffile")

MAP_FORMATS = {
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".nc": _HDF5,
    ".npz": MapFormat(npz_file.write, npz_file.read),
    ".mat": MapFormat(mat_file.write, mat_file.read),
    ".csv": MapFormat(csv_file.write, csv_reading.read),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}
