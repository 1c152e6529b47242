"""Read ENVI images: a header (.hdr) of text and a file of values beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.names import laser_in, unit_in
from deeper_jax.maps.raman_map import build_map
from deeper_jax.maps.registry import envi_header
from deeper_jax.maps.request import Request
from deeper_jax.maps.vendors.text_axis import axis_of_names

if TYPE_CHECKING:
    import xarray

# ENVI's numbers of types; the complex ones are left out.
_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
# The order of the axes in the file.
_INTERLEAVES = {"bsq": ("bands", "lines", "samples"), "bil": ("lines", "bands", "samples")}
_INTERLEAVES |= {"bip": ("lines", "samples", "bands")}
_DATA_SUFFIXES = ("", ".img", ".dat", ".raw", ".bin", ".bsq", ".bil", ".bip")


def read_envi(request: Request) -> xarray.DataArray:
    """The image of an ENVI header, or of the file of values beside one.

    `wavelength` in the header is the axis, in `wavelength units`; positions are pixels, or um by `pixel size`.
    Raises InputError if the header lacks a size, the values are missing or cut short, or there is no axis.
    """
    header = envi_header(request.path)
    assert header is not None
    about = _fields(header.read_text("latin-1"))
    try:
        size = {name: int(about[name]) for name in ("lines", "samples", "bands")}
        dtype = np.dtype("<>"[int(about.get("byte order", 0))] + _TYPES[int(about["data type"])])
        order = _INTERLEAVES[about.get("interleave", "bsq").lower()]
        offset = int(about.get("header offset", 0))
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"{header}: found no usable {error} in the ENVI header, expected lines, samples, bands, interleave and a "
            "data type of real numbers; export it again."
        ) from error
    data = request.path if request.path != header else _data_file(header)
    count = int(np.prod(list(size.values()), dtype=np.int64))
    if min(size.values()) < 1 or data.stat().st_size - offset < count * dtype.itemsize:
        raise InputError(
            f"{data}: found {data.stat().st_size} bytes, expected {count * dtype.itemsize + offset} for "
            f"{size['lines']} x {size['samples']} spectra of {size['bands']} bands; it is cut short, copy it again."
        )
    values = np.fromfile(data, dtype, count, offset=offset).reshape([size[name] for name in order])
    values = values.transpose([order.index(name) for name in ("lines", "samples", "bands")])
    axis = _axis(about, size["bands"], request)
    coords = {"y": np.arange(float(size["lines"])), "x": np.arange(float(size["samples"]))}
    return build_map(values, axis, ("y", "x"), coords, path=request.path, instrument="", position_units="pixel")


def _fields(text: str) -> dict[str, str]:
    return {
        name.strip().lower(): value.strip().strip("{}").strip()
        for name, value in re.findall(r"^([^=\n]+)=\s*(\{[^}]*\}|[^\n]*)", text, flags=re.M)
    }


def _data_file(header: Path) -> Path:
    for suffix in _DATA_SUFFIXES:
        for path in (header.with_suffix(suffix), header.with_suffix(suffix.upper())):
            if path.is_file() and path != header:
                return path
    raise InputError(f"{header}: found no file of values beside it, expected {header.stem}.img; add the missing file.")


def _axis(about: dict[str, str], bands: int, request: Request) -> np.ndarray:
    if request.wavenumbers is not None:
        return request.wavenumbers
    listed = about.get("wavelength", about.get("band names", "")).strip(", \n")
    words = re.split(r"[,\s]+" if "wavelength" in about else r"\s*,\s*", listed)
    values, _, unit_of_names = axis_of_names(words)
    if values.size != bands and (given := request.given_axis()) is not None:
        return given
    if values.size != bands:
        raise InputError(
            f"{request.path}: found {values.size} wavelengths in the ENVI header for {bands} bands, expected one each; "
            "give the axis with --wavenumbers FILE (in Python, wavenumbers=)."
        )
    unit = about.get("wavelength units", "")
    unit = {"nanometers": "nm", "micrometers": "um", "wavenumber": "", "unknown": ""}.get(unit.lower(), unit)
    return request.shift(values, unit or unit_in(unit_of_names), laser_in(about))
