"""Read spectra from text: LabSpec, WiRE, WITec and JCAMP-DX exports, and plain tables of rows or columns.

Names decide before position: a column or row that is called Raman shift, wavenumber or wavelength is the axis, a
number of the pixel or of the row never is. What was decided is noted.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.grid import TO_UM, arrange, axis_name
from deeper_jax.maps.names import (
    AXES,
    BACKGROUNDS,
    INTENSITIES,
    grid_axis,
    is_counted,
    is_index,
    laser_in,
    plain_name,
    rank_of,
)
from deeper_jax.maps.raman_map import build_map, empty_to_missing
from deeper_jax.maps.request import Request
from deeper_jax.maps.vendors.text_axis import (
    axis_of_names,
    axis_unit,
    axis_windows,
    column_of_axis,
    counts_rows,
    is_axis,
    refuse_windows,
    spectra_anywhere,
    spectra_in_sequence,
)
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


def read_text(request: Request) -> xarray.DataArray:
    """The spectra of a text file.

    Told apart by their look: WITec's graph (three files, any of them given), table and TrueMatch; JCAMP-DX; the long
    form, one line a channel (X, Y, Wave, Intensity), in any order; an axis in a row with a spectrum in each row below,
    beside positions and labels (LabSpec, generic); pairs of columns; the axis in a column and a spectrum in each
    other. Two leading columns without names are x and y, as hyperSpec, rampy and fitspy read LabSpec's; in the long
    form of the old WiRE y and x. Raises InputError if no layout fits.
    """
    path = request.path
    graph = witec_graph_files(path)
    if graph is not None:
        return read_witec_graph(graph, request)
    lines = read_lines(path)
    if is_truematch(lines):
        return read_truematch(lines, request)
    if any(line.lstrip().upper().startswith("##JCAMP") for line in lines[:20]):
        return _read_jcamp(lines, request)
    if is_witec_table(lines):
        return read_witec_table(lines, request)
    table = parse_table(lines, path)
    if table.left_out:
        request.note(f"left out {table.left_out} rows of numbers that stand apart from the longest table")
    settings = _settings(table.heading)
    for layout in (_long_form, _axis_row, _pairs, _axis_column):
        found = layout(table, settings, request)
        if found is not None:
            return found
    rows, columns = table.numbers.shape
    named = f" named {', '.join(map(repr, table.names[:12]))}" if table.names else ""
    if any(is_index(line) for line in (table.numbers[:, 0], table.numbers[0])):
        raise InputError(
            f"{path}: found a table of {rows} rows and {columns} columns{named} with only the numbers "
            "of the channels as axis, expected wavenumbers in cm^-1; give the axis with --wavenumbers FILE (in Python, "
            "wavenumbers=)."
        )
    raise InputError(
        f"{path}: found a table of {rows} rows and {columns} columns{named} in which neither the first row "
        "nor the first column is a rising or falling axis, expected wavenumbers in one of them; add them, "
        "name the column of them 'wavenumber', or give the axis with --wavenumbers FILE (in Python, wavenumbers=)."
    )


def _settings(heading: tuple[str, ...]) -> dict[str, str]:
    """{name: value} of heading lines such as '#Acq. time (s)=\\t2', 'Laser: 532 nm' and 'Laser,532'."""
    settings: dict[str, str] = {}
    for line in heading:
        match = re.match(r"\s*[#%!/$]*\s*([^=:,;\t]*[A-Za-z)\]][^=:,;\t]*?)\s*[=:,;\t]+\s*(.*)", line)
        if match and len(re.split(r"[,;\t]", match[2])) <= 3:
            settings.setdefault(match[1].strip(), match[2].strip().strip(",;"))
    return settings


def _build(
    values: np.ndarray,
    axis: np.ndarray,
    dims: tuple[str, ...],
    coords: dict[str, Any],
    settings: dict[str, str],
    request: Request,
    *,
    unit: str = "",
    instrument: str = "",
    position_units: str = "um",
    title: str = "",
) -> xarray.DataArray:
    if request.wavenumbers is None:
        values, axis = _merged(values, axis, request)
    values = _filled(values, axis, request)
    labspec = "Acq. time (s)" in settings or "AxisType[0]" in settings
    return build_map(
        values,
        request.shift(axis, unit, laser_in(settings)),
        dims,
        coords,
        path=request.path,
        instrument=instrument or (f"Horiba {settings.get('Instrument', 'LabSpec')}" if labspec else ""),
        title=title or settings.get("Title", ""),
        units="counts" if settings.get("AxisUnit[0]", "").lower() in ("cnt", "counts") else "a.u.",
        metadata=settings,
        position_units=position_units,
    )


def _merged(values: np.ndarray, axis: np.ndarray, request: Request) -> tuple[np.ndarray, np.ndarray]:
    """Spectra [..., L] with channels at equal wavenumbers, which rounding made, merged into their mean."""
    first = np.insert(np.diff(axis) != 0, 0, True)
    if first.all():
        return values, axis
    group = np.cumsum(first) - 1
    counts = np.bincount(group)
    merged = np.add.reduceat(values, np.flatnonzero(first), axis=-1)
    request.note(
        f"{int((counts > 1).sum())} wavenumbers are given more than once, as they were rounded (first "
        f"{axis[first][counts > 1][0]:g}); their channels were merged into the mean, {axis.size} became {counts.size}"
    )
    return merged / counts, axis[first]


def _filled(values: np.ndarray, axis: np.ndarray, request: Request) -> np.ndarray:
    """Spectra with lone missing channels interpolated; a spectrum that is missing throughout stays so.

    Raises InputError naming the channels where neighbouring ones, or those at an end, are missing.
    """
    missing = np.isnan(values)
    missing &= ~missing.all(axis=-1, keepdims=True)
    if not missing.any():
        return values
    beside = np.zeros_like(missing)
    beside[..., 1:] |= missing[..., :-1]
    beside[..., :-1] |= missing[..., 1:]
    beside[..., [0, -1]] = True
    where = np.flatnonzero(missing.reshape(-1, axis.size).any(axis=0))
    named = ", ".join(f"{axis[i]:g}" for i in where[:8]) + (" ..." if where.size > 8 else "")
    if (missing & beside).any():
        raise InputError(
            f"{request.path}: found no intensity at {named} in {int(missing.any(axis=-1).sum())} spectra, expected a "
            "number in every channel (only a lone missing one is interpolated); remove these channels or spectra."
        )
    request.note(f"{int(missing.sum())} missing channels (at {named}) were interpolated from their neighbours")
    rows = values.reshape(-1, axis.size).copy()
    for row in rows:
        if (gap := np.isnan(row)).any() and not gap.all():
            order = np.argsort(axis)
            row[gap] = np.interp(axis[gap], axis[order][~gap[order]], row[order][~gap[order]])
    return rows.reshape(values.shape)


def _long_form(table: TextTable, settings: dict[str, str], request: Request) -> xarray.DataArray | None:
    """Columns of positions, an axis and an intensity: one line for each channel of each spectrum, in any order."""
    numbers, count = table.numbers, table.numbers.shape[1]
    if not 2 < count <= 8 and not (table.names and count == 2):
        return None
    names = [name.strip("# ") for name in table.names] if table.names else []
    if names:
        chosen = _long_columns(table, names)
        if chosen is None:
            return None
        axis_at, intensity_at, lead, left = chosen
    elif count > 6 or np.isnan(numbers).any():
        return None
    else:
        axis_at, intensity_at, lead, left = count - 2, count - 1, list(range(count - 2)), []
    axis, intensity = numbers[:, axis_at], numbers[:, intensity_at]
    once = len(np.unique(axis)) == len(axis)
    if np.isnan(axis).any() or (once and (left or not lead)) or (not lead and (is_axis(axis) or axis_windows(axis))):
        return None
    grouped = spectra_in_sequence(axis) or spectra_anywhere(axis, [table.texts.get(c, numbers[:, c]) for c in lead])
    if grouped is None:
        if not names or not lead:
            return None
        raise InputError(
            f"{request.path}: found {len(axis)} lines whose wavenumbers are not the same in every spectrum, expected a "
            "line for each channel of each position; the file is cut short, or its spectra have axes of their own: "
            "export it again on one axis."
        )
    if left:
        request.note(f"took {names[axis_at]!r} as the axis and {names[intensity_at]!r} as the intensity")
    order, repeats, length = grouped
    if not names and repeats < 2:
        return None
    order = order.reshape(repeats, length)
    columns: list[tuple[str, np.ndarray]] = []
    unnamed = {1: ["position"], 2: ["y", "x"], 3: ["z", "y", "x"]}.get(len(lead), [f"position {c}" for c in lead])
    for place, c in enumerate(lead):
        values = table.texts.get(c, numbers[:, c])[order[:, 0]]
        columns.append((names[c] if names else unnamed[place], values))
    instrument = "Renishaw" if names and table.heading[-1].startswith("#") and "#Wave" in table.heading[-1] else ""
    return _placed(
        intensity[order],
        axis[order[0]],
        columns,
        settings,
        request,
        unit=axis_unit(settings, names[axis_at] if names else ""),
        instrument=instrument,
    )


def _long_columns(table: TextTable, names: Sequence[str]) -> tuple[int, int, list[int], list[int]] | None:
    """The columns of a table of named ones that are (axis, intensity, [places and labels], [left out])."""
    plain = [c for c in range(len(names)) if c not in table.texts and not _is_position(names[c])]
    axes = [(rank, c) for c in plain if (rank := rank_of(names[c], AXES)) is not None]
    free = [c for c in plain if c not in [at for _, at in axes]]
    values = [(rank, c) for c in free if (rank := rank_of(names[c], INTENSITIES)) is not None]
    if not values and "x" not in map(str.lower, names):
        values = [(1, c) for c, name in enumerate(names) if name.lower() == "y"]
    best = [[c for rank, c in found if rank == min(found)[0]] for found in (axes, values)]
    if [len(columns) for columns in best] != [1, 1]:
        return None
    left = [c for _, c in (*axes, *values) if [c] not in best]
    others = [c for c in range(len(names)) if [c] not in best and c not in left]
    # Numbers that tell every line apart are those of the lines.
    lead = [c for c in others if len(np.unique(table.texts.get(c, table.numbers[:, c]))) < len(table.numbers)]
    if any(names[c] and not is_counted(names[c]) for c in others if c not in lead):
        return None
    return best[0][0], best[1][0], lead, left


def _is_position(name: str) -> bool:
    return axis_name(name) in _POSITIONS or bool(grid_axis(name))


def _axis_row(table: TextTable, settings: dict[str, str], request: Request) -> xarray.DataArray | None:
    """The axis in a row; columns that it says nothing of hold the positions and labels of the spectra."""
    numbers, width = table.numbers, table.numbers.shape[1]
    options = [(number, *axis_of_names(head)) for number, head in enumerate(table.heads)]
    found = next((option for option in options if option[1].size > 2), None)
    named = list(table.heads[found[0]]) if found else []
    if found is not None:
        number, axis, at, words = found
        spectra_rows = numbers
        column = numbers[:, 0]
        also_axis = at[0] == 1 and rank_of(named[0], AXES) is not None and is_axis(column) and not is_index(column)
        # Both are named or look like axes: wavenumbers span more than whatever numbers the spectra.
        if also_axis and not np.ptp(axis) > np.ptp(column):
            return None
        names = list(table.names or named) if number else named
        # A row that only counts is no axis: a column may be.
        if is_index(axis) and request.wavenumbers is None:
            return None
    else:
        if len(numbers) < 2:
            return None
        first = numbers[0]
        filled = np.array([c for c in range(width) if not np.isnan(first[c]) and c not in table.texts])
        if filled.size < 3 or (filled[-1] - filled[0] + 1 != filled.size) or not is_axis(first[filled]):
            return None
        axis, at, spectra_rows, words = first[filled], filled, numbers[1:], ""
        if is_index(axis) and request.wavenumbers is None:
            return None
        if filled[0] == 0 and is_axis(numbers[:, 0]) and len(numbers) >= width:
            return None
        names = [str(table.texts[c][0]) if c in table.texts else "" for c in range(width)]
        if settings.get("columns"):
            columns = settings["columns"].split("|")
            names[: len(columns)] = columns
    if len(spectra_rows) < 1:
        return None
    lead_at = [c for c in range(width) if c not in set(at.tolist())]
    lead_at = [c for c in lead_at if c in table.texts or not np.isnan(spectra_rows[:, c]).all()]
    skip = 0 if found is not None else 1
    unnamed = _unnamed_leads(sum(not names[c].strip() for c in lead_at), settings)
    columns_of: list[tuple[str, np.ndarray]] = []
    for c in lead_at:
        values = table.texts[c][skip:] if c in table.texts else spectra_rows[:, c]
        name = names[c].strip() or (unnamed.pop(0) if unnamed else f"column_{c + 1}")
        columns_of.append((name, values))
    spectra = spectra_rows[:, at]
    # LabSpec fills the rest of a map that was stopped with zeros.
    spectra = empty_to_missing(spectra) if columns_of else spectra
    above = named or names
    corner = " ".join([words, *(above[c] for c in lead_at if not _is_position(above[c]) and not is_counted(above[c]))])
    settings = settings | ({"columns": "|".join(name for name, _ in columns_of)} if columns_of else {})
    return _placed(spectra, axis, columns_of, settings, request, unit=axis_unit(settings, corner))


def _unnamed_leads(count: int, settings: dict[str, str]) -> list[str]:
    # Where LabSpec names the axes of the scan it numbers them from 2, the fastest first, and writes the slowest column
    # first.
    typed = [settings[f"AxisType[{n}]"] for n in range(2, 6) if f"AxisType[{n}]" in settings]
    if len(typed) >= count > 0:
        return typed[:count][::-1]
    return {1: ["position"], 2: ["x", "y"], 3: ["x", "y", "z"]}.get(count, [f"position_{i}" for i in range(count)])


def _pairs(table: TextTable, settings: dict[str, str], request: Request) -> xarray.DataArray | None:
    """Columns x1, y1, x2, y2 ...: spectra with axes of their own; `entry` takes one where the axes differ."""
    numbers, kept = _without_empty(table)
    width, names = len(kept), [table.names[c] for c in kept] if table.names else []
    if width < 4 or width % 2 or table.texts:
        return None
    axes = [numbers[:, c][~np.isnan(numbers[:, c])] for c in range(0, width, 2)]
    if not all(axis.size > 2 and is_axis(axis) and not is_index(axis) for axis in axes):
        return None
    same = all(axis.shape == axes[0].shape and np.allclose(axis, axes[0], rtol=0, atol=1e-6) for axis in axes)
    if names and not same:
        stems = [re.split(r"[\s(\d]", plain_name(name))[0] for name in names]
        alike = len(set(stems[::2])) == 1 and not set(stems[::2]) & set(stems[1::2])
        if not alike and not all(rank_of(name, AXES) is not None for name in names[::2]):
            return None
    elif not names and any(is_axis(numbers[:, c][~np.isnan(numbers[:, c])]) for c in range(1, width, 2)):
        return None
    spectra = [numbers[: axis.size, c] for axis, c in zip(axes, range(1, width, 2), strict=True)]
    titles = names[1::2] if all(names[1::2]) else names[::2]
    titles = [name.strip() for name in titles] or [f"spectrum {n + 1}" for n in range(len(axes))]
    unit = axis_unit(settings, names[0] if names else "")
    if request.entry is not None:
        place = request.choose(titles, [axis.size for axis in axes])
        return _build(spectra[place], axes[place], (), {}, settings, request, unit=unit, title=titles[place])
    if not same:
        listed = ", ".join(
            f"{n}: {t!r} {a[0]:g} to {a[-1]:g}" for n, (t, a) in enumerate(zip(titles, axes, strict=True))
        )
        raise InputError(
            f"{request.path}: found {len(axes)} spectra whose axes differ ({listed}), expected one axis for all; "
            "take one of them with --entry NUMBER (in Python, entry=), or resample them to one axis."
        )
    request.note(f"the {width} columns were taken as {len(axes)} pairs of an axis and a spectrum")
    coords = {"name": ("spectrum", np.array(titles))} if len(set(titles)) == len(titles) else {}
    return _build(np.stack(spectra), axes[0], ("spectrum",), coords, settings, request, unit=unit)


def _without_empty(table: TextTable) -> tuple[np.ndarray, list[int]]:
    """The columns that hold anything, and their places."""
    kept = [
        c for c in range(table.numbers.shape[1]) if c not in table.texts and not np.isnan(table.numbers[:, c]).all()
    ]
    return table.numbers[:, kept], kept


def _axis_column(table: TextTable, settings: dict[str, str], request: Request) -> xarray.DataArray | None:
    """The axis in a column, a spectrum in each other one that is neither a number of the row nor a background."""
    numbers, kept = _without_empty(table)
    names = [table.names[c].strip("# ") for c in kept] if table.names else [""] * len(kept)
    at = column_of_axis(numbers, names, request)
    if at is None:
        return None
    rows = np.isfinite(numbers[:, at])
    axis = numbers[rows, at]
    if request.wavenumbers is None and not is_axis(axis):
        refuse_windows(axis, request)
        return None
    others = [
        c
        for c in range(len(kept))
        if c != at
        and rank_of(names[c], AXES) is None
        and ((c > at and not names[c]) or not counts_rows(numbers[:, c], names[c]))
    ]
    ranks = {c: rank_of(names[c], INTENSITIES) for c in others}
    good = [c for c in others if ranks[c] != BACKGROUNDS] or others
    if all(ranks[c] is not None for c in good) and len({ranks[c] for c in good}) > 1:
        good = [c for c in good if ranks[c] == min(ranks[o] or 0 for o in good)]
    if not good:
        return None
    left = [names[c] for c in range(len(kept)) if c != at and c not in good]
    if left or at:
        taken = ", ".join(repr(names[c] or f"column {kept[c] + 1}") for c in good)
        request.note(
            f"took {names[at] or f'column {kept[at] + 1}'!r} as the axis and {taken} as the intensity"
            + (f"; left out {', '.join(map(repr, left))}" if left else "")
        )
    spectra = numbers[rows][:, good].T
    dims: tuple[str, ...] = () if len(spectra) == 1 else ("spectrum",)
    labels = [names[c] for c in good]
    coords = (
        {"name": ("spectrum", np.array(labels))} if dims and all(labels) and len(set(labels)) == len(labels) else {}
    )
    if lost := int(np.isfinite(numbers[~rows][:, good]).any(1).sum()):
        request.note(f"{lost} rows without a finite wavenumber were left out")
    unit = axis_unit(settings, names[at])
    return _build(spectra[0] if not dims else spectra, axis, dims, coords, settings, request, unit=unit)


def _placed(
    spectra: np.ndarray,
    axis: np.ndarray,
    columns: Sequence[tuple[str, np.ndarray]],
    settings: dict[str, str],
    request: Request,
    *,
    unit: str,
    instrument: str = "",
) -> xarray.DataArray:
    """The map or list of spectra [N, L] with their columns of positions, row numbers and labels."""
    places: dict[str, np.ndarray] = {}
    numbered: dict[str, np.ndarray] = {}
    labels: dict[str, np.ndarray] = {}
    for name, values in columns:
        kind, is_number, numbers = axis_name(name), values.dtype.kind == "f", grid_axis(name)
        if is_number and numbers:
            numbered[numbers] = values
        elif kind in _POSITIONS and kind not in places and is_number:
            scale = re.search(r"[(\[ _](nm|mm|cm|m)[)\]]?\s*$", name)
            places[kind] = values * (TO_UM[scale[1]] if scale and kind != "time" else 1.0)
        else:
            labels[_label(name, labels)] = values
    counted = {"x", "y"} <= set(numbered) and not {"x", "y"} & set(places)
    if not counted:
        labels |= {f"{name}_number": values for name, values in numbered.items()}
    found = arrange(len(spectra), numbered if counted else places)
    coords = dict(found.coords)
    for name, values in labels.items():
        if found.dims == ("spectrum",):
            coords[name] = ("spectrum", values)
        elif len(found.dims) == 0 and values.size == 1:
            coords[name] = ((), values[0])
        elif values.size == np.prod(found.shape) == len(np.unique(found.index)):
            ordered = np.empty_like(values)
            ordered[found.index] = values
            coords[name] = (found.dims, ordered.reshape(found.shape))
    return _build(
        *(found.place(spectra), axis, found.dims, coords, settings, request),
        unit=unit,
        instrument=instrument,
        position_units="pixel" if counted else found.position_units,
    )


def _label(name: str, taken: dict[str, np.ndarray]) -> str:
    """A name for a coordinate that every format can hold."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "label"
    plain = plain if plain[0].isalpha() else f"label_{plain}"
    plain = f"label_{plain}" if plain in ("wavenumber", "intensity", "spectrum", "distance", *_POSITIONS) else plain
    while plain in taken:
        plain += "_2"
    return plain[:60]


def _read_jcamp(lines: list[str], request: Request) -> xarray.DataArray:
    """The spectrum of a JCAMP-DX file, plain or packed; of several blocks the one that `entry` names."""
    import jcamp

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        content = jcamp.read(iter([line + "\n" for line in lines]))
    blocks = [block for block in (*content.get("children", ()), content) if np.size(block.get("y", ())) > 1]
    if not blocks:
        raise InputError(f"{request.path}: found no spectrum in the JCAMP-DX file, expected XYDATA; export it again.")
    titles = [str(block.get("title", "")) for block in blocks]
    place = request.choose(titles, [np.size(block["y"]) for block in blocks])
    block = blocks[place]
    x, y = np.asarray(block["x"], float), np.asarray(block["y"], float)
    told = block.get("npoints", y.size)
    if said.getvalue() or x.size != y.size or told != y.size or not np.isfinite(x).all():
        reason = said.getvalue().splitlines()[0] if said.getvalue() else f"{y.size} values"
        raise InputError(
            f"{request.path}: found data that do not agree with their own checks ({reason}), expected {told} points; "
            "the file is damaged or cut short, export it again."
        )
    unit = str(block.get("xunits", "1/CM")).lower()
    plain = {key: str(value) for key, value in block.items() if isinstance(value, str | int | float)}
    unit = {"nanometers": "nm", "micrometers": "um", "arbitrary units": ""}.get(unit, unit)
    return _build(y, x, (), {}, plain, request, unit=unit, title=titles[place])
