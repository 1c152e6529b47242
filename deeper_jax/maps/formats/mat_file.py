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
# Classes of matrices that hold others: cells, structures, objects, functions and what newer versions wrap.
_NESTED = (1, 2, 3, 16, 17)


def load_mat(path: Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """The variables of a file of version 4 or 5, as `scipy.io.loadmat` gives them: all, or those of `names`.

    Raises InputError if a part has a type that the format does not know; whatever SciPy raises on other damage.
    """
    content = np.memmap(path, np.uint8, "r").data
    order = {b"IM": "little", b"MI": "big"}.get(bytes(content[126:128]))
    if order is not None:
        _check(content[128:], order, path, frozenset((_MATRIX, _COMPRESSED)))
    return scipy.io.loadmat(path, variable_names=names)


def _check(content: memoryview, order: Any, path: Path, allowed: frozenset[int]) -> None:
    """Check the types of all elements in `content`, and of those in them."""
    place, unpacked = 0, 0
    while place + 8 <= len(content):
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
            _check(memoryview(element), order, path, frozenset((_MATRIX,)))
        elif kind == _MATRIX and size >= 16:
            # The first element is 16 bytes of flags, which tell the class.
            nested = int.from_bytes(content[start + 8 : start + 12], order) & 0xFF in _NESTED
            inside = _NUMBERS | _TEXTS | (frozenset((_MATRIX,)) if nested else frozenset())
            _check(content[start : start + size], order, path, inside)
        place = end
