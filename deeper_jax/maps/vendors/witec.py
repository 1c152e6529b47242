"""Read WITec project and data files (.wip, .wid) and the MATLAB structures that WITec Project exports.

The library witio gives the entries, their arrays and their calibrations. A project holds many measurements; the
map is taken where there is one, the largest where they are of one kind, and `entry` decides otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.io

from deeper_jax.errors import InputError
from deeper_jax.maps.formats.mat_file import load_mat
from deeper_jax.maps.grid import dropped_shape, plane_form
from deeper_jax.maps.names import unit_in
from deeper_jax.maps.raman_map import build_map, empty_to_missing
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

_SPECTRAL = ("TDSpectralTransformation", "TDLUTTransformation", "TDLinearTransformation")
# A map counts before any line or series, whatever their sizes.
_MAP_FIRST = 1 << 40


def read_wip(request: Request) -> xarray.DataArray:
    """A measurement of a .wip or .wid file. Raises InputError if there is none, or several and no `entry`."""
    import witio

    path = request.path
    _check_complete(path)
    project = witio.read(path)
    graphs = [item for item in project.find(class_name="TDGraph") if _is_spectral(item)]
    if not graphs:
        raise InputError(
            f"{path}: found no graph with a spectral axis among {len(project.data)} entries, expected spectra; "
            "save the spectra in the project."
        )
    names = [str(item.caption) for item in graphs]
    return _read_graph(graphs[request.choose(names, [_rank(item) for item in graphs])], names, request)


def _check_complete(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(4096)
    (length,) = struct.unpack_from("<I", head, 8)
    _, _, end = struct.unpack_from("<IQQ", head, 12 + length)
    if end > path.stat().st_size:
        raise InputError(
            f"{path}: found {path.stat().st_size} bytes, expected the {end} that its header tells; "
            "the file is damaged or cut short, copy it again."
        )


def _linked(item: Any, field: str) -> Any | None:
    tag = item.payload.find(field)
    return None if tag is None else item.project.find_by_id(tag.scalar())


def _is_spectral(item: Any) -> bool:
    """Whether the graph's own axis is a wavelength or a Raman shift: not a time, a distance or a frequency."""
    if item.payload is None or _size(item, "SizeGraph") < 2:
        return False
    transformation, interpretation = _linked(item, "XTransformationID"), _linked(item, "XInterpretationID")
    if interpretation is not None:
        return interpretation.class_name == "TDSpectralInterpretation"
    return transformation is not None and transformation.class_name == _SPECTRAL[0]


def _size(item: Any, field: str) -> int:
    return int(item.payload[field].scalar())


def _rank(item: Any) -> int:
    columns, rows = _size(item, "SizeX"), _size(item, "SizeY")
    return rows * columns + (_MAP_FIRST if min(rows, columns) > 1 else 0)


def _read_graph(item: Any, names: list[str], request: Request) -> xarray.DataArray:
    values = item.array().transpose(1, 0, 2)
    shape = values.shape[:2]
    laser = _laser(item)
    wavenumbers = _wavenumbers(item, laser, request)
    # A calibration polynomial is held constant outside its range: those channels have no place on the axis.
    moves = np.diff(wavenumbers) != 0
    kept = np.append(moves, False) | np.insert(moves, 0, False)
    dims, coords, units = _form(item, shape)
    z_unit = _linked(item, "ZInterpretationID")
    unit = z_unit.payload.find("UnitName") if z_unit is not None and z_unit.payload is not None else None
    return build_map(
        empty_to_missing(values[..., kept]).reshape(*dropped_shape(dims, shape), int(kept.sum())),
        wavenumbers[kept],
        dims,
        coords,
        path=request.path,
        instrument="WITec",
        title=str(item.caption),
        units="counts" if unit is not None and "cts" in str(unit.scalar()) else "a.u.",
        metadata=_metadata(item, laser, names),
        position_units=units,
    )


def _laser(item: Any) -> float | None:
    interpretation = _linked(item, "XInterpretationID")
    if interpretation is not None and interpretation.class_name == "TDSpectralInterpretation":
        laser = float(interpretation.payload["ExcitationWaveLength"].scalar())
        return laser if laser > 0 else None
    laser = item.measurement_metadata.get("laser_wavelength_nm")
    return float(laser) if laser else None


def _wavenumbers(item: Any, laser: float | None, request: Request) -> np.ndarray:
    values, unit = item.x_axis("nm")
    if unit != "nm":
        raise InputError(
            f"{request.path}: found '{item.caption}' with an axis in '{unit}', expected a wavelength; "
            "calibrate the spectra."
        )
    return request.shift(np.asarray(values), unit, laser)


def _form(item: Any, shape: tuple[int, int]) -> tuple[tuple[str, ...], dict[str, Any], str]:
    transformation = _linked(item, "SpaceTransformationID")
    if transformation is None:
        return plane_form(None, shape)
    rows, columns = np.indices(shape, dtype=float)
    if transformation.class_name == "TDSpaceTransformation":
        pixels = np.stack([columns, rows, np.zeros(shape)], axis=-1)
        positions, unit = transformation.apply_space_transform(pixels)
        if unit != "um":
            return plane_form(None, shape)
        dims, coords, units = plane_form(positions, shape)
        return _as_depth(dims, coords, units)
    if min(shape) > 1:
        return plane_form(None, shape)
    values, unit = transformation.apply_transform(np.arange(max(shape), dtype=float))
    if max(shape) == 1:
        return (), {}, "um"
    if unit == "s":
        return ("time",), {"time": values}, "um"
    if unit in ("µm", "um", "\u03bcm"):
        return ("distance",), {"distance": values}, "um"
    return plane_form(None, shape)


def _as_depth(dims: tuple[str, ...], coords: dict[str, Any], units: str) -> tuple[tuple[str, ...], dict[str, Any], str]:
    """A line scan straight along z is a depth series."""
    if dims != ("distance",):
        return dims, coords, units
    x, y, z = (coords[name][1] for name in "xyz")
    if np.ptp(z) > 0 and max(np.ptp(x), np.ptp(y)) < 1e-6 * np.ptp(z):
        return ("z",), {"z": z, "x": ((), x[0]), "y": ((), y[0])}, units
    if np.ptp(x) == np.ptp(y) == np.ptp(z) == 0:
        return ("spectrum",), {}, units
    return dims, coords, units


def _metadata(item: Any, laser: float | None, names: list[str]) -> dict[str, Any]:
    metadata = {"laser_nm": laser, "entries": names} | item.measurement_metadata
    prefix = str(item.caption).split("_Spec")[0]
    for text in item.project.find(class_name="TDText"):
        if str(text.caption).startswith(prefix) and text.tag.find("TDStream") is not None:
            metadata["information"] = " | ".join(line for line in text.text().splitlines() if line.strip())
    return metadata


def read_witec_structure(request: Request) -> xarray.DataArray | None:
    """The measurement of a .mat file that holds structures with 'data' and 'axisscale'; None if it holds none.

    data: [N, L], the first dimension of imagesize varying fastest; imagesize: [rows, columns] of a map; axisscale:
    the spectral axis and its unit; imageaxisscale: y and x. Raises InputError if several fit and `entry` is None.
    """

    path = request.path
    # WITec's structures are of the class 'dataset'; plain ones from a script will do as well.
    plain = {"double", "single", "char", "logical", "sparse", "cell"} | {
        f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)
    }
    if {kind for _, _, kind in scipy.io.whosmat(path)} <= plain:
        return None
    content = load_mat(path)
    found = dict(pair for name, value in content.items() for pair in _datasets(name, value))
    if not found:
        return None
    names = list(found)
    name = names[request.choose(names, [value["data"].size for value in found.values()])]
    data = found[name]
    spectra = empty_to_missing(np.atleast_2d(data["data"]))
    scales = np.atleast_2d(data["axisscale"])
    scales = scales.T if scales.shape[0] == 1 else scales
    axis = scales[1, 0]
    unit = _text(scales[1, 1]) if scales.shape[1] > 1 else ""
    if not unit and "title" in data.dtype.names and np.shape(data["title"])[:1] == (2,):
        unit = unit_in(_text(np.ravel(data["title"][1])[0]))
    if axis.size != spectra.shape[1]:
        raise InputError(
            f"{path}: found {axis.size} places on the axis of '{name}' for spectra of {spectra.shape[1]} channels, "
            "expected as many; export it from WITec again."
        )
    values, dims, coords, units = _structure_form(data, spectra)
    return build_map(
        values,
        request.shift(axis.ravel(), unit),
        dims,
        coords,
        path=path,
        instrument="WITec",
        title=_text(data["name"]) if "name" in data.dtype.names else name,
        units="a.u.",
        metadata={"entries": names, "date": [float(part) for part in np.ravel(data["date"])]}
        if "date" in data.dtype.names
        else {},
        position_units=units,
    )


def _datasets(name: str, value: object) -> Iterator[tuple[str, Any]]:
    """The structures with 'data' and 'axisscale', in other structures too."""
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.names:
        if {"data", "axisscale"} <= set(value.dtype.names):
            yield name, value.ravel()[0]
        else:
            for field in value.dtype.names:
                yield from _datasets(field, value.ravel()[0][field])


def _text(value: Any) -> str:
    return str(np.ravel(value)[0]).strip() if np.size(value) else ""


def _structure_form(data: Any, spectra: np.ndarray) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any], str]:
    size = np.ravel(data["imagesize"]).astype(int) if "imagesize" in data.dtype.names else np.zeros(0, int)
    if len(spectra) == 1:
        return spectra[0], (), {}, "um"
    if size.size != 2 or size.prod() != len(spectra):
        return spectra, ("spectrum",), {}, "um"
    scales = (
        [np.ravel(data["imageaxisscale"][place, 0]) for place in (0, 1)] if "imageaxisscale" in data.dtype.names else []
    )
    known = len(scales) == 2 and all(scale.size == n for scale, n in zip(scales, size, strict=True))
    y, x = scales if known else [np.arange(float(n)) for n in size]
    units = "um" if known else "pixel"
    cube = spectra.reshape(size[0], size[1], -1, order="F")
    if 1 in size:
        along = y if size[0] > 1 else x
        return spectra, ("distance",), {"distance": along - along[0]}, units
    return cube, ("y", "x"), {"y": y, "x": x}, units
