"""Read Renishaw WiRE files (.wdf): single spectra, maps, lines, depth and time series, stacks, interrupted scans.

The library renishaw_wdf gives the blocks, the axes and the position of every spectrum (the block ORGN). It hands
the spectra out in the order of collection; here they are placed by their positions on the grid that the block
WMAP planned, so rows, columns, snakes, line-focus and interrupted maps all come out as they lay on the sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.grid import Arrangement, arrange
from deeper_jax.maps.raman_map import build_map
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

_TO_UM = {"Micron": 1.0, "Nanometre": 1e-3, "Millimetres": 1e3, "Metres": 1e6}
_TO_SECONDS = {"Seconds": 1.0, "Milliseconds": 1e-3, "Microseconds": 1e-6, "Hours": 3600.0, "Days": 86400.0}


def read_wdf(request: Request) -> xarray.DataArray:
    """The measurement of a .wdf file. Raises InputError if the file is cut short or holds no Raman spectrum."""
    import wdf

    path = request.path
    with wdf.Wdf(str(path)) as file:
        _check_complete(wdf, file, path)
        header = file.hdr
        laser = 1e7 / header.laser_wavenumber if header.laser_wavenumber > 0 else None
        wavenumbers = _wavenumbers(file, laser, request)
        spectra = _collected(wdf, file, path)
        arrangement = arrange_scan(len(spectra), header.nspectra, _positions(file), _map_area(file))
        return build_map(
            arrangement.place(spectra),
            wavenumbers,
            arrangement.dims,
            arrangement.coords,
            path=path,
            instrument=f"Renishaw {header.appname} {header.appversion}".strip(),
            title=header.title,
            units="counts" if header.units.name == "Counts" else "a.u.",
            metadata=_metadata(file, laser, arrangement),
        )


def _check_complete(wdf: Any, file: Any, path: Path) -> None:
    # The library's own walk never ends on a block of no size, and passes over one that ends beyond the file.
    size, position, found = path.stat().st_size, 0, set()
    while position + 16 <= size:
        file.fd.seek(position)
        block = wdf.WdfBlock.fromstream(file.fd)
        if block.size < 16:
            break
        found.add(block.id)
        position += block.size
    if position != size or not {wdf.WdfBlockId.DATA, wdf.WdfBlockId.XLIST} <= found:
        raise InputError(
            f"{path}: found {size} bytes that end before the file's own blocks do, expected a complete .wdf file; "
            "it is damaged or cut short, copy it again."
        )
    if file.hdr.ncollected < 1:
        raise InputError(f"{path}: found no collected spectrum, expected at least one; measure or copy it again.")


def _wavenumbers(file: Any, laser: float | None, request: Request) -> np.ndarray:
    header, axis, path = file.hdr, file.xlist(), request.path
    if header.ylistcount > 1:
        raise InputError(
            f"{path}: found a camera image of {header.xlistcount} x {header.ylistcount} pixels, expected spectra; "
            "export the spectra alone."
        )
    if header.xlistcount != header.npoints:
        raise InputError(
            f"{path}: found an axis of {header.xlistcount} points for spectra of {header.npoints}, expected one axis "
            "for all spectra (multitrack files have one each); export it with one axis."
        )
    unit = {"Nanometre": "nm", "Wavenumber": "abs 1/cm", "RamanShift": "1/cm"}.get(axis.units.name)
    if unit is None:
        raise InputError(
            f"{path}: found a spectral axis in {axis.units.name}, expected the Raman shift or a wavelength; "
            "change the axis in WiRE and save the file again."
        )
    return request.shift(np.array(axis), unit, laser)


def _collected(wdf: Any, file: Any, path: Path) -> np.ndarray:
    """The spectra as collected, [ncollected, L], float32. Read at once: the library unpacks one by one."""
    count, length = file.hdr.ncollected, file.hdr.npoints
    block, position = file.find_section(wdf.WdfBlockId.DATA)
    if block.size - 16 < 4 * count * length:
        raise InputError(
            f"{path}: found {block.size - 16} bytes of spectra, expected {4 * count * length} for {count} spectra "
            f"of {length} channels; the file is damaged, copy it again."
        )
    return np.fromfile(path, "<f4", count * length, offset=position + 16).reshape(count, length)


def _positions(file: Any) -> dict[str, np.ndarray]:
    """x, y, z in um and time in s from the first, each [nspectra], as far as the file has them."""
    positions: dict[str, np.ndarray] = {}
    try:
        origins = {kind.name: origin for kind, origin in file.origins.items()}
    except EOFError:
        return positions
    for axis in "XYZ":
        origin = origins.get(f"Spatial_{axis}")
        if origin is not None and origin.dataunit.name in _TO_UM:
            positions[axis.lower()] = _TO_UM[origin.dataunit.name] * np.array(origin[: len(origin)], np.float64)
    time = origins.get("ElapsedTime") if "Time" not in origins else origins["Time"]
    if time is not None and (seconds := _seconds(time)) is not None:
        positions["time"] = seconds
    return positions


def _seconds(origin: Any) -> np.ndarray | None:
    if origin.dataunit.name == "FileTime":
        stamps = origin[: len(origin)]
        return np.array([(stamp - stamps[0]).total_seconds() for stamp in stamps])
    if origin.dataunit.name in _TO_SECONDS:
        return _TO_SECONDS[origin.dataunit.name] * np.array(origin[: len(origin)], np.float64)
    return None


def _map_area(file: Any) -> Any | None:
    try:
        return file.map_area
    except EOFError:
        return None


def _metadata(file: Any, laser: float | None, arrangement: Arrangement) -> dict[str, Any]:
    header = file.hdr
    area = _map_area(file)
    return {
        "laser_nm": laser,
        "accumulations": header.naccum,
        "started": header.time_start.isoformat(),
        "ended": header.time_end.isoformat(),
        "user": header.user,
        "comment": file.comment(),
        "measurement": header.type.name,
        "collected_spectra": header.ncollected,
        "planned_spectra": int(np.prod(arrangement.shape, dtype=int)),
        "map_flags": str(area.flags) if area is not None else "",
    }


# Bits of the WMAP block's flags.
_RANDOM, _COLUMN_MAJOR, _ALTERNATING, _XY_LINE = 1, 2, 4, 128


def arrange_scan(collected: int, planned: int, positions: Mapping[str, np.ndarray], area: Any | None) -> Arrangement:
    """The arrangement of `collected` spectra of a scan of `planned`.

    positions: x, y, z in um and time in s, each [planned], the later ones meaningless where not collected. area:
    the WMAP block with `start`, `step` and `count` in x, y, z and `flags`, or None where the file has none. The
    grid is the planned one: its uncollected places stay empty.
    """
    here = {name: values[:collected] for name, values in positions.items()}
    count = {} if area is None else {name: max(int(getattr(area.count, name)), 1) for name in "xyz"}
    if area is None or area.flags & _RANDOM or np.prod(list(count.values())) < max(collected, 2):
        return _without_area(collected, planned, positions)
    if area.flags & _XY_LINE or count["y"] == count["z"] == 1 or count["x"] == count["z"] == 1:
        return _along_line(collected, positions, count)
    if count["x"] == count["y"] == 1:
        return _without_area(collected, count["z"], positions)
    if not {"x", "y"} <= set(here):
        return _by_order(collected, area, count)
    return _by_position(collected, here, area, count) or arrange(collected, here)


def _without_area(collected: int, planned: int, positions: Mapping[str, np.ndarray]) -> Arrangement:
    here = {name: values[:collected] for name, values in positions.items()}
    found = arrange(collected, here)
    if planned <= collected or found.dims not in (("z",), ("time",), ("distance",)):
        return found
    return arrange_planned_series(collected, planned, positions, found)


def arrange_planned_series(
    collected: int, planned: int, positions: Mapping[str, np.ndarray], found: Arrangement
) -> Arrangement:
    """The series `found`, of the first `collected` spectra, made as long as it was planned."""
    full = {name: _continued(values, collected, planned) for name, values in positions.items()}
    whole = arrange(planned, full)
    if whole.dims != found.dims:
        return found
    return Arrangement(whole.dims, whole.shape, np.arange(collected), whole.coords)


def _continued(values: np.ndarray, collected: int, planned: int) -> np.ndarray:
    """Positions [planned]: the collected ones, then the file's own where they go on, else the same step again."""
    stored = values[:planned]
    steps = np.diff(stored)
    if (
        len(stored) == planned
        and np.isfinite(stored).all()
        and any(s.all() for s in (steps > 0, steps < 0, steps == 0))
    ):
        return stored
    start = values[:collected]
    step = np.median(np.diff(start)) if collected > 1 else 0.0
    return np.concatenate([start, start[-1] + step * np.arange(1, planned - collected + 1)])


def _along_line(collected: int, positions: Mapping[str, np.ndarray], count: Mapping[str, int]) -> Arrangement:
    along = max(count["x"], count["y"])
    if count["z"] == 1:
        return _without_area(collected, along, positions)
    # A vertical slice under a line: its x is the distance along the line, as on a map that is rotated.
    here = {name: values[:collected] for name, values in positions.items()}
    origin = {name: here.get(name, np.zeros(collected)) for name in "xy"}
    distance = np.hypot(origin["x"] - origin["x"][0], origin["y"] - origin["y"][0])
    found = arrange(collected, {"x": distance, "z": here.get("z", np.zeros(collected))})
    if found.dims != ("z", "y", "x"):
        return arrange(collected, here)
    corners = {name: found.place(values[:, None])[0, :, :, 0] for name, values in origin.items()}
    found.coords.update({f"{name}_stage": (("y", "x"), values) for name, values in corners.items()})
    return found


def _by_position(
    collected: int, here: Mapping[str, np.ndarray], area: Any, count: Mapping[str, int]
) -> Arrangement | None:
    dims = ("z", "y", "x") if count["z"] > 1 else ("y", "x")
    lines = {}
    for name in dims:
        if count[name] == 1:
            place = float(here[name][0]) if name in here else float(getattr(area.start, name))
            lines[name] = (np.array([place]), np.zeros(collected, int))
        elif name not in here or (found := _on_grid(here[name], area, name, count[name])) is None:
            return None
        else:
            lines[name] = found
    shape = tuple(count[name] for name in dims)
    index = np.ravel_multi_index([lines[name][1] for name in dims], shape)
    if len(np.unique(index)) < collected:
        return None
    found_here = Arrangement(dims, shape, index, {name: lines[name][0] for name in dims})
    if "z" in here and "z" not in dims:
        level = np.ptp(here["z"]) == 0
        surface = found_here.place(here["z"][:, None])[..., 0]
        found_here.coords["z"] = ((), here["z"][0]) if level else (("y", "x"), surface)
    return found_here


def _on_grid(values: np.ndarray, area: Any, name: str, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The grid lines [count] and each position's line, or None where the positions are not on the planned grid."""
    start, step = getattr(area.start, name), getattr(area.step, name)
    if step == 0:
        return None
    exact = (values - start) / step
    index = np.rint(exact).astype(int)
    if (index < 0).any() or (index >= count).any() or (np.abs(exact - index) > 0.3).any():
        return None
    # The origins are doubles, the plan is floats: lines that were reached take the origins' numbers.
    first, last = np.argmin(index), np.argmax(index)
    if index[last] > index[first]:
        step = (values[last] - values[first]) / (index[last] - index[first])
    lines = values[first] + step * (np.arange(count) - index[first])
    reached, where = np.unique(index, return_index=True)
    lines[reached] = values[where]
    return lines, index


def _by_order(collected: int, area: Any, count: Mapping[str, int]) -> Arrangement:
    """For files without positions: the order of collection as the flags of the plan tell it."""
    height, width, layers = count["y"], count["x"], count["z"]
    fast, slow = (height, width) if area.flags & _COLUMN_MAJOR else (width, height)
    number = np.arange(collected)
    layer, within = number // (fast * slow), number % (fast * slow)
    line, point = within // fast, within % fast
    if area.flags & _ALTERNATING:
        point = np.where(line % 2, fast - 1 - point, point)
    row, column = (point, line) if area.flags & _COLUMN_MAJOR else (line, point)
    dims = ("z", "y", "x") if layers > 1 else ("y", "x")
    coords = {
        name: getattr(area.start, name) + getattr(area.step, name) * np.arange(count[name], dtype=float)
        for name in dims
    }
    shape = tuple(count[name] for name in dims)
    return Arrangement(dims, shape, (layer * height + row) * width + column, coords)
