"""Arrange spectra on the grid of their scan: by their positions, by the axes a file names, or as a block of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.words import in_english

_GAP = 10.0
_MIN_FILLED = 0.25
# Of the cells that are filled, so many have a filled neighbour where a scan was interrupted.
_SIDE_BY_SIDE = 0.8
# The stage may have stopped this far from the nominal place, in steps.
_SCATTER = 0.3
# A line may stray from the straight by this much of its step.
_ASIDE = 0.2


@dataclass(frozen=True)
class Arrangement:
    """Where each of N spectra goes on a grid.

    dims, shape: the grid without the spectral axis. index: [N] places in the flattened grid. coords: the
    coordinates, {name: values} along the dimension of that name or {name: (dimensions, values)}.
    position_units: 'um', or 'pixel' where places are only counted.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    index: np.ndarray
    coords: dict[str, Any] = field(default_factory=dict)
    position_units: str = "um"

    def place(self, spectra: np.ndarray) -> np.ndarray:
        """Spectra [N, L] -> [*shape, L]; NaN (and so floating-point) where no spectrum was collected."""
        cells = int(np.prod(self.shape, dtype=int))
        if len(np.unique(self.index)) == cells:
            placed = np.empty((cells, spectra.shape[1]), spectra.dtype)
        else:
            kind = spectra.dtype if spectra.dtype.kind == "f" else np.float32 if spectra.dtype.itemsize < 4 else float
            placed = np.full((cells, spectra.shape[1]), np.nan, kind)
        placed[self.index] = spectra
        return placed.reshape(*self.shape, spectra.shape[1])


def arrange(count: int, positions: Mapping[str, np.ndarray]) -> Arrangement:
    """The arrangement that the positions of `count` spectra show.

    positions: any of x, y, z in um and time in s, each [count], in the order of collection. A regular raster in
    x and y is a map whatever the order (rows, columns, snake); with z varying as well, a stack of maps, or a map
    with the coordinate z (y, x) where z follows the surface. Points on one straight line are a line scan. z or
    time alone is a series. Spectra at one place are one spectrum, or several of no known arrangement. A grid
    with a quarter of its cells filled or more, side by side, is an interrupted map. Positions scattered about an
    even raster give the raster, with x_stage and y_stage.
    """
    places = {name: np.asarray(value, np.float64) for name, value in positions.items()}
    if count == 1:
        scalars = {name: ((), value[0]) for name, value in places.items() if name != "time"}
        return Arrangement((), (), np.zeros(1, int), scalars)
    moving = {name for name, value in places.items() if np.isfinite(value).all() and np.ptp(value) > 1e-9}
    for attempt in (_line, _map, _scattered_map, _passes, _stack, _series):
        found = attempt(count, places, moving)
        if found is not None:
            return found
    along = {name: ("spectrum", value) for name, value in places.items()}
    return Arrangement(("spectrum",), (count,), np.arange(count), along)


def levels(values: np.ndarray, *, noisy: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The grid lines [n] that positions [N] lie on, in the order the scan went, and each position's line [N].

    noisy: the stage reported where it was rather than where it was sent, so steps at least ten times smaller
    than the next larger one are scatter about a line. Otherwise only rounding is taken for scatter.
    """
    ordered = np.sort(values)
    steps = np.diff(ordered)
    tolerance = _scatter(steps) if noisy else 1e-6 * np.ptp(values)
    group_of_sorted = np.concatenate([[0], np.cumsum(steps > tolerance)])
    index = np.empty(len(values), int)
    index[np.argsort(values, kind="stable")] = group_of_sorted
    means = np.bincount(index, values) / np.bincount(index)
    first = _first_of_each(index)
    # The mean of equal numbers may round to another one.
    centres = np.where(_constant_within(values, index, first), values[first], means)
    if first[-1] < first[0]:
        index, centres = len(centres) - 1 - index, centres[::-1]
    return centres, index


def _scatter(steps: np.ndarray) -> float:
    """The size of step that parts scatter about a line from the way to the next line; 0 where there is no gap."""
    positive = np.sort(steps[steps > 0])
    ratios = positive[1:] / positive[:-1]
    if not ratios.size or ratios.max() < _GAP:
        return 0.0
    at = int(np.argmax(ratios))
    return float(np.sqrt(positive[at] * positive[at + 1]))


def _first_of_each(index: np.ndarray) -> np.ndarray:
    return np.unique(index, return_index=True)[1]


def _constant_within(values: np.ndarray, index: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.bincount(index, values == values[first][index]) == np.bincount(index)


def _grid(count: int, places: Mapping[str, np.ndarray], names: tuple[str, ...]) -> Arrangement | None:
    for noisy in (False, True):
        lines = {name: levels(places[name], noisy=noisy) for name in names}
        shape = tuple(len(lines[name][0]) for name in names)
        index = np.ravel_multi_index([lines[name][1] for name in names], shape)
        if len(np.unique(index)) < count or count < _MIN_FILLED * np.prod(shape):
            continue
        if count == np.prod(shape) or _is_coherent(index, shape):
            return Arrangement(names, shape, index, {name: lines[name][0] for name in names})
    return None


def _is_coherent(index: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether the filled cells of a grid lie side by side, as those of a scan that was interrupted."""
    filled = np.zeros(shape, bool)
    filled.ravel()[index] = True
    beside = np.zeros(shape, bool)
    for axis in range(filled.ndim):
        for shift in (1, -1):
            rolled = np.roll(filled, shift, axis)
            edge = [slice(None)] * filled.ndim
            edge[axis] = slice(0, 1) if shift == 1 else slice(-1, None)
            rolled[tuple(edge)] = False
            beside |= rolled
    return int((filled & beside).sum()) >= _SIDE_BY_SIDE * index.size


def _scattered_map(count: int, places: Mapping[str, np.ndarray], moving: set[str]) -> Arrangement | None:
    """A raster whose stage reported where it was: the nominal grid, and the true positions as x_stage and y_stage."""
    if not {"x", "y"} <= moving:
        return None
    options = {name: _even_lines(places[name]) for name in ("y", "x")}
    for y, rows in options["y"]:
        for x, columns in options["x"]:
            index = rows * len(x) + columns
            if min(len(y), len(x)) > 1 and len(y) * len(x) == count == len(np.unique(index)):
                found = Arrangement(("y", "x"), (len(y), len(x)), index, {"y": y, "x": x})
                for name in set(places) & {"x", "y", "z"}:
                    values = found.place(places[name][:, None])[..., 0]
                    found.coords[name if name == "z" else f"{name}_stage"] = (("y", "x"), values)
                return found
    return None


def _even_lines(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every way to see positions [N] as evenly spaced lines: (lines [n] in the order of the scan, line of each [N])."""
    order = np.argsort(values, kind="stable")
    gaps = np.diff(values[order])
    found = []
    largest = np.sort(gaps)[::-1]
    for size in (size for size in range(2, len(values) // 2 + 1) if len(values) % size == 0):
        cut = largest[size - 2]
        group = np.concatenate([[0], np.cumsum(gaps >= cut)])
        if group[-1] + 1 != size:
            continue
        index = np.empty(len(values), int)
        index[order] = group
        step, start = np.polyfit(index, values, 1)
        lines = start + step * np.arange(size)
        if np.abs(values - lines[index]).max() > _SCATTER * step:
            continue
        first = _first_of_each(index)
        if first[-1] < first[0]:
            lines, index = lines[::-1], size - 1 - index
        found.append((lines, index))
    return found


def _map(count: int, places: Mapping[str, np.ndarray], moving: set[str]) -> Arrangement | None:
    if not {"x", "y"} <= moving:
        return None
    found = _grid(count, places, ("y", "x"))
    if found is None or min(found.shape) < 2:
        return None
    if "z" in places:
        surface = found.place(places["z"][:, None])[..., 0]
        found.coords["z"] = (("y", "x"), surface) if "z" in moving else ((), places["z"][0])
    return found


def _passes(count: int, places: Mapping[str, np.ndarray], moving: set[str]) -> Arrangement | None:
    """The same raster again and again, at one height: a stack of maps in time."""
    if not {"x", "y"} <= moving or "z" in moving:
        return None
    (y, rows), (x, columns) = levels(places["y"]), levels(places["x"])
    cell = rows * len(x) + columns
    visits = np.bincount(cell, minlength=len(x) * len(y))
    if min(len(x), len(y)) < 2 or visits.min() != visits.max() or visits[0] < 2:
        return None
    order = np.argsort(cell, kind="stable")
    turn = np.empty(count, int)
    turn[order] = np.tile(np.arange(visits[0]), len(visits))
    coords: dict[str, Any] = {"y": y, "x": x}
    if "time" in places:
        coords["time"] = np.array([places["time"][turn == number].min() for number in range(visits[0])])
    return Arrangement(("time", "y", "x"), (int(visits[0]), len(y), len(x)), turn * len(visits) + cell, coords)


def _stack(count: int, places: Mapping[str, np.ndarray], moving: set[str]) -> Arrangement | None:
    if "z" not in moving or not moving & {"x", "y"} or len(levels(places["z"])[0]) > count // 2:
        return None
    still = {name: np.zeros(count) for name in "xy" if name not in places}
    return _grid(count, {**places, **still}, ("z", "y", "x"))


def _line(count: int, places: Mapping[str, np.ndarray], moving: set[str]) -> Arrangement | None:
    if not moving & {"x", "y"}:
        return None
    names = [name for name in ("x", "y", "z") if name in places]
    points = np.stack([places[name] for name in names], axis=1)
    distance = np.linalg.norm(points - points[0], axis=1)
    steps = np.diff(distance)
    if (steps <= 0).any():
        return None
    centred = points - points.mean(axis=0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    aside = np.linalg.norm(centred - np.outer(centred @ direction, direction), axis=1)
    if aside.max() > _ASIDE * np.median(steps):
        return None
    coords: dict[str, Any] = {"distance": distance} | {name: ("distance", places[name]) for name in names}
    return Arrangement(("distance",), (count,), np.arange(count), coords)


def _series(count: int, places: Mapping[str, np.ndarray], moving: set[str]) -> Arrangement | None:
    name = "z" if "z" in moving else "time"
    if name not in moving or moving - {"time"} - {name} or len(np.unique(places[name])) < count:
        return None
    still = {other: ((), places[other][0]) for other in places if other not in moving}
    return Arrangement((name,), (count,), np.arange(count), {name: places[name], **still})


TO_UM = {"nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}
_TO_SECONDS = {"ms": 1e-3, "min": 60.0, "h": 3600.0, "hr": 3600.0}
_PLACE_END = r"(?:[ _-]?(?:axis|pos(?:ition)?s?|coord(?:inate)?s?|stage|um|µm|mm|micron|microns|s))?"
_ORDER = ("time", "z", "y", "x")

Axis = tuple[str, str, np.ndarray]


def scan_form(
    spectra: np.ndarray, axes: Sequence[Axis], angle: float, path: Path
) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any], str]:
    """(values, dimensions, coordinates, units of the positions) of spectra [N, L].

    axes: (name, unit, values) of each axis of the scan, the fastest first; N is the product of their lengths, or
    less where the scan was interrupted. angle: of the map's x against the stage's, radians, counter-clockwise.
    Raises InputError if the spectra are more than the axes have places.
    """
    named = [(axis_name(name), _in_base_unit(name, unit, values)) for name, unit, values in axes]
    sizes = [max(values.size, 1) for _, values in named]
    planned = int(np.prod(sizes, dtype=int))
    if len(spectra) > planned:
        raise InputError(
            f"{path}: found {len(spectra)} spectra, expected the {planned} that its scan axes give; save it again."
        )
    if len(spectra) < planned:
        missing = np.full((planned - len(spectra), spectra.shape[1]), np.nan)
        spectra = np.concatenate([spectra.astype(np.result_type(spectra.dtype, np.float32)), missing])
    long = [(name, values) for name, values in reversed(named) if values.size > 1]
    still = {name: ((), values[0]) for name, values in named if values.size == 1 and name in _ORDER[1:]}
    values = spectra.reshape(*[v.size for _, v in long], spectra.shape[1])
    names = [name for name, _ in long]
    if len(set(names)) < len(names) or not set(names) <= set(_ORDER):
        return spectra, ("spectrum",), {}, "um"
    if len(names) == 1 and names[0] in "xy":
        return values, ("distance",), _axis_line(names[0], long[0][1], still, angle), "um"
    lines = dict(long)
    if len(names) > 1 and ("y" in names) != ("x" in names):
        # A vertical slice or a line again and again: a stack of maps of one row or column.
        other = "x" if "y" in names else "y"
        values, names = values[..., None, :], [*names, other]
        lines[other] = np.array([still.pop(other)[1] if other in still else 0.0])
    order = sorted(range(len(names)), key=lambda place: _ORDER.index(names[place]))
    coords: dict[str, Any] = {name: lines[name] for name in names} | still
    if angle and {"x", "y"} <= set(names):
        coords |= _turned(lines["x"], lines["y"], angle)
    return values.transpose(*order, len(names)), tuple(names[place] for place in order), coords, "um"


def axis_name(name: str) -> str:
    """x, y, z or time for a name as files write it ('X (µm)', 'XA', 'Pos. x', 'Time (s)', 'Depth'); else the name."""
    plain = in_english(name.strip().strip("#"))
    word = plain.split("(")[0].split("[")[0].split("/")[0].strip()
    known = {"xa": "x", "ya": "y", "za": "z", "t": "time", "depth": "z"}
    place = re.fullmatch(r"(?:(?:pos(?:ition)?|stage|coord(?:inate)?|spatial|map)\.?[ _-]?)?([xyz])" + _PLACE_END, word)
    if place:
        return place[1]
    return known.get(word, "time" if word.startswith("time") or word == "elapsed time" else word)


def _in_base_unit(name: str, unit: str, values: np.ndarray) -> np.ndarray:
    scales = _TO_SECONDS if axis_name(name) == "time" else TO_UM
    return scales.get(unit.strip(), 1.0) * values


def _axis_line(name: str, along: np.ndarray, still: dict[str, Any], angle: float) -> dict[str, Any]:
    ends = {"x": np.zeros(along.size), "y": np.zeros(along.size)}
    ends |= {key: np.full(along.size, value) for key, (_, value) in still.items()} | {name: along}
    if angle:
        turned = _turn(ends["x"], ends["y"], angle)
        ends |= {"x": turned[0], "y": turned[1]}
    return {"distance": np.abs(along - along[0])} | {key: ("distance", value) for key, value in ends.items()}


def _turned(x: np.ndarray, y: np.ndarray, angle: float) -> dict[str, Any]:
    columns, rows = np.meshgrid(x, y)
    x_stage, y_stage = _turn(columns, rows, angle)
    return {"x_stage": (("y", "x"), x_stage), "y_stage": (("y", "x"), y_stage)}


def _turn(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    return np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y


def plane_form(positions: np.ndarray | None, shape: tuple[int, int]) -> tuple[tuple[str, ...], dict[str, Any], str]:
    """(dimensions, coordinates, units of the positions) for spectra in `shape` = (rows, columns).

    positions: [rows, columns, 3], x, y, z in um of each spectrum, or None where the file tells none; places are
    then counted in pixels. One row or one column is a line scan, one spectrum has no dimension. A raster along
    the stage's x and y is a map. A raster whose rows go along z is a stack of maps of one line each. Any other
    raster is a map along its own two directions, with x_stage and y_stage (y, x).
    """
    rows, columns = shape
    if rows == columns == 1:
        here = {} if positions is None else dict(zip("xyz", positions[0, 0], strict=True))
        return (), {name: ((), value) for name, value in here.items()}, "um"
    if positions is None:
        if min(shape) == 1:
            return ("distance",), {"distance": np.arange(float(max(shape)))}, "pixel"
        return ("y", "x"), {"y": np.arange(float(rows)), "x": np.arange(float(columns))}, "pixel"
    if min(shape) == 1:
        return ("distance",), _plane_line(positions.reshape(-1, 3)), "um"
    return *_raster(positions), "um"


def dropped_shape(dims: tuple[str, ...], shape: tuple[int, int]) -> tuple[int, ...]:
    """The shape of a block [rows, columns] under the dimensions that `plane_form` gave."""
    if dims == ("z", "y", "x"):
        return (shape[0], 1, shape[1])
    return () if not dims else (max(shape),) if len(dims) == 1 else shape


def _plane_line(points: np.ndarray) -> dict[str, Any]:
    distance = np.linalg.norm(points - points[0], axis=1)
    return {"distance": distance} | {name: ("distance", points[:, i]) for i, name in enumerate("xyz")}


def _raster(positions: np.ndarray) -> tuple[tuple[str, ...], dict[str, Any]]:
    x, y, z = np.moveaxis(positions, -1, 0)
    tolerance = 1e-6 * max(np.ptp(x), np.ptp(y), np.ptp(z))
    along_rows = np.ptp(positions, axis=1).max(axis=0) > tolerance
    along_columns = np.ptp(positions, axis=0).max(axis=0) > tolerance
    if not along_rows[1] and not along_rows[2] and not along_columns[0] and not along_columns[2]:
        return ("y", "x"), {"y": y[:, 0], "x": x[0], "z": ((), z[0, 0])}
    if along_columns[2] and not along_columns[:2].any() and not along_rows[2]:
        if not along_rows[1]:
            return ("z", "y", "x"), {"z": z[:, 0], "y": y[0, :1], "x": x[0]}
        coords = {"z": z[:, 0], "y": np.zeros(1), "x": _distance(positions[0])}
        return ("z", "y", "x"), coords | {"x_stage": (("y", "x"), x[:1]), "y_stage": (("y", "x"), y[:1])}
    coords = {"y": _distance(positions[:, 0]), "x": _distance(positions[0])}
    coords |= {"x_stage": (("y", "x"), x), "y_stage": (("y", "x"), y)}
    return ("y", "x"), coords | {"z": (("y", "x"), z) if np.ptp(z) > tolerance else ((), z[0, 0])}


def _distance(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - points[0], axis=1)
