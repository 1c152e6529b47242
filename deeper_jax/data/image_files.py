"""Read and write hyperspectral images: DeepeR's folders of .mat images, simulated folders, users' own files."""

import csv
import io
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.data.hyperspectral_images import HyperspectralImages, split_images
from deeper_jax.data.map_files import LIST_FILE, MAP_SUFFIXES, check_same_axis, map_files, read_map_image
from deeper_jax.errors import InputError
from deeper_jax.maps.array_files import ARRAY_SUFFIXES, find_optional, read_arrays
from deeper_jax.maps.formats.hdf5_file import is_dataset, open_hdf5
from deeper_jax.maps.reading import read_own
from deeper_jax.spectra.axis import AXIS_FILE, checked_axis, read_axis

__all__ = ["HyperspectralImages", "list_images", "read_images", "split_images", "write_list"]

# Files of arrays, of which an image may lack an axis.
_ARRAYS = (*ARRAY_SUFFIXES, ".npy", ".h5", ".hdf5")
RECORD_FILE = "images.json"
TRUTH_FOLDER = "truth"
_IMAGE_KEYS = ("image", "hr_image", "cube", "data", "map")
_AXIS_KEYS = ("wavenumbers", "wavenumber", "axis")


def read_images(path: str | Path) -> HyperspectralImages:
    """Read a folder of images, one a file, or a single file.

    Files: .mat (v5 or v7.3), .npz, .npy, .h5 holding [H, W, L] under image, cube or data, or as their only
    array of three axes, with optional wavenumbers; and maps in any other format that `read_map` knows. A
    folder's Image_IDs.csv (column `id`, names without extension) decides what is read and in which order; where
    there is none the sorted list is used and, if the folder can be written, left there. A folder's axis.txt gives
    the wavenumbers. .npy files in float32 are memory-mapped, so that all processes share one copy. A descending
    axis is reversed, the images with it.
    Raises InputError, before any other work, if anything is missing, damaged or contradictory.
    """
    path = Path(path)
    files = list_images(path)
    record = _read_record(path / RECORD_FILE) if path.is_dir() else {}
    axis = read_axis(path / AXIS_FILE) if path.is_dir() else None
    first_file = path / AXIS_FILE
    images: list[np.ndarray] = []
    for number, file in enumerate(files.values()):
        image, own_axis = _read_image(file)
        if number == 0 and axis is None:
            axis, first_file = own_axis, file
        elif own_axis is not None:
            check_same_axis(axis, first_file, own_axis, file)
        if images and image.shape[-1] != images[0].shape[-1]:
            raise InputError(
                f"{file}: found {image.shape[-1]} spectral channels, expected {images[0].shape[-1]} as in "
                f"{next(iter(files.values())).name}; resample the images to one axis."
            )
        images.append(image)
    truth_folder = path / TRUTH_FOLDER
    truths = _read_truths(truth_folder, files, images) if truth_folder.is_dir() else None
    return _assemble(path, tuple(files), images, truths, axis, record)


def list_images(path: str | Path) -> dict[str, Path]:
    """The image files at `path` by name, in order, without reading them; see `read_images`.

    Builds Image_IDs.csv where a folder has none and can be written. Raises InputError.
    """
    path = Path(path)
    if path.is_file():
        return {path.stem: path}
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder; expected hyperspectral images, check the path.")
    files = map_files(path)
    listed = _listed_names(path / LIST_FILE)
    if listed is None:
        if not files:
            raise InputError(
                f"{path}: found no image file, expected one of {', '.join(MAP_SUFFIXES)} an image; check the folder."
            )
        write_list(path / LIST_FILE, files)
        return files
    missing = [name for name in listed if name not in files]
    if missing:
        raise InputError(
            f"{path / LIST_FILE}: found the id '{missing[0]}' without a file ({len(missing)} of "
            f"{len(listed)}), expected {missing[0]}.mat or its like beside it; add the file or remove the id."
        )
    if len(listed) < len(files):
        logging.getLogger(__name__).warning(
            "%s lists %d of the %d images beside it: the others are left out.",
            path / LIST_FILE,
            len(listed),
            len(files),
        )
    return {name: files[name] for name in listed}


def _listed_names(path: Path) -> list[str] | None:
    if not path.is_file():
        return None
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        column = next((key for key in reader.fieldnames or () if key.strip().lower() == "id"), None)
        names = [row[column].strip() for row in reader if row[column]] if column else []
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: found a damaged table ({error}), expected CSV text; restore it.") from error
    names = [name[: -len(Path(name).suffix)] if _has_image_suffix(name) else name for name in names]
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"{path}: found {len(names)} ids, {len(set(names))} of them different, expected a column 'id' "
            "naming each image once; correct the file, or remove it to have it built."
        )
    return names


def _has_image_suffix(name: str) -> bool:
    return Path(name).suffix.lower() in MAP_SUFFIXES


def write_list(path: Path, names: Iterable[str]) -> None:
    """Write the list if the folder allows it; several processes may do so at once."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["id"], *([name] for name in names)])
    try:
        handle, partial = tempfile.mkstemp(prefix=".ids-", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text.getvalue())
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except OSError:
        # Read-only data is fine: the order is the same, it is only not written down.
        pass


def _read_image(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(image [H, W, L] float32, wavenumbers [L] rising, or as beside the file: None)."""
    if path.suffix.lower() not in _ARRAYS or read_own(path) is not None:
        return read_map_image(path)
    arrays = _read_any(path)
    image = find_optional(arrays, _IMAGE_KEYS)
    cubes = [array for array in arrays.values() if array.ndim == 3 and array.dtype.kind in "biuf"]
    if image is None and len(cubes) == 1:
        image = cubes[0]
    elif image is None and len(arrays) == 1:
        (image,) = arrays.values()
    if image is None:
        return read_map_image(path)
    if image.ndim != 3 or image.size == 0 or image.dtype.kind not in "biuf":
        raise InputError(
            f"{path}: found an array of shape {image.shape} and type {image.dtype}, expected one image "
            "[H, W, L] of real numbers; reshape it."
        )
    _check_finite(image, path)
    # MATLAB's order of the axes in memory would make every later pass over the spectra several times slower.
    if image.dtype != np.float32 or not image.flags.c_contiguous:
        image = np.ascontiguousarray(image, np.float32)
    axis = find_optional(arrays, _AXIS_KEYS)
    if axis is None:
        return image, None
    axis = checked_axis(axis, image.shape[-1], path)
    return (image, axis) if axis[0] <= axis[-1] else (image[..., ::-1], axis[::-1].copy())


def _read_any(path: Path) -> dict[str, np.ndarray]:
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        return read_arrays(path)
    try:
        if suffix == ".npy":
            return {"image": np.load(path, mmap_mode="r", allow_pickle=False)}
        return _read_hdf5(path)
    except InputError:
        raise
    # As in `read_arrays`: whatever the reader raises, the file is no good.
    except Exception as error:
        raise InputError(
            f"{path}: found bytes that cannot be read ({error or type(error).__name__}), expected a complete "
            f"{suffix} file; the file is damaged or cut short, copy or export it again."
        ) from error


def _read_hdf5(path: Path) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}

    def keep(name: str, item: Any) -> None:
        if is_dataset(item) and item.dtype.kind in "biuf":
            arrays[name.rsplit("/", 1)[-1]] = np.asarray(item[()])

    with open_hdf5(path) as file:
        file.visititems(keep)
    return arrays


def _check_finite(image: np.ndarray, path: Path) -> None:
    # Line by line: a memory-mapped image may be larger than the memory.
    for line, values in enumerate(image):
        if not np.isfinite(values).all():
            column = int(np.flatnonzero(~np.isfinite(values).all(axis=-1))[0])
            raise InputError(
                f"{path}: found values that are NaN or infinite, first in pixel ({line}, {column}), expected "
                "finite numbers; repair the image or leave it out."
            )


def _read_truths(folder: Path, files: Mapping[str, Path], images: Sequence[np.ndarray]) -> list[np.ndarray]:
    truths = []
    for (name, file), image in zip(files.items(), images, strict=True):
        truth, _ = _read_image(folder / file.name)
        if truth.shape != image.shape:
            raise InputError(
                f"{folder / file.name}: found a truth of shape {truth.shape}, expected {image.shape} as in "
                f"image '{name}'; write the data again."
            )
        truths.append(truth)
    return truths


def _read_record(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text())
        return {
            "simulated": bool(record["simulated"]),
            "steps": tuple(dict(step) for step in record["steps"]),
            "test_names": tuple(str(name) for name in record["test_names"]),
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path}: found a damaged record ({type(error).__name__}: {error}), expected the file written "
            "with the images; restore it, or remove it to read the images without it."
        ) from error


def _assemble(
    path: Path,
    names: tuple[str, ...],
    images: list[np.ndarray],
    truths: list[np.ndarray] | None,
    wavenumbers: np.ndarray | None,
    record: dict[str, Any],
) -> HyperspectralImages:
    axis = None if wavenumbers is None else checked_axis(wavenumbers, images[0].shape[-1], path)
    if axis is not None and axis[0] > axis[-1]:
        # Views, so that memory-mapped images stay so.
        axis = axis[::-1].copy()
        images = [image[..., ::-1] for image in images]
        truths = None if truths is None else [truth[..., ::-1] for truth in truths]
    record = {**record, "test_names": tuple(n for n in record.get("test_names", ()) if n in names)}
    return HyperspectralImages(images, names, axis, str(path), truths=truths, **record)
