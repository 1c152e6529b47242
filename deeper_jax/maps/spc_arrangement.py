"""Arrange the subfiles of a .spc file by what its header and log tell of Z, W and the numbers of points."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeper_jax.maps.scan_grid import Arrangement, arrange

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
