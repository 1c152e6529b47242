"""Maps to and from HyperSpy's signals.

HyperSpy (de la Peña et al., doi:10.5281/zenodo.592838) is under the GPL: it is imported only by `to_hyperspy`, where it
is installed, and what is read of a signal is asked of the object. Its arrays have the axes of a map in the same order,
[y, x, L], though it names them (x, y | L).
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.grid import TO_UM, axis_name
from deeper_jax.maps.raman_map import build_map
from deeper_jax.spectra.axis import raman_shift

if TYPE_CHECKING:
    import xarray

_SPECTRAL = "wavenumber"
# Where a map's attributes are kept in a signal's metadata.
_OWN = "deeper_jax"
# Names of axes that have none, by their number.
_DIMS: dict[int, tuple[str, ...]] = {0: (), 1: ("spectrum",), 2: ("y", "x"), 3: ("z", "y", "x")}
_KNOWN = ("time", "z", "y", "x", "distance", "spectrum")
_MICROMETRES = ("um", "µm", "μm", "micrometer", "micrometre", "micron")
_SOURCE = Path("HyperSpy signal")


def to_hyperspy(data: xarray.DataArray) -> Any:
    """The map as a HyperSpy Signal1D with calibrated axes.

    data: the last dimension is `wavenumber`, with its coordinate. Navigation axes have the names of the map's
    dimensions and µm or s, the signal axis "wavenumber" 1/cm; one that is uneven is a `DataAxis`, which not all of
    HyperSpy takes: `signal.interpolate_on_axis` makes it even. The values are not copied. A map's unit and other
    attributes are kept in `original_metadata`, further coordinates (x_stage) are not: give the map to `from_hyperspy`
    as `like`.

    Raises InputError without wavenumbers, or if HyperSpy is not installed.
    """
    try:
        signals = importlib.import_module("hyperspy.api").signals
    except ImportError as error:
        raise InputError("hyperspy: the library is not installed; pip install hyperspy.") from error
    if not data.dims or data.dims[-1] != _SPECTRAL or _SPECTRAL not in data.coords:
        raise InputError(
            f"to_hyperspy: found the dimensions {', '.join(map(str, data.dims))}, expected 'wavenumber' as the last, "
            "with its coordinate in cm⁻¹; name it so, or transpose the map."
        )
    attrs = {name: str(value) for name, value in data.attrs.items()}
    metadata = {
        "General": {"title": attrs.get("title", ""), "original_filename": attrs.get("source_file", "")},
        "Signal": {"quantity": f"Intensity ({attrs.get('units', 'a.u.')})"},
    }
    kept = {_OWN: json.dumps(attrs, ensure_ascii=False)}
    return signals.Signal1D(data.values, axes=to_hyperspy_axes(data), metadata=metadata, original_metadata=kept)


def from_hyperspy(signal: Any, like: xarray.DataArray | None = None, *, laser: float | None = None) -> xarray.DataArray:
    """A HyperSpy signal of one spectral axis as a map.

    signal: a Signal1D, lazy ones too, which are computed. Its axes' names ("x", "Y", "time") and units are kept,
    lengths in µm; two navigation axes without names are y and x. A signal axis in nm or eV needs `laser`.
    like: the map that the signal was made of by `to_hyperspy`, if it was: dimensions, coordinates and attributes are
    taken from there. The wavenumbers are always the signal's own.
    laser: its wavelength in nm.

    Raises InputError if the signal has not one signal axis, or an axis that is not spectral, or its shape does not fit.
    """
    manager = signal.axes_manager
    if len(manager.signal_axes) != 1:
        raise InputError(
            f"from_hyperspy: found a signal of {len(manager.signal_axes)} signal axes, expected one, the spectral; "
            "signal.as_signal1D(axis) makes it so."
        )
    spectral = manager.signal_axes[0]
    outer = sorted(manager.navigation_axes, key=lambda axis: axis.index_in_array)
    values = np.moveaxis(np.asarray(signal.data), spectral.index_in_array, -1)
    if not outer:
        # One spectrum: HyperSpy may keep an axis of length 1.
        values = values.reshape(-1)
    unit = _text(spectral.units) or ("nm" if "wavelength" in _text(spectral.name).lower() else "")
    wavenumbers = raman_shift(np.asarray(spectral.axis), unit, laser, _SOURCE)
    dims, coords, lengths = _navigation(outer)
    own = _own_attrs(signal)
    found = build_map(
        *(values, wavenumbers, dims, coords),
        path=_SOURCE,
        instrument="",
        title=str(signal.metadata.get_item("General.title", "") or ""),
        units=_unit(str(signal.metadata.get_item("Signal.quantity", "") or "")),
        position_units="um" if lengths else "pixel",
    )
    if like is None:
        return found.assign_attrs({**found.attrs, **own})
    if found.shape[:-1] != like.shape[:-1]:
        raise InputError(
            f"from_hyperspy: found {found.shape[:-1]} spectra, but 'like' has {like.shape[:-1]}; give the map that the "
            "signal was made of, or none."
        )
    kept = {name: coordinate for name, coordinate in like.coords.items() if _SPECTRAL not in coordinate.dims}
    import xarray

    coordinates = {**kept, _SPECTRAL: found[_SPECTRAL]}
    return xarray.DataArray(found.values, coordinates, like.dims, name=like.name, attrs=like.attrs)


def is_hyperspy(spectra: Any) -> bool:
    """Whether this looks like a HyperSpy signal."""
    return hasattr(spectra, "axes_manager") and hasattr(spectra, "data") and hasattr(spectra, "original_metadata")


def _navigation(axes: list[Any]) -> tuple[tuple[str, ...], dict[str, Any], bool]:
    """Dimensions, their coordinates in µm and s, and whether the lengths among them have a unit."""
    names = [axis_name(_text(axis.name)) if _text(axis.name) else "" for axis in axes]
    if len(set(names)) < len(names) or not all(names):
        names = list(_DIMS.get(len(axes), tuple(f"axis_{number}" for number in range(len(axes)))))
    coords, lengths = {}, True
    for name, axis in zip(names, axes, strict=True):
        unit, values = _text(axis.units), np.asarray(axis.axis, np.float64)
        if name in ("x", "y", "z", "distance"):
            known = unit.lower() in _MICROMETRES or unit in TO_UM
            lengths &= known
            values = TO_UM.get(unit, 1.0) * values
        if name in _KNOWN and name != "spectrum":
            coords[name] = values
    return tuple(names), coords, lengths


def _text(value: Any) -> str:
    """A name or unit; '' where HyperSpy has none, which prints as <undefined>."""
    text = str(value or "").strip()
    return "" if text.startswith("<") else text


def _unit(quantity: str) -> str:
    """The unit in 'Intensity (counts)'."""
    found = re.search(r"\(([^()]+)\)\s*$", quantity)
    return found[1] if found else "a.u."


def _own_attrs(signal: Any) -> dict[str, str]:
    try:
        found = json.loads(signal.original_metadata.get_item(_OWN, "{}"))
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


_UNITS = {"um": "µm", "cm-1": "1/cm"}
# A stage's steps and a linear axis written with a few digits are even for all purposes.
_EVEN = 1e-4


def to_hyperspy_axes(data: xarray.DataArray) -> list[dict[str, Any]]:
    """One dictionary a dimension of `data`, in its order; the last one, `wavenumber`, is the signal axis.

    Evenly spaced coordinates become 'offset' and 'scale' (each value kept within a ten-thousandth of a step),
    others 'axis', which HyperSpy 1.7 and later takes; a dimension without a coordinate counts from 0.
    """
    return [_axis(data, str(dim)) for dim in data.dims]


def _axis(data: xarray.DataArray, dim: str) -> dict[str, Any]:
    # Without a coordinate, xarray gives 0, 1, 2 ...
    values = np.asarray(data[dim].values)
    units = data[dim].attrs.get("units", "") if dim in data.coords else ""
    described = {"name": dim, "units": _UNITS.get(units, units), "navigate": dim != "wavenumber"}
    if values.dtype.kind not in "iuf":
        values = np.arange(len(values))
    step = float(values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else 1.0
    even = np.abs(values - (values[0] + step * np.arange(len(values)))).max() <= _EVEN * abs(step)
    if even and step != 0:
        return described | {"size": len(values), "offset": float(values[0]), "scale": step}
    return described | {"axis": values}
