"""Find the spectra, the axis and the positions among the named arrays of a file, and arrange them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.grid import arrange
from deeper_jax.maps.raman_map import build_map
from deeper_jax.maps.registry import cannot_be_read
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

_AXIS = (
    "wavenumbers",
    "wavenumber",
    "raman_shift",
    "raman_shifts",
    "shift",
    "shifts",
    "wn",
    "nu",
    "axis",
    "spectral_axis",
)
_WAVELENGTH = ("wavelengths", "wavelength", "lambda")
_LASER = ("laser_nm", "laser", "laser_wavelength", "excitation", "excitation_wavelength", "excitation_nm")
_POSITIONS = {
    name: (name, f"{name}_um", f"{name}pos", f"{name}_position", f"{name}_positions", f"{name}_coordinates", f"{name}s")
    for name in ("x", "y", "z")
} | {"time": ("time", "times", "t", "time_s")}
_SHAPE = ("image_shape", "map_shape", "imagesize")
_FIRST_CHOICE = ("intensity", "intensities")


def map_from_arrays(
    arrays: Mapping[str, np.ndarray],
    request: Request,
    dims: Mapping[str, tuple[str, ...]] | None = None,
) -> xarray.DataArray:
    """The labelled form of one array of spectra: a cube [H, W, L], a stack [D, H, W, L], a list [N, L] or one [L].

    The spectral axis is the array called wavenumbers, shift or the like, wavelengths with a laser, or
    `wavenumbers` where the file has neither. x and y may be lines of the grid, [W] and [H], or the places of the
    spectra, [N]. entry: the array to take. dims: the names of the arrays' dimensions, as far as the file tells.
    Raises InputError listing the arrays if none or several fit, and if there is no axis.
    """
    path = request.path
    axis = _find_axis(arrays, request)
    places = {name: found for name, names in _POSITIONS.items() if (found := find_optional(arrays, names)) is not None}
    apart = {plain_key(n) for n in (*_AXIS, *_WAVELENGTH, *_LASER, *_SHAPE, *sum(_POSITIONS.values(), ()))}
    spectra = {n: a for n, a in arrays.items() if plain_key(n) not in apart and _may_be_spectra(a, axis)}
    if not spectra:
        raise InputError(f"{path}: {_nothing_found(arrays, axis)}")
    if axis is None:
        raise InputError(
            f"{path}: found spectra {_listed(spectra)} and no spectral axis, expected an array 'wavenumbers' in cm^-1; "
            "give --wavenumbers FILE (in Python, wavenumbers=), or put axis.txt beside the file."
        )
    names = list(spectra)
    ranks = [2 * array.ndim + (plain_key(name) in _FIRST_CHOICE) for name, array in spectra.items()]
    name = names[request.choose(names, ranks)]
    values = _spectral_last(spectra[name], axis.size, (dims or {}).get(name, ()))
    return _arranged(values, axis, places, find_optional(arrays, _SHAPE), name, path)


def _find_axis(arrays: Mapping[str, np.ndarray], request: Request) -> np.ndarray | None:
    if request.wavenumbers is not None:
        return request.wavenumbers
    axis = find_optional(arrays, _AXIS)
    if axis is not None and axis.dtype.kind in "iuf" and axis.size == max(axis.shape, default=0) > 1:
        return axis.ravel().astype(np.float64)
    wavelengths = find_optional(arrays, _WAVELENGTH)
    if wavelengths is None:
        return request.given_axis()
    laser = find_optional(arrays, _LASER)
    return request.shift(wavelengths.ravel(), "nm", None if laser is None else float(laser.ravel()[0]))


def _may_be_spectra(array: np.ndarray, axis: np.ndarray | None) -> bool:
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2, 3, 4) or array.size < 2:
        return False
    return array.ndim > 1 if axis is None and array.ndim == 0 else axis is None or axis.size in array.shape


def _nothing_found(arrays: Mapping[str, np.ndarray], axis: np.ndarray | None) -> str:
    wanted = "spectra" if axis is None else f"spectra of {axis.size} channels, as many as wavenumbers"
    return f"found {_listed(arrays)}, expected {wanted}, [H, W, L], [N, L] or [L]; export the data again."


def _listed(arrays: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name!r} {array.shape}" for name, array in arrays.items())


def _spectral_last(array: np.ndarray, length: int, dims: tuple[str, ...]) -> np.ndarray:
    """The array with its spectral axis last and, where the file names them, z before y before x."""
    if len(dims) == array.ndim and len(set(dims)) == array.ndim:
        rank = {"time": 0, "z": 1, "y": 2, "x": 3}
        order = sorted(
            range(array.ndim), key=lambda i: rank.get(dims[i], 4 if plain_key(dims[i]) in map(plain_key, _AXIS) else 2)
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
    return build_map(form[0], axis, form[1], form[2], path=path, instrument="", title=name, position_units=form[3])


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


ARRAY_SUFFIXES = (".mat", ".npz")


def plain_key(name: str) -> str:
    """The key as it is compared: lower case, letters and digits only ('Train_Inputs' -> 'traininputs')."""
    return "".join(character for character in name.lower() if character.isalnum())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every numeric or text array of a .mat or .npz file, by its own key, axes as MATLAB or NumPy shows them.

    Version 7.3 .mat files are HDF5 and hold each array with its axes reversed; they are turned back here.
    Raises InputError if the file is missing, of another kind, damaged, or holds no array.
    """
    from deeper_jax.maps.formats.mat import mat_arrays
    from deeper_jax.maps.formats.npz import npz_arrays

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a {' or '.join(ARRAY_SUFFIXES)} file, check the path.")
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise InputError(f"{path}: found a '{path.suffix}' file, expected .mat or .npz; export the data as one.")
    try:
        arrays = npz_arrays(path) if path.suffix.lower() == ".npz" else mat_arrays(path)
    except Exception as error:
        raise cannot_be_read(path, path.suffix, error) from error
    if not arrays:
        raise InputError(f"{path}: found no array, expected spectra [N, L]; export the data again.")
    return arrays


def find_array(
    arrays: Mapping[str, np.ndarray], names: Iterable[str], path: Path, *, only_one: bool = False
) -> np.ndarray:
    """The array stored under the first of `names` that the file has, whatever its spelling or case.

    only_one: take the file's only numeric array with two or more axes if no name fits.
    Raises InputError listing the keys found if nothing fits.
    """
    names = tuple(names)
    found = find_optional(arrays, names)
    if found is not None:
        return found
    numeric = [a for a in arrays.values() if a.dtype.kind in "biuf" and a.ndim >= 2 and a.size > 1]
    if only_one and len(numeric) == 1:
        return numeric[0]
    raise InputError(
        f"{path}: found the keys {', '.join(map(repr, arrays))}, expected one of "
        f"{', '.join(map(repr, names))}; rename the array."
    )


def find_optional(arrays: Mapping[str, np.ndarray], names: Iterable[str]) -> np.ndarray | None:
    """As `find_array`, or None if no name fits."""
    by_plain_key = {plain_key(key): value for key, value in arrays.items()}
    for name in names:
        if plain_key(name) in by_plain_key:
            return by_plain_key[plain_key(name)]
    return None
