"""Read WITec's text exports: the graph of three files (header, X axis, Y values), the table of one, and TrueMatch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.raman_map import build_map, empty_to_missing
from deeper_jax.maps.request import Request
from deeper_jax.maps.vendors.text_table import parse_table, read_lines

if TYPE_CHECKING:
    import xarray

_PARTS = ("Header", "X-Axis", "Y-Axis")
_PART = re.compile(r"([ _]\(?)(Header|X-Axis|Y-Axis)(\)?)$")
_PLACE = re.compile(r"\((\d+)/(\d+)\)\s*$")
_TO_UM = {"nm": 1e-3, "mm": 1e3, "m": 1e6}


def witec_graph_files(path: Path) -> dict[str, Path] | None:
    """{'Header', 'X-Axis', 'Y-Axis'} -> file, if `path` is one of WITec's three; None if it is not.

    Raises InputError naming the file that is missing beside it.
    """
    match = _PART.search(path.stem)
    if match is None:
        return None
    files = {
        part: path.with_name(f"{path.stem[: match.start()]}{match[1]}{part}{match[3]}{path.suffix}") for part in _PARTS
    }
    for part in ("X-Axis", "Y-Axis"):
        if not files[part].is_file():
            raise InputError(
                f"{path}: found one part of a WITec graph, expected '{files[part].name}' beside it; "
                "add the missing file."
            )
    return files


def read_witec_graph(files: dict[str, Path], request: Request) -> xarray.DataArray:
    """The measurement of a WITec graph export: a map of SizeY x SizeX, x fastest, or a series if either is 1.

    Positions run from ScanOriginX and ScanOriginY in steps of ScanWidth / SizeX and ScanHeight / SizeY; pixels are
    counted where the header has none. Spectra of zeros, of an aborted scan, become NaN.
    Raises InputError if the parts do not fit one another.
    """
    path = files["Y-Axis"]
    header = _pairs(read_lines(files["Header"])) if files["Header"].is_file() else {}
    axis, values = _column(files["X-Axis"]), _column(path)
    if not axis.size or values.size % axis.size or values.size == 0:
        raise InputError(
            f"{path}: found {values.size} values for an axis of {axis.size} channels in '{files['X-Axis'].name}', "
            "expected whole spectra; the file is cut short, export it again."
        )
    spectra = values.reshape(-1, axis.size)
    size = {name: int(header.get(key, 0)) for name, key in (("x", "SizeX"), ("y", "SizeY"))}
    told = header.get("SizeGraph", str(axis.size)), size["x"] * size["y"] or len(spectra)
    if told != (str(axis.size), len(spectra)):
        raise InputError(
            f"{path}: found {len(spectra)} spectra of {axis.size} channels, expected {told[1]} of {told[0]} as "
            f"'{files['Header'].name}' tells; export the three files again."
        )
    laser = re.search(r"[\d.,]+", header.get("ExcitationWavelength", header.get("Excitation Wavelength", "")))
    shift = request.shift(axis, header.get("XAxisUnit", ""), float(laser.group().replace(",", ".")) if laser else None)
    dims, coords, units = _graph_form(header, size, len(spectra))
    values = empty_to_missing(spectra).reshape(*_shape(dims, size, len(spectra)), axis.size)
    return _build(values, shift, dims, coords, header, path, units)


def is_witec_table(lines: list[str]) -> bool:
    """Whether the lines are WITec's table: an axis and one column a spectrum, under a header, names or units."""
    if any(line.strip() == "[Header]" for line in lines[:5]):
        return True
    first = lines[0].split("\t") if lines else []
    return len(first) > 1 and (first[0].strip() == "X-Axis" or "CCD cts" in first[1:])


def read_witec_table(lines: list[str], request: Request) -> xarray.DataArray:
    """The measurement of WITec's table: a list of spectra, or a map where the file tells their places.

    Columns named 'graph(column/row)' have theirs; a header with SizeX and SizeY counts them off, x fastest.
    Raises InputError if the columns are not as many as the header tells.
    """
    path = request.path
    table = parse_table(lines, path)
    heading = [line.split("\t") for line in table.heading]
    names = next((line[1:] for line in heading if line[0].strip() == "X-Axis"), [])
    units = next((line for line in heading if len(line) > 1 and line[0].strip() != "X-Axis"), [""])
    header = _pairs(list(table.heading))
    laser = _float(header, "ExcitationWavelength")
    shift = request.shift(table.numbers[:, 0], header.get("XAxisUnit", units[0].strip()), laser)
    spectra = empty_to_missing(table.numbers[:, 1:].T)
    header.setdefault("GraphName", re.sub(r"\([\d/]+\)\s*$", "", names[0]).strip() if names else "")
    header.setdefault("DataUnit", units[1].strip() if len(units) > 1 else "")
    size = {name: int(header.get(key, 0)) for name, key in (("x", "SizeX"), ("y", "SizeY"))}
    places = [match for name in names if (match := _PLACE.search(name))]
    if len(places) == len(spectra) > 1:
        columns, rows = (np.array([int(match[group]) for match in places]) for group in (1, 2))
        size = {"x": max(columns.max() + 1, size["x"]), "y": max(rows.max() + 1, size["y"])}
        cube = np.full((size["y"], size["x"], shift.size), np.nan)
        cube[rows, columns] = spectra
        spectra = cube.reshape(-1, shift.size)
    elif size["x"] * size["y"] not in (0, len(spectra)):
        raise InputError(
            f"{path}: found {len(spectra)} columns of spectra, expected the {size['x']} x {size['y']} that its header "
            "tells; the file is cut short, export it again."
        )
    dims, coords, position_units = _graph_form(header, size, len(spectra))
    values = spectra.reshape(*_shape(dims, size, len(spectra)), shift.size)
    return _build(values, shift, dims, coords, header, path, position_units)


def _pairs(lines: list[str]) -> dict[str, str]:
    pairs = [line.split("=", 1) for line in lines if "=" in line]
    return {name.strip(): value.strip() for name, value in pairs}


def _column(path: Path) -> np.ndarray:
    words = [
        line.replace(",", ".")
        for line in read_lines(path)
        if line.strip() and not line.lstrip().startswith(("//", "["))
    ]
    return np.array(" ".join(words).split(), np.float64)


def _shape(dims: tuple[str, ...], size: dict[str, int], count: int) -> tuple[int, ...]:
    return () if not dims else (count,) if len(dims) == 1 else (size["y"], size["x"])


def _graph_form(
    header: dict[str, str], size: dict[str, int], count: int
) -> tuple[tuple[str, ...], dict[str, Any], str]:
    if count == 1:
        return (), {}, "um"
    if not size["x"] or not size["y"]:
        return ("spectrum",), {}, "um"
    scale = _TO_UM.get(header.get("ScanUnit", ""), 1.0)
    lines, known = {}, True
    for name, width in (("x", "ScanWidth"), ("y", "ScanHeight")):
        span, origin = _float(header, width), _float(header, f"ScanOrigin{name.upper()}")
        known = known and (size[name] == 1 or bool(span))
        step = scale * span / size[name] if span else 1.0
        lines[name] = scale * (origin or 0.0) + step * np.arange(size[name])
    if min(size.values()) > 1:
        return (
            ("y", "x"),
            lines if known else {name: np.arange(float(n)) for name, n in size.items()},
            "um" if known else "pixel",
        )
    along = "x" if size["x"] > 1 else "y"
    # Time series are exported with the same header: only a scan that has a width is a line.
    if not known:
        return ("spectrum",), {}, "um"
    ends = {name: np.broadcast_to(line, (count,)) if name != along else line for name, line in lines.items()}
    coords = {"distance": lines[along] - lines[along][0]} | {name: ("distance", line) for name, line in ends.items()}
    return ("distance",), coords, "um"


def _float(header: dict[str, str], name: str) -> float | None:
    try:
        return float(header[name].replace(",", "."))
    except (KeyError, ValueError):
        return None


def _build(
    values: np.ndarray,
    shift: np.ndarray,
    dims: tuple[str, ...],
    coords: dict[str, Any],
    header: dict[str, str],
    path: Path,
    position_units: str,
) -> xarray.DataArray:
    return build_map(
        values,
        shift,
        dims,
        coords,
        path=path,
        instrument="WITec",
        title=header.get("GraphName", ""),
        units="counts" if "cts" in header.get("DataUnit", "") else "a.u.",
        metadata=header,
        position_units=position_units,
    )


_SECTION = re.compile(r"\[([A-Za-z_]+)\]\s*$")


def is_truematch(lines: list[str]) -> bool:
    """Whether the lines begin as a TrueMatch file does."""
    return bool(lines) and lines[0].strip() == "[WITEC_TRUEMATCH_ASCII_HEADER]"


def read_truematch(lines: list[str], request: Request) -> xarray.DataArray:
    """The spectra of a TrueMatch file, one or a list, on the axis of its section XData.

    Raises InputError if the axes differ, or a spectrum is longer or shorter than its axis.
    """
    path = request.path
    header: dict[str, str] = {}
    axes: list[np.ndarray] = []
    spectra: list[np.ndarray] = []
    titles: list[str] = []
    for name, body in _sections(lines):
        if name == "XData":
            axes.append(_numbers(body))
        elif name == "SpectrumData":
            values = _numbers(body)
            # Two columns where the axis is written beside the values.
            if not axes or values.size == 2 * axes[-1].size:
                axes.append(values[::2])
                values = values[1::2]
            spectra.append(values)
        else:
            pairs = [line.split("=", 1) for line in body if "=" in line]
            header |= {key.strip(): value.strip() for key, value in pairs}
            titles += [header["Title"]] if name == "SpectrumHeader" and "Title" in header else []
    if not spectra or any(not np.array_equal(a, axes[0]) for a in axes) or {s.size for s in spectra} != {axes[0].size}:
        raise InputError(
            f"{path}: found {len(spectra)} spectra of {sorted({s.size for s in spectra})} values on {len(axes)} axes, "
            "expected whole spectra of one axis; the file is cut short or holds different ranges, export it again."
        )
    shift = request.shift(axes[0], header.get("XDataKind", ""), _float(header, "ExcitationWavelength"))
    dims: tuple[str, ...] = () if len(spectra) == 1 else ("spectrum",)
    coords = {"name": ("spectrum", np.array(titles))} if dims and len(titles) == len(spectra) else {}
    values = np.stack(spectra) if dims else spectra[0]
    return build_map(
        values, shift, dims, coords, path=path, instrument="WITec", title=titles[0] if titles else "", metadata=header
    )


def _sections(lines: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if (match := _SECTION.match(line.strip())) is not None:
            found.append((match[1], []))
        elif found and line.strip():
            found[-1][1].append(line)
    return found


def _numbers(body: list[str]) -> np.ndarray:
    return np.array(" ".join(body).replace(",", ".").split(), np.float64)
