"""Maps as MATLAB files (.mat, version 5): a variable an array, structs of attributes and dimensions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scipy.io

from deeper_jax.errors import InputError
from deeper_jax.maps.description import (
    DESCRIPTION,
    check_version,
    describe,
    exact_as,
    is_description,
    numeric_arrays,
    rebuild,
)

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
