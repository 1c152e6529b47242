"""Arrange spectra by the positions at which they were collected: a map, a line, a series or a stack of maps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_GAP = 10.0
_MIN_FILLED = 0.25
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
    with a quarter of its cells filled, or more, is an interrupted map.
    """
    places = {name: np.asarray(value, np.float64) for name, value in positions.items()}
    if count == 1:
        scalars = {name: ((), value[0]) for name, value in places.items() if name != "time"}
        return Arrangement((), (), np.zeros(1, int), scalars)
    moving = {name for name, value in places.items() if np.isfinite(value).all() and np.ptp(value) > 1e-9}
    for attempt in (_line, _map, _passes, _stack, _series):
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
        if len(np.unique(index)) == count and count >= _MIN_FILLED * np.prod(shape):
            return Arrangement(names, shape, index, {name: lines[name][0] for name in names})
    return None


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
