"""The form of a scan given as a block [rows, columns] of spectra with the stage's position of each."""

from typing import Any

import numpy as np


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
        return ("distance",), _line(positions.reshape(-1, 3)), "um"
    return *_raster(positions), "um"


def dropped_shape(dims: tuple[str, ...], shape: tuple[int, int]) -> tuple[int, ...]:
    """The shape of a block [rows, columns] under the dimensions that `plane_form` gave."""
    if dims == ("z", "y", "x"):
        return (shape[0], 1, shape[1])
    return () if not dims else (max(shape),) if len(dims) == 1 else shape


def _line(points: np.ndarray) -> dict[str, Any]:
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
