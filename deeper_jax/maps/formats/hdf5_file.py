"""Open HDF5 files for reading: the one place, where those that take their data from elsewhere are refused.

HDF5 lets an array's bytes lie in any other file: by external storage, by a link, by a virtual data set. Opening such a
file would hand whatever its maker names, a password file say, to whoever the map is passed on to.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeper_jax.errors import InputError

if TYPE_CHECKING:
    import h5py
    import numpy as np

# How a collection of texts and other values of no fixed length begins, of version 1, the only one.
_HEAP = b"GCOL\x01\0\0\0"
# Bytes of a file that are looked through together; whole pages.
_WINDOW = 1 << 24
# Below this an array may be of nothing but its fill value; above it gzip makes at best a thousandth of it.
_SURELY_FINE, _MOST_PACKED = 1 << 28, 1100
# Of groups within groups, whose every name takes the longer the deeper it lies.
_DEEPEST = 100


def open_hdf5(path: Path) -> h5py.File:
    """The file, opened for reading, after `check_within` of all that is linked in it.

    Raises:
        OSError: it is no HDF5 file, or a damaged one.
        InputError: it takes data from elsewhere, or tells of more data than it can hold.
    """
    import h5py

    _check_heaps(path)
    file = h5py.File(path, "r")
    try:
        check_within(file, path)
    except BaseException:
        file.close()
        raise
    return file


def _check_heaps(path: Path) -> None:
    """Raises InputError for a heap of texts with an empty gap in it, on which the library would walk for ever."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _walk_heaps(content, path)


def _walk_heaps(content: mmap.mmap, path: Path) -> None:
    for at in _heaps(content):
        place, end = at + 16, min(at + int.from_bytes(content[at + 8 : at + 16], "little"), len(content))
        while place + 16 <= end:
            number, size = (int.from_bytes(content[p : p + n], "little") for p, n in ((place, 2), (place + 8, 8)))
            step = size if number == 0 else (16 + size + -size % 8) % 2**64
            if step == 0:
                raise InputError(f"{path}: found texts whose list does not end; the file is damaged, copy it again.")
            place += step


def _heaps(content: mmap.mmap) -> Iterator[int]:
    """Where heaps begin; what was looked through is let go, as a large file would fill the memory."""
    for start in range(0, len(content), _WINDOW):
        stop = min(start + _WINDOW, len(content))
        end = stop + len(_HEAP) - 1
        at = content.find(_HEAP, start, end)
        while at >= 0:
            yield at
            at = content.find(_HEAP, at + 1, end)
        if hasattr(content, "madvise"):
            content.madvise(mmap.MADV_DONTNEED, start, stop - start)


def check_within(item: Any, path: Path) -> None:
    """Check a group with all below it, or an array; soft and hard links may lead anywhere within the file, in circles.

    Virtual data sets may take from files in the folder of `path`, which are checked in turn.

    Raises:
        InputError: data lie in a file outside, an array is too large for the file to hold, or groups lie too deep.
    """
    seen: set[int] = set()
    pending = [(item, 0)]
    while pending:
        item, depth = pending.pop()
        if address(item) in seen:
            continue
        seen.add(address(item))
        if is_dataset(item):
            _check_dataset(item, path)
        elif hasattr(item, "keys"):
            if depth == _DEEPEST:
                raise InputError(f"{path}: found groups within groups, {depth} deep, expected spectra; copy it again.")
            pending += [(item[key], depth + 1) for key in item if _is_hard_link(item, key, path)]


def is_hdf5(path: Path) -> bool:
    """Whether the file is HDF5."""
    import h5py

    return bool(h5py.is_hdf5(path))


def is_dataset(item: Any) -> bool:
    """Whether the item of a file is an array: not a group."""
    import h5py

    return isinstance(item, h5py.Dataset)


def is_plain(dtype: np.dtype) -> bool:
    """Whether the type is numbers or text: not references, lists or compounds."""
    import h5py

    return dtype.kind in "biufSU" or h5py.check_string_dtype(dtype) is not None


def linked(group: Any, key: str) -> Any:
    """The item under a key; None where its link leads nowhere or in a circle."""
    try:
        return group.get(key)
    except RuntimeError:
        return None


def address(item: Any) -> int:
    """The item's place in the file: the same by whichever link it was reached."""
    import h5py

    return h5py.h5o.get_info(item.id).addr


def _is_hard_link(group: Any, key: str, path: Path) -> bool:
    import h5py

    # h5py's own links tell all kinds but raise on those of users, which only a plug-in could follow.
    kind = group.id.links.get_info(key.encode("utf-8", "surrogateescape")).type
    if kind == h5py.h5l.TYPE_EXTERNAL:
        raise _elsewhere(path, f"the link '{group.name.rstrip('/')}/{key}'", group.get(key, getlink=True).filename)
    return kind == h5py.h5l.TYPE_HARD


def _check_dataset(item: Any, path: Path) -> None:
    if item.external:
        raise _elsewhere(path, f"the array '{item.name}'", item.external[0][0])
    held = path.stat().st_size
    for source in {source.file_name for source in item.virtual_sources()} - {"."} if item.is_virtual else ():
        beside = path.parent / source
        if beside.resolve().parent != path.parent.resolve() or not beside.is_file():
            raise _elsewhere(path, f"the virtual array '{item.name}'", source)
        held += beside.stat().st_size
        if beside.resolve() != path.resolve():
            open_hdf5(beside).close()
    if (item.size or 0) * item.dtype.itemsize > max(_SURELY_FINE, _MOST_PACKED * held):
        raise InputError(
            f"{path}: found the array '{item.name}' of {item.shape} values in a file of {held} bytes, which cannot "
            "hold them; the file is damaged or was never filled, copy or export it again."
        )


def _elsewhere(path: Path, what: str, source: str) -> InputError:
    return InputError(
        f"{path}: found {what} whose data lie in another file, '{source}', which is not opened; expected a file that "
        "holds its own data, copy them into it (h5repack does)."
    )
