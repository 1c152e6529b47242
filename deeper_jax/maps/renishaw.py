"""Read Renishaw WiRE files (.wdf): single spectra, maps, lines, depth and time series, stacks, interrupted scans.

The library renishaw_wdf gives the blocks, the axes and the position of every spectrum (the block ORGN). It hands
the spectra out in the order of collection; here they are placed by their positions on the grid that the block
WMAP planned, so rows, columns, snakes, line-focus and interrupted maps all come out as they lay on the sample.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.libraries import load_library
from deeper_jax.maps.raman_map import absolute_to_shift, build_map, wavelength_to_shift
from deeper_jax.maps.scan_grid import Arrangement
from deeper_jax.maps.wdf_arrangement import arrange_scan

if TYPE_CHECKING:
    import xarray

_TO_UM = {"Micron": 1.0, "Nanometre": 1e-3, "Millimetres": 1e3, "Metres": 1e6}
_TO_SECONDS = {"Seconds": 1.0, "Milliseconds": 1e-3, "Microseconds": 1e-6, "Hours": 3600.0, "Days": 86400.0}


def read_wdf(path: Path) -> "xarray.DataArray":
    """The measurement of a .wdf file. Raises InputError if the file is cut short or holds no Raman spectrum."""
    wdf = load_library("wdf", path)
    with wdf.Wdf(str(path)) as file:
        _check_complete(wdf, file, path)
        header = file.hdr
        laser = 1e7 / header.laser_wavenumber if header.laser_wavenumber > 0 else None
        wavenumbers = _wavenumbers(file, laser, path)
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


def _wavenumbers(file: Any, laser: float | None, path: Path) -> np.ndarray:
    header, axis = file.hdr, file.xlist()
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
    if axis.units.name == "Nanometre":
        return wavelength_to_shift(np.array(axis), laser, path)
    if axis.units.name == "Wavenumber":
        return absolute_to_shift(np.array(axis), laser, path)
    if axis.units.name != "RamanShift":
        raise InputError(
            f"{path}: found a spectral axis in {axis.units.name}, expected the Raman shift or a wavelength; "
            "change the axis in WiRE and save the file again."
        )
    return np.array(axis)


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
