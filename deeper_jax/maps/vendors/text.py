"""Read spectra from text: LabSpec, WiRE and WITec exports, and plain tables of rows or columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.grid import arrange, axis_name
from deeper_jax.maps.raman_map import build_map, empty_to_missing
from deeper_jax.maps.request import Request
from deeper_jax.maps.vendors.text_table import TextTable, parse_table, read_lines
from deeper_jax.maps.vendors.witec_text import (
    is_truematch,
    is_witec_table,
    read_truematch,
    read_witec_graph,
    read_witec_table,
    witec_graph_files,
)

if TYPE_CHECKING:
    import xarray

_POSITIONS = ("x", "y", "z", "time")
_AXIS_WORDS = ("wave", "wavenumber", "wavenumbers", "raman shift", "shift", "ramanshift", "x-axis", "wavelength")
_INTENSITY_WORDS = ("intensity", "intensities", "counts", "signal", "int")


def read_text(request: Request) -> xarray.DataArray:
    """The spectra of a text file.

    Told apart by their look: WITec's graph (three files, any of them given), table and TrueMatch; the long form
    of WiRE, one line a channel (X, Y, Wave, Intensity); an axis in the first row with the positions in the first
    columns (LabSpec, generic); two columns; the axis in the first column and a spectrum in each other. Two
    leading columns without names are x and y, as hyperSpec, rampy and fitspy read LabSpec's; in the long form of
    the old WiRE y and x. Raises InputError if no layout fits.
    """
    path = request.path
    graph = witec_graph_files(path)
    if graph is not None:
        return read_witec_graph(graph, request)
    lines = read_lines(path)
    if is_truematch(lines):
        return read_truematch(lines, request)
    if is_witec_table(lines):
        return read_witec_table(lines, request)
    lines = _with_axis_row(lines)
    table = parse_table(lines, path)
    settings = _settings(table.heading)
    for layout in (_long_form, _axis_row, _axis_column):
        found = layout(table, settings, request)
        if found is not None:
            return found
    raise InputError(
        f"{path}: found a table of {table.numbers.shape[0]} rows and {table.numbers.shape[1]} columns in which neither "
        "the first row nor the first column is a rising or falling axis, expected wavenumbers in one of them; add them."
    )


def _with_axis_row(lines: list[str]) -> list[str]:
    """'x,y,400.1,401.2' heads its columns with an axis: the names become empty fields, kept in a line before."""
    for number, line in enumerate(lines[:200]):
        for separator in ("\t", ";", ","):
            fields = [field.strip() for field in line.split(separator)]
            lead = next((i for i, field in enumerate(fields) if re.fullmatch(r"[-+]?\d.*", field)), 0)
            known = all(axis_name(field) in _POSITIONS for field in fields[:lead])
            if 0 < lead < len(fields) - 1 and lead <= 4 and known:
                blank = separator.join([""] * lead + fields[lead:])
                return [*lines[:number], "#columns=" + "|".join(fields[:lead]), blank, *lines[number + 1 :]]
    return lines


def _settings(heading: tuple[str, ...]) -> dict[str, str]:
    """{name: value} of heading lines such as '#Acq. time (s)=\\t2'."""
    pairs = [line.lstrip("#").split("=", 1) for line in heading if line.startswith("#") and "=" in line]
    return {name.strip(): value.strip() for name, value in pairs}


def _build(
    values: np.ndarray,
    axis: np.ndarray,
    dims: tuple[str, ...],
    coords: dict[str, Any],
    settings: dict[str, str],
    request: Request,
    instrument: str = "",
) -> xarray.DataArray:
    labspec = "Acq. time (s)" in settings or "AxisType[0]" in settings
    return build_map(
        values,
        request.shift(axis, settings.get("AxisUnit[1]", settings.get("unit", "")), _laser(settings)),
        dims,
        coords,
        path=request.path,
        instrument=instrument or (f"Horiba {settings.get('Instrument', 'LabSpec')}" if labspec else ""),
        title=settings.get("Title", ""),
        units="counts" if settings.get("AxisUnit[0]", "").lower() in ("cnt", "counts") else "a.u.",
        metadata=settings,
    )


def _laser(settings: dict[str, str]) -> float | None:
    for name, value in settings.items():
        if name.lower().startswith(("laser", "excitation")) and (number := re.search(r"\d+([.,]\d+)?", value)):
            return float(number.group().replace(",", "."))
    return None


def _long_form(table: TextTable, settings: dict[str, str], request: Request) -> xarray.DataArray | None:
    """Columns of positions, then wavenumber and intensity: one line for each channel of each spectrum."""
    columns = table.numbers.shape[1]
    if not 3 <= columns <= 6 or np.isnan(table.numbers).any():
        return None
    names = [name.strip("# ").lower() for name in table.names] if table.names else []
    words = [name.split("(")[0].split("[")[0].strip() for name in names]
    if names and not (words[-1] in _INTENSITY_WORDS and words[-2] in _AXIS_WORDS):
        return None
    axis_column = table.numbers[:, -2]
    repeats = int((axis_column == axis_column[0]).sum())
    length, rest = divmod(len(axis_column), repeats)
    if repeats < 2 and not names:
        return None
    if rest or length < 2 or not (axis_column.reshape(repeats, length) == axis_column[:length]).all():
        if not names:
            return None
        raise InputError(
            f"{request.path}: found {len(axis_column)} lines whose wavenumbers are not the same in every "
            "spectrum, expected whole spectra of one axis; the file is cut short, export it again."
        )
    lead = table.numbers[:, :-2].reshape(repeats, length, columns - 2)[:, 0]
    kinds = [axis_name(name) for name in names[:-2]] if names else {1: ["position"], 2: ["y", "x"]}.get(columns - 2, [])
    spectra = table.numbers[:, -1].reshape(repeats, length)
    instrument = "Renishaw" if names and table.heading[-1].startswith("#") else ""
    dims, coords, values = _placed(spectra, lead, kinds)
    return _build(values, axis_column[:length], dims, coords, settings, request, instrument)


def _axis_row(table: TextTable, settings: dict[str, str], request: Request) -> xarray.DataArray | None:
    """The axis in the first row; columns before it, empty there, hold the positions."""
    numbers = table.numbers
    if len(numbers) < 2:
        return None
    blank = np.isnan(numbers[0])
    lead = int(np.argmin(blank)) if not blank.all() else 0
    axis = numbers[0, lead:]
    if blank[lead:].any() or axis.size < 3 or not _is_monotonic(axis):
        return None
    if lead == 0 and _is_monotonic(numbers[:, 0]) and len(numbers) >= numbers.shape[1]:
        return None
    spectra, positions = numbers[1:, lead:], numbers[1:, :lead]
    names = _lead_names(lead, settings)
    # LabSpec fills the rest of a map that was stopped with zeros.
    dims, coords, values = _placed(empty_to_missing(spectra) if lead else spectra, positions, names)
    return _build(values, axis, dims, coords, settings | {"columns": "|".join(names)}, request)


def _lead_names(lead: int, settings: dict[str, str]) -> list[str]:
    if "columns" in settings:
        return [axis_name(name) for name in settings["columns"].split("|")]
    # Where LabSpec names the axes of the scan it numbers them from 2, the fastest first, and writes the slowest column
    # first.
    typed = [axis_name(settings[f"AxisType[{n}]"]) for n in range(2, 6) if f"AxisType[{n}]" in settings]
    if len(typed) >= lead > 0:
        return typed[:lead][::-1]
    return {0: [], 1: ["position"], 2: ["x", "y"], 3: ["x", "y", "z"]}.get(lead, [f"position_{i}" for i in range(lead)])


def _axis_column(table: TextTable, settings: dict[str, str], request: Request) -> xarray.DataArray | None:
    """The axis in the first column, a spectrum in each other one."""
    numbers = table.numbers
    if numbers.shape[1] < 2 or not _is_monotonic(numbers[:, 0]):
        return None
    spectra = numbers[:, 1:].T
    dims: tuple[str, ...] = () if len(spectra) == 1 else ("spectrum",)
    unit = _unit_of(table.names[0]) if table.names else ""
    settings = settings | ({"unit": unit} if unit else {})
    names = table.names[1:] if table.names else ()
    coords = {"name": ("spectrum", np.array(names))} if dims and len(set(names)) == len(spectra) else {}
    return _build(spectra[0] if not dims else spectra, numbers[:, 0], dims, coords, settings, request)


def _unit_of(name: str) -> str:
    """The unit of an axis headed by `name` if it is a wavelength or an energy; '' takes it for the Raman shift."""
    found = re.search(r"\b(nm|meV|eV)\b", name)
    return found.group() if found else "nm" if "wavelength" in name.lower() else ""


def _placed(
    spectra: np.ndarray, lead: np.ndarray, kinds: list[str]
) -> tuple[tuple[str, ...], dict[str, Any], np.ndarray]:
    """(dimensions, coordinates, values) of spectra [N, L] with columns `lead` [N, K] of the kinds named."""
    places = {kind: lead[:, i] for i, kind in enumerate(kinds) if kind in _POSITIONS}
    others = {kind: ("spectrum", lead[:, i]) for i, kind in enumerate(kinds) if kind not in _POSITIONS}
    arrangement = arrange(len(spectra), places)
    if arrangement.dims == ("spectrum",):
        arrangement.coords.update(others)
    return arrangement.dims, arrangement.coords, arrangement.place(spectra)


def _is_monotonic(values: np.ndarray) -> bool:
    steps = np.diff(values)
    return bool(values.size > 1 and np.isfinite(values).all() and ((steps > 0).all() or (steps < 0).all()))
