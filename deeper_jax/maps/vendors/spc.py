"""Read GRAMS / Thermo Galactic files (.spc): one spectrum, several on one axis, and series, lines and maps of them.

The headers are the library spc_io's; the walk from subfile to subfile is here, as the library refuses files with
arbitrary Z values and takes a lone spectrum's exponent from the wrong header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ctypes import sizeof
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.grid import Arrangement, arrange
from deeper_jax.maps.names import laser_in, unit_in
from deeper_jax.maps.raman_map import build_map
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

# Axis types of the header that are spectral, with the unit.
_SPECTRAL = {0: "", 1: "", 2: "um", 3: "nm", 13: "", 14: "eV"}
_FLOAT = -128


def read_spc(request: Request) -> xarray.DataArray:
    """The spectra of a .spc file of the new format, least significant byte first.

    Subfiles on one axis are a series where Z is a time, a line scan where Z is a length, a map where the planes W
    are lengths too or the log gives the numbers of points and lines, else a list. Raises InputError for the old
    and the big-endian format, for subfiles with axes of their own that differ, and for a file cut short.
    """
    from spc_io.low_level.headers import spchdr, sub_hdr

    path = request.path
    content = path.read_bytes()
    _check_version(content, path)
    main = spchdr.SpcHdr.from_buffer_copy(content)
    axes, spectra, sub_headers = _subfiles(content, main, sub_hdr.SubHdr, path)
    log = _log(content, int(main.flogoff))
    laser = laser_in(log)
    axis = _one_axis(axes, path)
    kind = axis_type(main, "fxtype")
    if kind not in _SPECTRAL:
        raise InputError(
            f"{path}: found an axis of type {kind} (fxtype), expected a Raman shift, wavenumber or wavelength; "
            "export the spectra with a spectral axis."
        )
    found = arrange_subfiles(main, sub_headers, log)
    # The label, where the header has one and no type, tells what the axis is.
    label = _decode(bytes(main.fcatxt)) if kind == 0 else ""
    return build_map(
        found.place(spectra),
        request.shift(axis, _SPECTRAL[kind] or unit_in(label), laser),
        found.dims,
        found.coords,
        path=path,
        position_units=found.position_units,
        instrument=_decode(main.fsource),
        title=_decode(main.fcmnt),
        units="counts" if axis_type(main, "fytype") == 4 else "a.u.",
        metadata=log | {"laser_nm": laser, "resolution": _decode(main.fres), "method": _decode(main.fmethod)},
    )


def _check_version(content: bytes, path: Path) -> None:
    version = content[1] if len(content) > 1 else 0
    if version == 0x4B and len(content) >= 512:
        return
    known = {0x4C: "the big-endian format", 0x4D: "the old format of before 1996", 0x4B: "a header cut short"}
    found = known.get(version, f"version byte {version:#x}")
    raise InputError(
        f"{path}: found {found}, expected a GRAMS .spc file of the new format (version byte 0x4b); "
        "save it again in GRAMS or the instrument's software."
    )


def _decode(text: bytes) -> str:
    return text.split(b"\0")[0].decode("latin-1").strip()


def _subfiles(content: bytes, main: Any, sub_type: Any, path: Path) -> tuple[list[np.ndarray], np.ndarray, list[Any]]:
    """(axes, spectra [N, L], headers): an axis for each subfile if each has its own, else one for all."""
    flags, place, length = main.ftflgs, 512, int(main.fnpts)
    own_axes = bool(flags.TXYXYS and flags.TXVALS)
    axes: list[np.ndarray] = []
    spectra: list[np.ndarray] = []
    found: list[Any] = []
    if not own_axes:
        if flags.TXVALS:
            axes.append(_take(content, place, "<f4", length, path).astype(np.float64))
            place += 4 * length
        else:
            axes.append(np.linspace(main.ffirst, main.flast, length))
    for _ in range(max(int(main.fnsub), 1)):
        if place + sizeof(sub_type) > len(content):
            raise _cut_short(path)
        header = sub_type.from_buffer_copy(content, place)
        place += sizeof(sub_type)
        points = int(header.subnpts) if own_axes else length
        if own_axes:
            axes.append(_take(content, place, "<f4", points, path).astype(np.float64))
            place += 4 * points
        exponent = int(header.subexp) if flags.TMULTI else int(main.fexp)
        floating = _FLOAT in (exponent, int(main.fexp))
        kind, bits = ("<f4", 0) if floating else ("<i2", 16) if flags.TSPREC else ("<i4", 32)
        raw = _take(content, place, kind, points, path)
        place += raw.nbytes
        spectra.append(raw if floating else raw * 2.0 ** (exponent - bits))
        found.append(header)
    if len({spectrum.size for spectrum in spectra}) > 1:
        raise InputError(
            f"{path}: found spectra of {sorted({s.size for s in spectra})} channels, expected one axis for all; "
            "export them on one axis, or one file a spectrum."
        )
    return axes, np.stack(spectra), found


def _take(content: bytes, place: int, kind: str, count: int, path: Path) -> np.ndarray:
    if place + np.dtype(kind).itemsize * count > len(content):
        raise _cut_short(path)
    return np.frombuffer(content, kind, count, place)


def _cut_short(path: Path) -> InputError:
    return InputError(
        f"{path}: found a file that ends before its spectra do, expected all that its header tells; "
        "it is damaged or cut short, copy it again."
    )


def _one_axis(axes: Sequence[np.ndarray], path: Path) -> np.ndarray:
    if any(not np.array_equal(axis, axes[0]) for axis in axes[1:]):
        raise InputError(
            f"{path}: found {len(axes)} spectra on axes that differ, expected one axis for all; "
            "resample them to one axis in GRAMS, or export one file a spectrum."
        )
    return axes[0]


def _log(content: bytes, offset: int) -> dict[str, str]:
    """{name: value} of the log's text; {} where there is none."""
    if not 512 <= offset <= len(content) - 64:
        return {}
    size, _, start = np.frombuffer(content, "<u4", 3, offset)
    text = content[offset + int(start) : offset + int(size)].split(b"\0")[0].decode("latin-1")
    pairs = [re.split("[=:]", line, maxsplit=1) for line in re.split(r"[\r\n]+", text)]
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2 and pair[0].strip()}


# Axis types of the header that are lengths, in um, and times, in s.
_TO_UM = {2: 1.0, 3: 1e-3, 27: 1e4, 28: 1e6, 29: 1e3}
_TO_SECONDS = {4: 1.0, 5: 60.0, 11: 86400.0, 12: 31557600.0, 23: 1e-3, 24: 1e-6, 25: 1e-9, 30: 3600.0}
_COLUMNS = ("sizex", "pointsperline", "nx", "xpoints", "columns")
_ROWS = ("sizey", "linesperimage", "ny", "ypoints", "rows")


def arrange_subfiles(main: Any, headers: Sequence[Any], log: dict[str, str]) -> Arrangement:
    """A series where Z is a time, a line where it is a length, a map where W is one too or the log counts its points.

    main: the file's header, headers: those of the subfiles, log: the names and values of the log's text.
    Anything else is a list with the coordinate z_value, as the file has it.
    """
    count = len(headers)
    if count == 1:
        return arrange(1, {})
    z, w = _z_values(main, headers), np.array([header.subwlevel for header in headers], np.float64)
    plain = {re.sub("[^a-z]", "", name.lower()): value for name, value in log.items()}
    columns, rows = (_integer(plain, names) for names in (_COLUMNS, _ROWS))
    if columns * rows == count and min(columns, rows) > 1:
        place = np.arange(count)
        coords = {"y": np.arange(float(rows)), "x": np.arange(float(columns))}
        return Arrangement(("y", "x"), (rows, columns), place, coords, "pixel")
    z_kind, w_kind = axis_type(main, "fztype"), axis_type(main, "fwtype")
    planes = int(main.fwplanes)
    if planes > 1 and count % planes == 0:
        if np.ptp(w) == 0:
            w = main.fwinc * (np.arange(count) // (count // planes)) + w[0]
        if z_kind in _TO_UM and w_kind in _TO_UM:
            return arrange(count, {"x": _TO_UM[z_kind] * z, "y": _TO_UM[w_kind] * w})
    name, scale = ("time", _TO_SECONDS[z_kind]) if z_kind in _TO_SECONDS else ("distance", _TO_UM.get(z_kind, 0.0))
    if scale and planes <= 1 and len(np.unique(z)) == count:
        along = scale * z
        return Arrangement((name,), (count,), np.arange(count), {name: along if name == "time" else along - along[0]})
    return Arrangement(("spectrum",), (count,), np.arange(count), {"z_value": ("spectrum", z)})


def _z_values(main: Any, headers: Sequence[Any]) -> np.ndarray:
    """The Z of each subfile: its own, or evenly spaced by the header where the flags say the values are even."""
    own = np.array([header.subfirst for header in headers], np.float64)
    planes = max(int(main.fwplanes), 1)
    if main.ftflgs.TRANDM or main.ftflgs.TORDRD or len(np.unique(own)) * planes >= len(own):
        return own
    step = float(main.fzinc) or float(headers[0].subnext) - float(headers[0].subfirst)
    return own[0] + step * (np.arange(len(own)) % max(len(own) // planes, 1))


def axis_type(main: Any, field: str) -> int:
    """The number of an axis type: the library gives its name, and fails on numbers it has no name for."""
    return bytes(main)[getattr(type(main), field).offset]


def _integer(values: dict[str, str], names: Sequence[str]) -> int:
    for name in names:
        if (found := re.match(r"\d+", values.get(name, ""))) is not None:
            return int(found.group())
    return 0
