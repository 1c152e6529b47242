"""A map taken apart into plain arrays and a JSON description, and put together again.

The formats that know no named dimensions, coordinates and attributes (.npz, .mat, .csv, .tif) hold the arrays
in their own way and the description beside them. So a map is read back as it was written: values to the bit,
dtypes, dimensions, coordinates and attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from deeper_jax.errors import InputError

if TYPE_CHECKING:
    import xarray

FORMAT = "deeper_jax map"
VERSION = 1
# The name under which .npz, .mat and .h5 files hold the description.
DESCRIPTION = "map_description"


def describe(dataset: xarray.Dataset) -> dict[str, Any]:
    """What the arrays of `as_dataset` do not tell, as JSON can hold it.

    {'format', 'version', 'attrs', 'variables': {name: {'dims', 'shape', 'dtype', 'coordinate', 'attrs'}}}.
    Text arrays, for which few formats have a place, are held here: 'values', a flat list.
    """
    variables = {str(name): _describe_variable(dataset, str(name)) for name in dataset.variables}
    return {"format": FORMAT, "version": VERSION, "attrs": plain_attrs(dataset.attrs), "variables": variables}


def numeric_arrays(dataset: xarray.Dataset) -> dict[str, np.ndarray]:
    """The values of every variable and coordinate that is not text, in native byte order."""
    arrays = {str(name): np.asarray(variable.values) for name, variable in dataset.variables.items()}
    return {
        name: values.astype(values.dtype.newbyteorder("="), copy=False)
        for name, values in arrays.items()
        if values.dtype.kind != "U"
    }


def rebuild(description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> xarray.Dataset:
    """The Dataset that `describe` and `numeric_arrays` took apart; arrays of another shape are reshaped.

    Raises KeyError or ValueError if description and arrays do not belong together.
    """
    contents: dict[bool, dict[str, Any]] = {False: {}, True: {}}
    for name, record in description["variables"].items():
        dtype = np.dtype(record["dtype"])
        values = np.array(record["values"], dtype) if "values" in record else arrays[name]
        values = values.reshape(record["shape"]).astype(dtype, copy=False)
        contents[record["coordinate"]][name] = (tuple(record["dims"]), values, record["attrs"])
    import xarray

    return xarray.Dataset(contents[False], contents[True], description["attrs"])


def is_description(content: Any) -> TypeGuard[dict[str, Any]]:
    """Whether `content` is what `describe` gives, of this version or another."""
    return isinstance(content, dict) and content.get("format") == FORMAT and "version" in content


def check_version(description: Mapping[str, Any]) -> None:
    """Raises InputError if the description is of a version that this one does not know."""
    if description["version"] != VERSION:
        raise InputError(
            f"found a map file of version {description['version']}, expected {VERSION}; update deeper-jax."
        )


def exact_as(name: str, values: np.ndarray, dtypes: tuple[str, ...]) -> np.ndarray:
    """The values as the first of `dtypes` that holds them all without loss; unchanged if of one of them.

    Raises InputError if none does.
    """
    if values.dtype.name in dtypes:
        return values
    for dtype in dtypes:
        # NumPy calls int64 to float64 safe, which it is not.
        whole = values.dtype.kind in "iu"
        if _holds(values, np.dtype(dtype)) if whole else np.can_cast(values.dtype, dtype):
            return values.astype(dtype)
    raise InputError(
        f"{name}: found {values.dtype} values that this file format cannot hold without loss; write a .h5 file."
    )


def plain_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """The attributes as Python's own strings, integers and floats."""
    return {str(key): value.item() if isinstance(value, np.generic) else value for key, value in attrs.items()}


def _describe_variable(dataset: xarray.Dataset, name: str) -> dict[str, Any]:
    variable = dataset.variables[name]
    record = {
        "dims": list(variable.dims),
        "shape": list(variable.shape),
        "dtype": variable.dtype.str,
        "coordinate": name in dataset.coords,
        "attrs": plain_attrs(variable.attrs),
    }
    return record | ({"values": variable.values.ravel().tolist()} if variable.dtype.kind == "U" else {})


def _holds(values: np.ndarray, dtype: np.dtype) -> bool:
    lowest, highest = int(values.min()), int(values.max())
    if dtype.kind == "f":
        # Every whole number up to this one has its own floating-point number.
        largest = 2 ** (np.finfo(dtype).nmant + 1)
        return -largest <= lowest and highest <= largest
    return dtype.kind in "iu" and np.iinfo(dtype).min <= lowest and highest <= np.iinfo(dtype).max
