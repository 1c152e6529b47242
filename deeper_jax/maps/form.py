"""Whether a map is of a form that all file formats can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.description import DESCRIPTION
from deeper_jax.maps.libraries import load_library

if TYPE_CHECKING:
    import xarray

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
    is_array = isinstance(data, load_library("xarray").DataArray)
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
