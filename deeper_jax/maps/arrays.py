"""Find the spectra, the axis and the positions among the named arrays of a file, and arrange them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.array_files import find_optional, plain_key
from deeper_jax.maps.grid import TO_UM, arrange, axis_name
from deeper_jax.maps.names import AXES, grid_axis, is_index, laser_in, rank_of, unit_in
from deeper_jax.maps.raman_map import build_map
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

_SHAPE = ("image_shape", "map_shape", "imagesize", "mapsize", "shape")
_PLACES = ("xy", "coords", "coordinates", "positions", "position", "pos")
_FIRST_CHOICE = ("intensity", "intensities")
_POSITIONS = ("x", "y", "z", "time")


@dataclass
class Contents:
    """What a file of arrays holds, by path: 'name', or 'group/name' where there are groups; 'path@name' of attributes.

    dims: the names of an array's dimensions, as far as the file tells. units: of an array. settings: single numbers
    and texts. spectral: arrays that the file itself calls the axis of the signal. left_out: arrays that cannot be
    used, and why. unusable: complex and empty arrays as they are.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    dims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    spectral: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)
    unusable: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, path: str, values: Any) -> None:
        """Take an array, a single number or a text; anything else is passed by."""
        values = np.asarray(values)
        for name in values.dtype.names or ():
            self.add(f"{path}/{name}", values[name])
        if values.size == 1 and not values.dtype.names or values.dtype.kind in "SU":
            self.settings[path] = values.ravel()[0] if values.size else ""
        if values.dtype.kind == "c" or values.dtype.kind in "biuf" and values.size == 0:
            self.unusable[path] = values
        if values.dtype.kind == "c":
            self.left_out[path] = "complex numbers"
        elif values.dtype.kind in "biuf" and values.size > 1:
            self.arrays[path] = values

    def scopes(self, path: str) -> list[list[str]]:
        """The paths in the array's own group, in the group around it, and so on to all of the file."""
        parts, found = path.split("@")[0].split("/")[:-1], []
        for depth in range(len(parts), -1, -1):
            prefix = "/".join(parts[:depth])
            found.append([p for p in self.arrays if p != path and (not prefix or p.startswith((f"{prefix}/", prefix)))])
        return [[p for p in self.arrays if p.startswith(f"{path}@")], *found]


def map_from_arrays(contents: Contents, request: Request) -> xarray.DataArray:
    """The labelled form of one array of spectra: a cube [H, W, L], a stack [D, H, W, L], a list [N, L] or one [L].

    The spectral axis is the caller's, or an array called wavenumbers, shift or the like, or wavelengths with a laser,
    in the same group before others; else the only array of the right length that rises or falls; else what lies
    beside the file. x and y may be lines of the grid, [W] and [H], or the places of the spectra, [N]; where they have
    the lengths of an axis and a spectrum they are those. `request.entry` names the array to take.

    Raises InputError listing the arrays if none or several fit, and if there is no axis.
    """
    candidates = _candidates(contents)
    axes = {name: _axis_of(name, contents, request) for name in candidates}
    if not any(axes.values()) and (found := _curve(contents)) is not None:
        candidates, axes = [found[1]], {found[1]: found[0]}
    if not any(axes.values()) and request.wavenumbers is None and (found := _table(contents, candidates, request)):
        candidates, axes = [found[1]], {found[1]: found[0]}
    beside = None if any(axes.values()) or request.wavenumbers is not None else request.given_axis()
    given = request.wavenumbers if request.wavenumbers is not None else beside
    spectra = [n for n in candidates if given.size in contents.arrays[n].shape] if given is not None else candidates
    spectra = spectra if given is not None or not any(axes.values()) else [n for n in spectra if axes[n]]
    if not spectra:
        raise InputError(f"{request.path}: {_nothing_found(contents, given)}")
    if given is None and not any(axes.values()):
        named = _vector_names(contents)
        if named:
            lengths = ", ".join(f"{contents.arrays[n].size}" for n in named)
            raise InputError(f"{request.path}: {_nothing_found(contents, None, lengths)}")
        raise InputError(
            f"{request.path}: found spectra {_listed(contents, spectra)} and no spectral axis, expected an array "
            "'wavenumbers' in cm^-1; give --wavenumbers FILE (in Python, wavenumbers=) or put axis.txt beside it."
        )
    shown = _shown(spectra)
    ranks = [
        2 * sum(size > 1 for size in contents.arrays[n].shape) + (plain_key(_last(n)) in _FIRST_CHOICE) for n in spectra
    ]
    place = request.choose(list(shown), ranks)
    name = spectra[place]
    for path, reason in contents.left_out.items():
        request.note(f"left out {path!r}, which holds {reason}")
    axis_name_, array = axes[name] if given is None else "", contents.arrays[name]
    axis = given if given is not None else _shift(str(axis_name_), name, contents, request)
    values = _spectral_last(array, axis.size, contents.dims.get(name, ()), _last(str(axis_name_)))
    places = _places(name, str(axis_name_), contents)
    counted = _row_numbers(contents, len(values)) if values.ndim == 2 and not {"x", "y"} & set(places) else {}
    shape = find_optional({_last(p): a for p, a in contents.arrays.items()}, _SHAPE)
    made = _arranged(values, axis, counted or places, shape, shown[place], contents.units.get(name, ""), request.path)
    for coordinate in {"x", "y"} & set(made.coords) if counted else ():
        made[coordinate].attrs["units"] = "pixel"
    return made


def _last(path: str) -> str:
    return path.rsplit("@", 1)[-1].rsplit("/", 1)[-1]


def _whole(path: str) -> str:
    """The name of a setting; with its groups where it says 'wavelength' alone, as in laser/wavelength."""
    return re.sub("[/@]", " ", path) if rank_of(_last(path), AXES[2:3]) is not None else _last(path)


def _shown(paths: list[str]) -> list[str]:
    """The names to show: the last part of each path, or all of it where others end alike."""
    ends = [_last(path) for path in paths]
    return [end if ends.count(end) == 1 else path for end, path in zip(ends, paths, strict=True)]


def _is_vector(array: np.ndarray) -> bool:
    return array.size == max(array.shape, default=0) > 1


def _position(path: str) -> str:
    kind = axis_name(_last(path).replace("_", " "))
    return kind if kind in _POSITIONS else ""


def _vector_names(contents: Contents) -> list[str]:
    """The vectors that are called axes."""
    return [p for p, a in contents.arrays.items() if _is_vector(a) and _axis_rank(p, contents) is not None]


def _axis_rank(path: str, contents: Contents) -> int | None:
    # 'Xaxis' beside 'Yaxis' are the places of a map.
    twin = _last(path).lower().replace("x", "y", 1)
    if _position(path) == "x" and twin in [_last(p).lower() for p in contents.arrays]:
        return None
    return -1 if path in contents.spectral else rank_of(_last(path), AXES)


def _candidates(contents: Contents) -> list[str]:
    """The arrays that may be spectra: not axes, positions or shapes by their names, as far as others are left."""
    usable = [
        path
        for path, array in contents.arrays.items()
        if array.dtype.kind in "iuf"
        and 1 <= array.ndim <= 4
        and "@" not in path
        and plain_key(_last(path)) not in (*map(plain_key, _SHAPE), *_PLACES)
        and not (_is_vector(array) and _axis_rank(path, contents) is not None)
    ]
    plain = [path for path in usable if not _position(path)]
    several = any(not _is_vector(contents.arrays[path]) for path in plain)
    # 'X' [N, L] beside 'y' [N] are spectra and their labels.
    return plain if several else plain + [p for p in usable if _position(p) and not _is_vector(contents.arrays[p])]


def _axis_of(name: str, contents: Contents, request: Request) -> str | None:
    """The path of the spectral axis of an array: by name, the nearest group first, else the only one that fits."""
    shape = contents.arrays[name].shape
    if request.wavenumbers is not None:
        return None
    scopes = contents.scopes(name)
    for scope in scopes:
        fitting = [p for p in scope if _is_vector(contents.arrays[p]) and contents.arrays[p].size in shape]
        ranked = [(rank, p) for p in fitting if (rank := _axis_rank(p, contents)) is not None]
        if ranked:
            return min(ranked)[1]
        # Where the file names the dimensions, the one that is no position.
        free = [d for d in contents.dims.get(name, ()) if d and axis_name(d.replace("_", " ")) not in _POSITIONS]
        named = [p for p in fitting if [_last(p)] == free and _rises_or_falls(contents.arrays[p])]
        if named:
            return named[0]
    if _is_vector(contents.arrays[name]):
        return None
    free = [n for n in shape if n > 1]
    only = [
        p
        for p in scopes[-1]
        if _is_vector(contents.arrays[p])
        and contents.arrays[p].size in (free[-1], free[0])
        and (not _position(p) or contents.arrays[p].size not in free[:-1])
        and _rises_or_falls(contents.arrays[p])
        and not is_index(contents.arrays[p].ravel())
    ]
    if len(only) != 1 or any(contents.dims.get(name, ())) and _position(only[0]):
        return None
    request.note(
        f"took {_last(only[0])!r} as the axis of {_last(name)!r}, the only array of its length that can be one"
    )
    return only[0]


def _curve(contents: Contents) -> tuple[str, str] | None:
    """('x', 'y') of a file that holds one spectrum as a curve, under these names or others' for the y."""
    vectors = [p for p, a in contents.arrays.items() if _is_vector(a) and a.dtype.kind in "iuf" and "@" not in p]
    for x in (p for p in vectors if _last(p).lower() == "x" and _rises_or_falls(contents.arrays[p])):
        others = [p for p in vectors if p != x and contents.arrays[p].size == contents.arrays[x].size]
        if len(others) == 1 and not is_index(contents.arrays[x].ravel()):
            return x, others[0]
    return None


def _table(contents: Contents, candidates: list[str], request: Request) -> tuple[str, str] | None:
    """(axis, spectra) of the only array, [L, 1 + N] or [1 + N, L], whose first column or row is an axis."""
    array = contents.arrays[candidates[0]] if len(candidates) == 1 else np.zeros(0)
    if array.ndim != 2 or min(array.shape) < 2:
        return None
    fitting = [t for t in (array, array.T) if t.shape[0] > 8 and _rises_or_falls(t[:, 0]) and not is_index(t[:, 0])]
    if len(fitting) != 1:
        return None
    name = candidates[0]
    request.note(f"took the first {'column' if fitting[0] is array else 'row'} of {_last(name)!r} as the axis")
    contents.arrays |= {f"{name}/axis": fitting[0][:, 0], name: fitting[0][:, 1:].T}
    return f"{name}/axis", name


def _rises_or_falls(array: np.ndarray) -> bool:
    steps = np.diff(array.ravel().astype(np.float64))
    return bool((steps > 0).all() or (steps < 0).all())


def _shift(axis: str, spectra: str, contents: Contents, request: Request) -> np.ndarray:
    """The axis in cm^-1, by its unit or its name, and the laser that the file tells of these spectra."""
    values = np.asarray(contents.arrays[axis], np.float64).ravel()
    said = [contents.settings.get(f"{axis}{end}") for end in ("@units", "@unit", "_units", "_unit")]
    unit = contents.units.get(axis) or next(filter(None, said), "") or unit_in(_last(axis))
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    unit = "" if unit.startswith(("<", "_")) else unit  # HyperSpy's '<undefined>'
    if unit == "nm" and np.nanmax(values) < 30:
        unit = "um"
    group = spectra.rsplit("/", 1)[0]
    nearest = sorted(contents.settings, key=lambda p: (not p.startswith((spectra, axis)), not p.startswith(group), p))
    laser = next((found for p in nearest if (found := laser_in({_whole(p): contents.settings[p]}))), None)
    return request.shift(values, unit, laser)


def _places(spectra: str, axis: str, contents: Contents) -> dict[str, np.ndarray]:
    """{'x': values, ...} in um and s of the nearest arrays with the names of positions."""
    places: dict[str, np.ndarray] = {}
    if _position(spectra):
        return places
    for scope in contents.scopes(spectra):
        for path in scope:
            kind = _position(path)
            if kind and kind not in places and path != axis and contents.arrays[path].dtype.kind in "iuf":
                unit = str(contents.units.get(path, "")).strip()
                scale = TO_UM.get(unit, 1.0) if kind != "time" else 1.0
                values = contents.arrays[path]
                places[kind] = values if scale == 1.0 else scale * values
            pair = contents.arrays[path]
            if plain_key(_last(path)) in _PLACES and pair.ndim == 2 and pair.shape[1] in (2, 3) and len(pair) > 3:
                places |= {name: column for name, column in zip("xyz", pair.T, strict=False) if name not in places}
    return places


def _row_numbers(contents: Contents, count: int) -> dict[str, np.ndarray]:
    """{'y': rows, 'x': columns} where the file numbers the spectra of a grid so."""
    found = {grid_axis(_last(p)): a.ravel() for p, a in contents.arrays.items() if _is_vector(a) and a.size == count}
    return {name: found[name] for name in "yx"} if {"x", "y"} <= set(found) else {}


def _nothing_found(contents: Contents, axis: np.ndarray | None, lengths: str = "") -> str:
    if not contents.arrays and contents.left_out:
        left = ", ".join(f"{path!r} of {reason}" for path, reason in contents.left_out.items())
        return f"found only {left}, expected real numbers; save the intensities as plain arrays of real numbers."
    lengths = (
        f"{axis.size}"
        if axis is not None
        else lengths or ", ".join(f"{contents.arrays[n].size}" for n in _vector_names(contents))
    )
    wanted = f"spectra of {lengths} channels, as many as wavenumbers" if lengths else "spectra"
    left = "".join(f"; {path!r} holds {reason} and cannot be used" for path, reason in contents.left_out.items())
    return f"found {_listed(contents)}, expected {wanted}, [H, W, L], [N, L] or [L]{left}; export the data again."


def _listed(contents: Contents, paths: Iterable[str] | None = None) -> str:
    paths = [p for p in contents.arrays if "@" not in p] if paths is None else paths
    return ", ".join(f"{_last(path)!r} {contents.arrays[path].shape}" for path in paths) or "no array of numbers"


def _spectral_last(array: np.ndarray, length: int, dims: tuple[str, ...], axis: str) -> np.ndarray:
    """The array with its spectral axis last and, where the file names them, z before y before x."""
    if len(dims) == array.ndim and len(set(dims)) == array.ndim:
        rank = {"time": 0, "z": 1, "y": 2, "x": 3}
        spectral = [dim == axis or rank_of(dim, AXES) is not None for dim in dims]
        order = sorted(
            range(array.ndim), key=lambda i: 4 if spectral[i] else rank.get(axis_name(dims[i].replace("_", " ")), 2)
        )
        array = array.transpose(order)
    # MATLAB has no vectors: one spectrum comes as [1, L] or [L, 1].
    if array.ndim == 2 and 1 in array.shape:
        return array.reshape(-1)
    if array.shape[-1] == length:
        return array
    return np.moveaxis(array, array.shape.index(length), -1)


def _arranged(
    values: np.ndarray,
    axis: np.ndarray,
    places: Mapping[str, np.ndarray],
    shape: np.ndarray | None,
    name: str,
    unit: str,
    path: Path,
) -> xarray.DataArray:
    form: tuple[np.ndarray, tuple[str, ...], dict[str, Any], str]
    if values.ndim == 1:
        form = values, (), {}, "um"
    elif values.ndim == 2:
        form = _list_form(values, places, shape)
    else:
        dims = ("z", "y", "x")[-(values.ndim - 1) :]
        form = values, dims, *_grid_coordinates(places, dims, values.shape)
    units = "counts" if unit.lower() in ("counts", "count", "cts") else "a.u."
    return build_map(
        form[0], axis, *form[1:3], path=path, instrument="", title=name, units=units, position_units=form[3]
    )


def _list_form(
    values: np.ndarray, places: Mapping[str, np.ndarray], shape: np.ndarray | None
) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any], str]:
    count = len(values)
    of_each = {name: place.ravel() for name, place in places.items() if place.size == count}
    if {"x", "y"} <= set(of_each) or (of_each and shape is None and not {"x", "y"} <= set(places)):
        arrangement = arrange(count, of_each)
        return arrangement.place(values), arrangement.dims, arrangement.coords, "um"
    if shape is None and {"x", "y"} <= set(places) and places["x"].size * places["y"].size == count:
        shape = np.array([places["y"].size, places["x"].size])
    if shape is None or shape.size != 2 or int(np.prod(shape)) != count:
        return values, ("spectrum",), {}, "um"
    cube = values.reshape(int(shape.ravel()[0]), int(shape.ravel()[1]), -1)
    return cube, ("y", "x"), *_grid_coordinates(places, ("y", "x"), cube.shape)


def _grid_coordinates(
    places: Mapping[str, np.ndarray], dims: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[dict[str, Any], str]:
    """The lines of the grid, in um where the file gives x and y, else the number of the pixel."""
    size = dict(zip(dims, shape, strict=False))
    lines = {name: _line_of(places[name], name, size) for name in dims if name in places}
    if lines.get("x") is None or lines.get("y") is None:
        return {name: np.arange(float(size[name])) for name in ("y", "x")}, "pixel"
    return {name: line for name, line in lines.items() if line is not None}, "um"


def _line_of(place: np.ndarray, name: str, size: Mapping[str, int]) -> np.ndarray | None:
    if place.size == size[name]:
        return place.ravel().astype(np.float64)
    if name in ("x", "y") and place.shape == (size["y"], size["x"]):
        line = place[0] if name == "x" else place[:, 0]
        return line.astype(np.float64) if np.allclose(place, line if name == "x" else line[:, None]) else None
    return None
