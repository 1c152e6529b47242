"""How much a packed file may unpack to: a small one that fills the memory is an accident or an attack."""

import zipfile
from pathlib import Path

from deeper_jax.errors import InputError

# Spectra pack to a half, arrays with nothing in them to a thousandth.
_SURELY_FINE, _MOST_PACKED = 1 << 28, 100


def most_unpacked(packed: int) -> int:
    """Bytes that a file of `packed` bytes may unpack to."""
    return max(_SURELY_FINE, _MOST_PACKED * packed)


def check_unpacked(path: Path) -> None:
    """Raise InputError for a zip archive (.npz, .pt) whose directory tells of more bytes than it may unpack to.

    More than it tells is never read. Whatever else is wrong with the file is left to its reader.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return
    if size > most_unpacked(path.stat().st_size):
        raise unpacks_to_too_much(path)


def unpacks_to_too_much(path: Path) -> InputError:
    """The error for such a file."""
    most = most_unpacked(path.stat().st_size)
    return InputError(
        f"{path}: found packed arrays of more than {most >> 20} MiB, expected at most {_MOST_PACKED} times the packed "
        "file, as spectra and weights are; save them unpacked, if they are sound."
    )
