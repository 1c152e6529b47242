"""The named arrays of .mat and .npz files, and those of them that have one of some names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.registry import cannot_be_read, check_is_file

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
    check_is_file(path, f"a {' or '.join(ARRAY_SUFFIXES)} file")
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise InputError(f"{path}: found a '{path.suffix}' file, expected .mat or .npz; export the data as one.")
    try:
        arrays = npz_arrays(path) if path.suffix.lower() == ".npz" else mat_arrays(path)
    except InputError:
        raise
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
