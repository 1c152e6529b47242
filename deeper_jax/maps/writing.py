"""Write a map to a file that other programs open and `read_own` reads back without loss."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.formats.csv import companion
from deeper_jax.maps.formats.description import DESCRIPTION
from deeper_jax.maps.registry import IN_PIECES, WRITTEN

if TYPE_CHECKING:
    import xarray

    from deeper_jax.maps.formats.hdf5_pieces import Hdf5Pieces


# Numbers of an array that is packed by all cores, as many of them at a time.
_WORTH_ALL_CORES = 1 << 19
_IN_PIECES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(bool))


def check_writable(path: str | Path, *, overwrite: bool = False, further_variables: Iterable[str] = ()) -> None:
    """Say before any computing whether `write_map` could write `path`.

    further_variables: names of the Dataset's variables after the first, which .csv writes to files beside it.

    Raises InputError if the format is unknown, the folder does not exist or cannot be
    written to, or the file exists and `overwrite` is false.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITTEN:
        raise InputError(
            f"{path}: found the ending '{path.suffix}', expected one of {', '.join(WRITTEN)}; choose a format."
        )
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: found no folder {path.parent}, expected one to write into; make it first.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError(f"{path}: the folder {path.parent} may not be written to; choose another.")
    for target in _targets(path, further_variables):
        if target.is_dir():
            raise InputError(f"{target}: found a folder, expected the name of a file; choose another name.")
        if target.exists() and not overwrite:
            raise InputError(
                f"{target}: found an existing file, expected a new name; choose one, or give --overwrite "
                "(in Python, overwrite=)."
            )


def write_map(data: xarray.DataArray | xarray.Dataset, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a map, its coordinates, attributes and all of a Dataset's variables.

    data: a DataArray whose last dimension is `wavenumber`, or a Dataset with `intensity` and others.
    path: the suffix says the format. .h5, .hdf5, .nc: NetCDF4 (xarray, h5py, MATLAB, HyperSpy). .npz: NumPy.
    .mat: MATLAB, below 2 GB a variable. .csv: a table, a row a pixel; further variables beside it as
    NAME.uncertainty.csv. .tif, .tiff: OME-TIFF, wavenumbers as channels (Fiji, napari).

    Files appear under their names only when complete; a writing that is killed may leave a hidden folder
    '.NAME-...' behind. Raises InputError as `check_writable` does, for data of another form than
    `as_dataset` tells, and if the disk refuses.
    """
    path = Path(path)
    dataset = as_dataset(data)
    check_writable(path, overwrite=overwrite, further_variables=[str(name) for name in list(dataset.data_vars)[1:]])
    if (large := _large(dataset)) and written_in_pieces(path):
        _write_by_all_cores(dataset, large, path, overwrite)
        return
    with _told(path), _appearing(path) as partial:
        WRITTEN[path.suffix.lower()].write_own(dataset, partial)


def _large(dataset: xarray.Dataset) -> list[str]:
    """Names of a map's arrays in memory that are as large as its first, where they are worth packing by all cores."""
    first = next(iter(dataset.data_vars.values()))
    if first.ndim < 2 or first.size < _WORTH_ALL_CORES:
        return []
    return [
        str(name)
        for name, each in dataset.data_vars.items()
        if each.dims == first.dims and each.dtype in _IN_PIECES and getattr(each.variable, "_in_memory", True)
    ]


def _write_by_all_cores(dataset: xarray.Dataset, names: list[str], path: Path, overwrite: bool) -> None:
    arrays = {name: dataset[name].values for name in names}
    flat = {name: each.reshape(-1, each.shape[-1]) for name, each in arrays.items()}
    count, channels = flat[names[0]].shape
    together = max(1, _WORTH_ALL_CORES // channels)
    with MapInPieces(path, overwrite=overwrite) as file:
        file.begin(dataset[names])
        for start in range(0, count, together):
            rows = slice(start, min(start + together, count))
            file.put(rows, {name: each[rows] for name, each in flat.items()})
        file.finish(dataset)


class MapInPieces:
    """A map that is written spectrum by spectrum, so that it never lies in memory whole.

    Begun with the first spectra, it appears under its name when `finish` is called and the context is left without an
    error; see `write_map`, whose file it is, bit for bit in what is read back.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Nothing is made yet. Raises InputError as `check_writable` does, and for a format that holds no pieces."""
        self.path = Path(path)
        check_writable(self.path, overwrite=overwrite)
        if not written_in_pieces(self.path):
            raise InputError(f"{path}: this format is not written in pieces; choose .h5 or .nc.")
        self._file: Hdf5Pieces | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> MapInPieces:
        return self

    def __exit__(self, *raised: Any) -> None:
        if self._file is not None:
            self._file.close()
        with _told(self.path):
            self._open.__exit__(*raised)

    def begin(self, template: xarray.Dataset) -> None:
        """Make the arrays.

        template: the data variables that grow, [..., L] of one shape, float32, float64 or bool, with attributes and
        coordinates; their values do not matter. Raises InputError as `write_map`.
        """
        from deeper_jax.maps.formats.hdf5_pieces import Hdf5Pieces

        template = as_dataset(template)
        with _told(self.path):
            self._file = Hdf5Pieces(self._open.enter_context(_appearing(self.path)), template)

    def put(self, rows: slice | np.ndarray, values: Mapping[str, np.ndarray]) -> None:
        """Append spectra [n, L] of every array; rows that are left out become NaN, or false."""
        assert self._file is not None
        with _told(self.path):
            self._file.put(rows, values)

    def finish(self, dataset: xarray.Dataset) -> None:
        """Write the rest: all variables, coordinates and attributes; of those that grew the values do not matter."""
        assert self._file is not None
        dataset = as_dataset(dataset)
        with _told(self.path):
            self._file.finish(dataset)


def written_in_pieces(path: Path) -> bool:
    """Whether `MapInPieces` writes files of this name."""
    form = WRITTEN.get(path.suffix.lower())
    return form is not None and form.own in IN_PIECES


@contextlib.contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A path in a hidden folder; whatever lies there at the end appears beside `path`, if nothing was raised."""
    partial = Path(tempfile.mkdtemp(prefix=f".{path.stem}-", dir=path.absolute().parent))
    try:
        yield partial / path.name
        # The file that was asked for comes last: where it is, the others are.
        for file in sorted(partial.iterdir(), key=lambda file: file.name == path.name):
            os.replace(file, path.with_name(file.name))
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: could not be written ({error}); look for free space and permission.") from error


def _targets(path: Path, further_variables: Iterable[str]) -> list[Path]:
    beside = further_variables if path.suffix.lower() == ".csv" else ()
    return [path, *(companion(path, name) for name in beside)]


# Names that the files use for themselves.
_RESERVED = {DESCRIPTION, "attrs", "dims", "file", "allow_pickle"}
# Names of attributes that NetCDF, HDF5 or xarray use for themselves.
_RESERVED_ATTRS = {
    *("_FillValue", "_Netcdf4Dimid", "_NCProperties", "_nc3_strict", "coordinates", "dtype", DESCRIPTION),
    *("CLASS", "DIMENSION_LABELS", "DIMENSION_LIST", "NAME", "REFERENCE_LIST"),
}
# As many characters as MATLAB allows.
_LONGEST_NAME = 63


def as_dataset(data: xarray.DataArray | xarray.Dataset) -> xarray.Dataset:
    """The map as a Dataset that any of the formats can hold.

    A DataArray becomes a variable of its own name, 'intensity' if it has none.

    Raises InputError if a name, dtype or attribute cannot be written: names are those of Python variables of at
    most 63 ASCII characters; values are boolean, integer, floating point (16 to 64 bits) or text; attributes
    are strings (Unicode without zeros), integers and floats, and not named as the files' own.
    """
    import xarray

    is_array = isinstance(data, xarray.DataArray)
    dataset = cast("xarray.Dataset", data.to_dataset(name=data.name or "intensity") if is_array else data)
    if not dataset.data_vars:
        raise InputError("the map: found no variable, expected 'intensity'; give the map that is to be written.")
    for name in {*dataset.variables, *dataset.dims}:
        _check_name(name)
    _check_attrs("the map", dataset.attrs)
    for name, variable in dataset.variables.items():
        _check_attrs(str(name), variable.attrs)
        if variable.size == 0:
            raise InputError(f"{name}: found an empty array of shape {variable.shape}, expected values to write.")
        if variable.dtype.kind not in "biufU" or variable.dtype.itemsize > 8 and variable.dtype.kind != "U":
            raise InputError(
                f"{name}: found values of dtype {variable.dtype}, expected numbers of at most 64 bits, booleans or "
                "text; convert them."
            )
        if variable.dtype.kind == "U":
            _check_text(str(name), *variable.values.ravel().tolist())
    return dataset


def _check_name(name: Any) -> None:
    usable = isinstance(name, str) and name.isidentifier() and name.isascii() and not name.startswith("_")
    if not usable or len(name) > _LONGEST_NAME or name in _RESERVED:
        raise InputError(
            f"the map: found the name {name!r}, expected a letter, then letters, digits and '_', at most "
            f"{_LONGEST_NAME} together, and none of {', '.join(sorted(_RESERVED))}; rename the variable or dimension."
        )


def _check_attrs(owner: str, attrs: Mapping[Any, Any]) -> None:
    for key, value in attrs.items():
        if not isinstance(key, str) or not key or key in _RESERVED_ATTRS:
            raise InputError(f"{owner}: found an attribute named {key!r}, which files use for themselves; rename it.")
        plain = value.item() if isinstance(value, np.generic) else value
        fits = isinstance(plain, str | float) or type(plain) is int and -(2**63) <= plain < 2**63
        if not fits:
            raise InputError(
                f"{owner}: found the attribute {key!r} of type {type(value).__name__}, expected a string, an integer "
                "of 64 bits or a float; put anything else into a JSON string."
            )
        _check_text(owner, key, plain)


def _check_text(owner: str, *texts: Any) -> None:
    for text in texts:
        if isinstance(text, str) and ("\0" in text or _is_broken(text)):
            raise InputError(f"{owner}: found the text {text[:60]!r}, which is no Unicode or has zeros; correct it.")


def _is_broken(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
