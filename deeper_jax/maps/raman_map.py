"""Build the labelled form of Raman spectra, xarray.DataArray, and check what goes into it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.spectra.axis import checked_axis
from deeper_jax.spectra.values import check_size

if TYPE_CHECKING:
    import xarray

# {name: values} along the dimension of that name, or {name: (dimensions, values)}.
Coordinates = Mapping[str, Any]
LENGTHS = ("x", "y", "z", "distance", "x_stage", "y_stage")


def raman_map(
    values: Any, wavenumbers: Any, *, y: Any = None, x: Any = None, units: str = "a.u.", title: str = ""
) -> "xarray.DataArray":
    """Arrays as the labelled form that `read_map` gives, for data that are in memory already.

    values: [L] one spectrum, [N, L] a list of them, or [H, W, L] a map; NaN or masked throughout where none was
    measured.
    wavenumbers: [L] in cm^-1, in any order. y, x: [H] and [W], positions of a map's pixels in um; without them
    they are counted, in units of pixels. Raises InputError where the parts do not fit one another.
    """
    if np.ma.is_masked(values):
        values = np.ma.asarray(values, np.float64).filled(np.nan)
    values = np.asarray(values)
    dims = {1: (), 2: ("spectrum",), 3: ("y", "x")}.get(values.ndim)
    if dims is None or (len(dims) < 2 and not (x is None and y is None)):
        raise InputError(
            f"raman_map: found values of shape {values.shape}, expected [L], [N, L] or a map [H, W, L], the only one "
            "with x and y."
        )
    coords: dict[str, Any] = {}
    if len(dims) == 2:
        coords = {
            name: np.arange(size) if given is None else given
            for name, size, given in zip("yx", values.shape, (y, x), strict=False)
        }
    position_units = "um" if x is not None or y is not None else "pixel"
    return build_map(
        *(values, wavenumbers, dims, coords),
        path=Path("array"),
        instrument="",
        title=title,
        units=units,
        position_units=position_units,
    )


def build_map(
    values: np.ndarray,
    wavenumbers: np.ndarray,
    dims: tuple[str, ...],
    coords: Coordinates,
    *,
    path: Path,
    instrument: str,
    title: str = "",
    units: str = "a.u.",
    metadata: Mapping[str, Any] | None = None,
    position_units: str = "um",
) -> "xarray.DataArray":
    """The spectra as an `xarray.DataArray` named 'intensity', the wavenumbers ascending.

    values: [..., L], one axis for each of `dims` before the spectral one, integer or floating; a spectrum that
    was planned and not collected is all NaN. wavenumbers: [L] in cm^-1, in any order. coords: positions in
    `position_units` (um, or 'pixel' where the file tells none), time in s. metadata: whatever else the file
    tells; kept as a JSON string. Raises InputError where the parts do not fit one another, where a wavenumber
    is missing or given twice, and where there is no spectrum.
    """
    import xarray

    values = _checked_values(np.asarray(values), dims, path)
    wavenumbers = checked_axis(wavenumbers, values.shape[-1], path, any_order=True)
    order = np.argsort(wavenumbers, kind="stable")
    if not np.array_equal(order, np.arange(len(order))):
        values, wavenumbers = values[..., order], wavenumbers[order]
    all_coords = {name: _coordinate(xarray, name, value, position_units) for name, value in coords.items()}
    axis_attrs = {"units": "cm-1", "long_name": "Raman shift"}
    all_coords["wavenumber"] = xarray.Variable("wavenumber", wavenumbers, axis_attrs)
    attrs: dict[str, Any] = {"units": units, "instrument": instrument, "source_file": path.name, "title": title}
    if missing := _count_missing(values):
        attrs["missing_spectra"] = missing
    attrs["metadata"] = json.dumps(dict(metadata or {}), default=str, ensure_ascii=False)
    return xarray.DataArray(values, coords=all_coords, dims=(*dims, "wavenumber"), name="intensity", attrs=attrs)


def empty_to_missing(values: np.ndarray) -> np.ndarray:
    """Spectra [..., L] with those that are nothing but zeros made NaN: instruments save so what they never measured.

    Left as they are where every spectrum is zero.
    """
    empty = ~values.any(axis=-1)
    if not empty.any() or empty.all():
        return values
    values = values.astype(np.result_type(values.dtype, np.float32))
    values[empty] = np.nan
    return values


def _checked_values(values: np.ndarray, dims: tuple[str, ...], path: Path) -> np.ndarray:
    if values.dtype.kind not in "iuf":
        raise InputError(f"{path}: found intensities of type {values.dtype}, expected real numbers; export it again.")
    if values.size == 0:
        raise InputError(f"{path}: found no spectrum (shape {values.shape}), expected at least one; export it again.")
    if values.ndim != len(dims) + 1:
        raise ValueError(f"values of shape {values.shape} do not fit the dimensions {dims} and the spectral one")
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    check_size(path, values)
    return values


def _coordinate(xarray: Any, name: str, value: Any, position_units: str) -> Any:
    dims, numbers = value if isinstance(value, tuple) else (name, value)
    attrs = {"units": "s"} if name == "time" else {"units": position_units} if name in LENGTHS else {}
    return xarray.Variable(dims, np.asarray(numbers), attrs)


def _count_missing(values: np.ndarray) -> int:
    return int(np.isnan(values).all(axis=-1).sum()) if values.dtype.kind == "f" else 0
