"""Read the numeric arrays out of a .mat (v4, v5, v7.3) or .npz file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from deeper_jax.errors import InputError

ARRAY_SUFFIXES = (".mat", ".npz")


def plain_key(name: str) -> str:
    """The key as it is compared: lower case, letters and digits only ('Train_Inputs' -> 'traininputs')."""
    return "".join(character for character in name.lower() if character.isalnum())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every numeric or text array of a .mat or .npz file, by its own key, axes as MATLAB or NumPy shows them.

    Version 7.3 .mat files are HDF5 and hold each array with its axes reversed; they are turned back here.
    Raises InputError if the file is missing, of another kind, damaged, or holds no array.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a {' or '.join(ARRAY_SUFFIXES)} file, check the path.")
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise InputError(f"{path}: found a '{path.suffix}' file, expected .mat or .npz; export the data as one.")
    try:
        arrays = _read_npz(path) if path.suffix.lower() == ".npz" else _read_mat(path)
    # The readers raise a dozen kinds of error on damaged bytes; all mean the same to the user.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: found bytes that cannot be read ({reason}), expected a complete {path.suffix} file; "
            "the file is damaged or cut short, copy or export it again."
        ) from error
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


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _read_mat(path: Path) -> dict[str, np.ndarray]:
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            return {key: _matlab_order(item) for key, item in file.items() if _holds_numbers(item)}
    content = scipy.io.loadmat(path)
    return {key: value for key, value in content.items() if _is_plain(key, value)}


def _matlab_order(dataset: h5py.Dataset) -> np.ndarray:
    return np.asarray(dataset[()]).T


def _holds_numbers(item: object) -> bool:
    # Passed by: object references (MATLAB cell arrays) and empty arrays, which v7.3 stores as their shape.
    return isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and "MATLAB_empty" not in item.attrs


def _is_plain(key: str, value: object) -> bool:
    return not key.startswith("__") and isinstance(value, np.ndarray) and value.dtype.kind in "biufcUS"
