"""Maps in any format that `read_map` knows as training data: pairs of a fast and a slow scan, and images."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deeper_jax.data.spectral_pairs import SpectralPairs, build_pairs
from deeper_jax.errors import InputError
from deeper_jax.maps.reading import read_map
from deeper_jax.maps.registry import FORMATS, envi_header
from deeper_jax.spectra.axis import AXIS_FILE, same_axis

if TYPE_CHECKING:
    import xarray

NOISY_FOLDER, TARGET_FOLDER = "noisy", "target"
LIST_FILE = "Image_IDs.csv"
_TEXT = next(form.suffixes for form in FORMATS if form.name == "text")
MAP_SUFFIXES = tuple(sorted({suffix for form in FORMATS for suffix in form.suffixes}))

log = logging.getLogger(__name__)


def map_files(folder: Path) -> dict[str, Path]:
    """The files of maps directly in a folder by their names without suffix, sorted.

    Text files are maps only where there is no other kind: beside others they are notes, which is logged.

    Raises:
        InputError: two files of one name.
    """
    names = sorted(item for item in folder.iterdir() if item.suffix.lower() in MAP_SUFFIXES and item.is_file())
    # An ENVI map is a header and the file of its values.
    names = [item for item in names if item.name[0] != "." and envi_header(item) in (None, item)]
    names = [item for item in names if item.name not in (AXIS_FILE, LIST_FILE)]
    others = [item for item in names if item.suffix.lower() not in _TEXT]
    if others and len(others) < len(names):
        left = ", ".join(sorted(item.name for item in set(names) - set(others)))
        log.info("%s: %s left out, text beside other maps.", folder, left)
        names = others
    files: dict[str, Path] = {}
    for item in names:
        if item.stem in files:
            raise InputError(
                f"{folder}: found {files[item.stem].name} and {item.name}, expected one file of each name; remove one "
                "of them."
            )
        files[item.stem] = item
    return files


def read_map_pairs(folder: Path) -> list[SpectralPairs]:
    """The cells of a folder whose `noisy` and `target` hold files of the same names, one pair a cell, in their order.

    Pixels that either scan did not measure are left out, which is logged.

    Raises:
        InputError: a file without its partner, or a pair of other shapes, places or axes.
    """
    noisy, target = (_files_in(folder / name) for name in (NOISY_FOLDER, TARGET_FOLDER))
    for name in sorted(noisy.keys() ^ target.keys()):
        found, missing = (noisy, TARGET_FOLDER) if name in noisy else (target, NOISY_FOLDER)
        raise InputError(
            f"{found[name]}: found no map '{name}' in {folder / missing}, expected one of the same name there; add "
            "it, or take this one away."
        )
    return [_read_pair(noisy[name], target[name]) for name in noisy]


def _files_in(folder: Path) -> dict[str, Path]:
    files = map_files(folder) if folder.is_dir() else {}
    if not files:
        raise InputError(
            f"{folder}: found no file of a map there, expected the same names in {NOISY_FOLDER} and {TARGET_FOLDER}; "
            "add them."
        )
    return files


def _read_pair(noisy_file: Path, target_file: Path) -> SpectralPairs:
    noisy, target = read_map(noisy_file), read_map(target_file)
    if noisy.shape != target.shape or noisy.dims != target.dims:
        raise InputError(
            f"{target_file}: found {_form(target)}, expected {_form(noisy)} as in {noisy_file}; give two scans of the "
            "same pixels and channels."
        )
    axis = noisy["wavenumber"].values
    check_same_axis(axis, noisy_file, target["wavenumber"].values, target_file)
    _check_places(noisy, noisy_file, target, target_file)
    arrays = [data.values.reshape(-1, axis.size) for data in (noisy, target)]
    measured = ~(np.isnan(arrays[0]).all(axis=1) | np.isnan(arrays[1]).all(axis=1))
    if not measured.any():
        raise InputError(f"{noisy_file}: found no pixel measured here and in {target_file}, expected some; check both.")
    if not measured.all():
        log.info("%s: %d of %d pixels not measured, left out.", noisy_file, (~measured).sum(), measured.size)
        arrays = [array[measured] for array in arrays]
    elif noisy.ndim == 3:
        arrays = [data.values for data in (noisy, target)]
    pairs = build_pairs(arrays[0], arrays[1], None, axis, source=f"{noisy_file} and its target", name=noisy_file.stem)
    size = _pixel_size(noisy)
    return pairs if size is None else replace(pairs, pixel_sizes_um={noisy_file.stem: size})


def _pixel_size(data: "xarray.DataArray") -> float | None:
    """Side of a map's pixels in µm; None where it is not known, or they are not square to a hundredth."""
    if data.dims[:-1] != ("y", "x") or any(data[dim].attrs.get("units") != "um" for dim in ("y", "x")):
        return None
    steps = [np.abs(np.diff(data[dim].values)) for dim in ("y", "x") if data.sizes[dim] > 1]
    every = np.concatenate(steps) if steps else np.zeros(1)
    even = every.min() > 0 and np.ptp(every) <= 0.01 * every.mean()
    return float(every.mean()) if even else None


def _form(data: "xarray.DataArray") -> str:
    return " x ".join(f"{size} {name}" for name, size in data.sizes.items())


def _check_places(noisy: "xarray.DataArray", noisy_file: Path, target: "xarray.DataArray", target_file: Path) -> None:
    """Raise InputError where the pixels of two maps do not lie alike, wherever the stage's zero is."""
    for name in ("x", "y"):
        if noisy.dims[:-1] == ("y", "x") and noisy[name].attrs == target[name].attrs and noisy[name].size > 1:
            places = [data[name].values - data[name].values[0] for data in (noisy, target)]
            if np.abs(places[0] - places[1]).max() > 0.5 * np.abs(np.diff(places[0])).min():
                ends = [f"0 to {place[-1]:g}" for place in places]
                raise InputError(
                    f"{target_file}: found pixels at {name} from {ends[1]}, expected {ends[0]} as in {noisy_file}; "
                    "give two scans of the same pixels."
                )


def check_same_axis(first: np.ndarray | None, first_file: Path, other: np.ndarray | None, file: Path) -> None:
    """Raise InputError unless the axes of two files are the same but for a tenth of a channel."""
    if same_axis(other, first):
        return
    words = [
        "no axis" if axis is None else f"{axis.size} wavenumbers, {axis[0]:.6g} to {axis[-1]:.6g} cm^-1"
        for axis in (other, first)
    ]
    raise InputError(
        f"{file}: found {words[0]}, expected those of {first_file}, {words[1]}, to a tenth of a channel; resample the "
        "one to the other's axis (docs/data.md says how)."
    )


def read_map_image(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(image [H, W, L] float32, wavenumbers [L] rising) of a file of one map.

    Of a map that was interrupted the longest run of whole lines is taken, which is logged.

    Raises:
        InputError: it is no map, or no line of it is whole.
    """
    data = read_map(path)
    if data.dims[:-1] != ("y", "x"):
        raise InputError(f"{path}: found {_form(data)}, expected one map, y x x; give a file of a map.")
    first, last = _longest_run(~np.isnan(data.values).all(axis=-1).any(axis=1))
    if first == last:
        raise InputError(f"{path}: found no line of the map that is whole, expected some; leave this file out.")
    if last - first < len(data):
        log.info("%s: lines %d to %d of %d are whole, the others left out.", path, first, last - 1, len(data))
    return np.ascontiguousarray(data.values[first:last], np.float32), data["wavenumber"].values


def _longest_run(good: Sequence[bool] | np.ndarray) -> tuple[int, int]:
    """(first, one after the last) of the longest run of true values; (0, 0) if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(good, int), [0]])))
    runs = edges.reshape(-1, 2)
    return tuple(map(int, runs[np.argmax(runs[:, 1] - runs[:, 0])])) if len(runs) else (0, 0)  # type: ignore[return-value]
