"""What `read_map` makes of a file, in a few numbers: to compare one version of the readers with another."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.errors import InputError

FOLDERS = ("instruments", "maps", "field", ".")
NOT_DATA = (".md", ".py")


def data_files(folder: Path) -> Iterator[Path]:
    """Every file of data in the folder of real data."""
    for name in FOLDERS:
        yield from sorted(path for path in (folder / name).iterdir() if path.is_file() and path.suffix not in NOT_DATA)


def summary(path: Path, read_map: Callable[..., Any], entry: str | int | None = None) -> dict[str, Any]:
    """Dimensions, shape, axis and sums; or the text of the error, without the folder's name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = read_map(path, entry=entry)
    except InputError as error:
        return {"error": str(error).replace(str(path.parent), "")}
    axis = np.asarray(data["wavenumber"].values, float)
    coords = {
        str(name): [float(f"{np.nansum(np.asarray(c.values, float)):.9g}"), str(c.attrs.get("units", ""))]
        for name, c in data.coords.items()
        if name != "wavenumber" and c.dtype.kind in "biuf"
    }
    return {
        "dims": list(map(str, data.dims)),
        "shape": list(data.shape),
        "axis": [float(f"{value:.9g}") for value in (axis[0], axis[-1], axis.sum())],
        "coords": coords,
        "sum": float(f"{np.nansum(data.values.astype(float)):.9g}"),
        "gaps": int(np.isnan(data.values.astype(float)).sum()),
        "instrument": data.attrs["instrument"],
        "title": data.attrs["title"],
        "units": data.attrs["units"],
        "entries": json.loads(data.attrs.get("metadata", "{}")).get("entries", []),
    }


def summaries(folder: Path, read_map: Callable[..., Any]) -> dict[str, Any]:
    """The summary of every file and of every one of several measurements in it."""
    found = {}
    for path in data_files(folder):
        name = str(path.relative_to(folder))
        found[name] = summary(path, read_map)
        for number in range(len(found[name].get("entries", []))):
            found[f"{name}#{number}"] = summary(path, read_map, number)
    return found
