"""Maps as OME-TIFF (.tif, .tiff): the wavenumbers are channels, the pixel size is in µm.

Fiji (Bio-Formats, and for a map alone its own reader too), napari and QuPath open these files. They show 64-bit
floats too: Bio-Formats as they are, Fiji's own reader rounded to 32 bits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.formats.description import (
    check_version,
    describe,
    exact_as,
    is_description,
    numeric_arrays,
    rebuild,
)
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

# A tag of the range that TIFF leaves to everybody; other readers pass by it.
_TAG = 65111
_SPECTRAL = "wavenumber"
# What OME knows; the wider types come last, as the first that holds the values is taken.
_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
# Above this the offsets of the classic format may not do.
_CLASSIC_LIMIT = 2**31


def write(dataset: xarray.Dataset, path: Path) -> None:
    """Write a new file: a series (OME image) a variable, the first one first.

    Axes CYX with the channels named by wavenumber; a stack's z or time is Z or T. A line or a series along
    depth or time is an image one pixel high, a single spectrum one pixel. Coordinates of two dimensions are
    series too; the others, attributes and dtypes are JSON in a private tag (65111) of the first page. Types
    that OME lacks are stored as the next that holds the values: booleans as uint8.
    """
    description, arrays = describe(dataset), numeric_arrays(dataset)
    names = [str(name) for name in dataset.data_vars]
    names += [str(name) for name in dataset.coords if str(name) in arrays and dataset[name].ndim > 1]
    names = [name for name in names if name in arrays]
    for name, record in description["variables"].items():
        if name not in names:
            record["values"] = dataset[name].values.ravel().tolist()
    description["series"] = names
    tag = (_TAG, "s", 0, json.dumps(description), True)
    stored = {name: exact_as(name, arrays[name], _DTYPES) for name in names}
    bigtiff = sum(values.nbytes for values in stored.values()) > _CLASSIC_LIMIT
    import tifffile

    with tifffile.TiffWriter(path, bigtiff=bigtiff, ome=True) as file:
        for name in names:
            dims = [str(dim) for dim in dataset[name].dims]
            axes = _axes(name, dims)
            values = stored[name].transpose([dims.index(dim) for dim in axes.values() if dim])
            values = values.reshape([dataset.sizes[dim] if dim else 1 for dim in axes.values()])
            file.write(
                values,
                photometric="minisblack",
                compression="zlib",
                metadata=_metadata(dataset, name, axes),
                extratags=[tag] if name == names[0] else [],
                **_resolution(dataset, axes),
            )


def read(path: Path) -> xarray.Dataset | None:
    """What `write` wrote; None if the file is none of ours."""
    import tifffile

    # It logs whatever it finds amiss in a damaged file, which the error says in a sentence.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        file = tifffile.TiffFile(path)
    except (tifffile.TiffFileError, OSError):
        return None
    with file:
        tag = file.pages.first.tags.get(_TAG)
        description = json.loads(tag.value) if tag is not None else None
        if not is_description(description):
            return None
        check_version(description)
        if any(series.is_multifile or series.keyframe.parent is not file for series in file.series):
            raise InputError("found images whose data lie in other files, which are not opened; copy the map again.")
        arrays = {}
        for name, series in zip(description["series"], file.series, strict=True):
            record = description["variables"][name]
            sizes = dict(zip(record["dims"], record["shape"], strict=True))
            dims = [dim for dim in _axes(name, record["dims"]).values() if dim]
            values = series.asarray().reshape([sizes[dim] for dim in dims])
            arrays[name] = values.transpose([dims.index(dim) for dim in record["dims"]])
        return rebuild(description, arrays)


def _axes(name: str, dims: list[str]) -> dict[str, str | None]:
    """{'C': 'wavenumber', 'Y': 'y', 'X': 'x'} and the like, in the order of the file; None: of size 1."""
    outer = [dim for dim in dims if dim != _SPECTRAL]
    axes: dict[str, str | None] = {}
    for dim in outer[:-2]:
        axes["T" if dim == "time" or "Z" in axes else "Z"] = dim
    if len(axes) < len(outer) - 2 or len(outer) > 4:
        raise InputError(
            f"{name}: found the dimensions {', '.join(dims)}, but a .tif file holds at most four besides the "
            "wavenumber; write a .h5 file."
        )
    axes = {letter: axes[letter] for letter in axes}
    if _SPECTRAL in dims:
        axes["C"] = _SPECTRAL
    height, width = ([None, None] + outer)[-2:]
    return axes | {"Y": height, "X": width}


def _metadata(dataset: xarray.Dataset, name: str, axes: Mapping[str, str | None]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "".join(axes), "Name": name}
    if "C" in axes:
        axis = dataset[_SPECTRAL]
        unit = "" if _SPECTRAL not in dataset.coords else axis.attrs.get("units", "").replace("cm-1", "cm⁻¹")
        metadata["Channel"] = {"Name": [f"{value!r} {unit}".strip() for value in axis.values.tolist()]}
    for letter, dim in axes.items():
        step = _step(dataset, dim) if letter in "XYZ" else None
        if step is not None:
            metadata |= {f"PhysicalSize{letter}": step, f"PhysicalSize{letter}Unit": "µm"}
    return metadata


def _resolution(dataset: xarray.Dataset, axes: Mapping[str, str | None]) -> dict[str, Any]:
    """The pixel size as TIFF itself tells it, pixels a centimetre, for readers that know no OME."""
    steps = [_step(dataset, axes["X"]), _step(dataset, axes["Y"])]
    known = [step for step in steps if step is not None]
    if not known:
        return {}
    width, height = (1e4 / (step or known[0]) for step in steps)
    return {"resolution": (width, height), "resolutionunit": "CENTIMETER"}


def _step(dataset: xarray.Dataset, dim: str | None) -> float | None:
    """The spacing in µm along a dimension; None where it has no coordinate in µm or no length."""
    if dim is None or dim not in dataset.coords or dataset[dim].attrs.get("units") != "um" or dataset.sizes[dim] < 2:
        return None
    step = float(np.median(np.abs(np.diff(dataset[dim].values.astype(np.float64)))))
    return step if 0 < step < np.inf else None


def refuse_foreign(request: Request) -> xarray.DataArray:
    """Raises InputError: a TIFF that others wrote tells no wavenumbers."""
    raise InputError(
        f"{request.path}: found a TIFF that was not written by deeper_jax, expected one with wavenumbers; export the "
        "spectra as text, HDF5, .npz or .mat."
    )
