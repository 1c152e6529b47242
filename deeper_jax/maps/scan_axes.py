"""The form of spectra whose file names the axes of its scan, the fastest first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.errors import InputError

_TO_UM = {"nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}
_TO_SECONDS = {"ms": 1e-3, "min": 60.0, "h": 3600.0, "hr": 3600.0}
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
        return values, ("distance",), _line(names[0], long[0][1], still, angle), "um"
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
    """x, y, z or time for a name as files write it ('X (µm)', 'XA', 'Time (s)', 'Depth'); else the name itself."""
    plain = name.strip().strip("#").strip().lower()
    word = plain.split("(")[0].split("[")[0].split("/")[0].strip()
    known = {"xa": "x", "ya": "y", "za": "z", "xaxis": "x", "t": "time", "depth": "z", "pos x": "x", "pos y": "y"}
    for letter in "xyz":
        known |= {f"{letter}{end}": letter for end in ("_um", " um", "pos", "-pos", " position", "_position", " pos")}
    return known.get(word, "time" if word.startswith("time") or word == "elapsed time" else word)


def _in_base_unit(name: str, unit: str, values: np.ndarray) -> np.ndarray:
    scales = _TO_SECONDS if axis_name(name) == "time" else _TO_UM
    return scales.get(unit.strip(), 1.0) * values


def _line(name: str, along: np.ndarray, still: dict[str, Any], angle: float) -> dict[str, Any]:
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
