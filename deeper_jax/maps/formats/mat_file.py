"""Load MATLAB files of version 5, after a look at their tags: on a type it does not know SciPy crashes the process."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from deeper_jax.errors import InputError
from deeper_jax.maps.packed import most_unpacked, unpacks_to_too_much

_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = frozenset((1, 2, 3, 4, 5, 6, 7, 9, 12, 13))
_TEXTS = frozenset((16, 17, 18))
_SPARSE = 5
# Classes of matrices that hold others: cells, structures, objects, functions and what newer versions wrap.
_NESTED = (1, 2, 3, 16, 17)


def load_mat(path: Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """The variables of a file of version 4 or 5, as `scipy.io.loadmat` gives them: all, or those of `names`.

    Raises InputError if a part has a type that the format does not know; whatever SciPy raises on other damage.
    """
    content = np.memmap(path, np.uint8, "r").data
    order = {b"IM": "little", b"MI": "big"}.get(bytes(content[126:128]))
    if order is not None:
        _check(content[128:], len(content), order, path, frozenset((_MATRIX, _COMPRESSED)))
    return scipy.io.loadmat(path, variable_names=names)


def _check(content: memoryview, length: int, order: Any, path: Path, allowed: frozenset[int]) -> tuple[int, int]:
    """Check the types of all elements that begin within `length` of `content`; how many there are, and where they end.

    WITec's exports have structures that tell of less than what is in them, so `content` goes on beyond them.
    """
    place, unpacked, count = 0, 0, 0
    while place + 8 <= min(length, len(content)):
        kind, size = (int.from_bytes(content[at : at + 4], order) for at in (place, place + 4))
        if kind >> 16:
            # A small element: its size is in the upper half of the first word.
            kind, size, start, end = kind & 0xFFFF, kind >> 16, place + 4, place + 8
        else:
            start = place + 8
            end = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if kind not in allowed:
            raise InputError(
                f"{path}: found a part of type {kind}, which MATLAB does not write there; the file is damaged, copy it "
                "again."
            )
        if kind == _COMPRESSED:
            most = most_unpacked(len(content)) - unpacked
            element = zlib.decompressobj().decompress(content[start:end], most + 1)
            if len(element) > most:
                raise unpacks_to_too_much(path)
            unpacked += len(element)
            _check(memoryview(element), len(element), order, path, frozenset((_MATRIX,)))
        elif kind == _MATRIX and size:
            _check_matrix(content[start:], size, order, path)
        place, count = end, count + 1
    return count, place


def _check_matrix(content: memoryview, length: int, order: Any, path: Path) -> None:
    """Check the elements of a matrix; SciPy would look for those that are missing in what comes after it."""
    # The first element is 16 bytes of flags, which tell the class and whether there are imaginary parts.
    flags = int.from_bytes(content[8:12], order)
    kind, is_complex = flags & 0xFF, flags >> 11 & 1
    inside = _NUMBERS | _TEXTS | (frozenset((_MATRIX,)) if kind in _NESTED else frozenset())
    count, end = _check(content, length, order, path, inside)
    # Flags, sizes, name and numbers; of sparse matrices two lists of places before these.
    expected = 4 + is_complex + 2 * (kind == _SPARSE)
    if kind not in _NESTED and (count < expected or end > length + 7):
        raise InputError(
            f"{path}: found a variable that ends before its numbers do; the file is damaged, copy it again."
        )
