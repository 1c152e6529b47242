"""What the two TensorFlow Datasets builders share: names that follow the source files, and quiet logging."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import logging

from deeper_jax.errors import InputError


def source_fingerprint(path: Path, *settings: Any) -> str:
    """16 hexadecimal digits that change with the files at `path` (names, sizes, times of change) or `settings`.

    Args:
        path: one file, or a folder, of which the files directly inside count.
        settings: whatever else decides what is read; their `repr` must tell them apart.

    Raises:
        InputError: there is nothing at `path`.
    """
    if not path.exists():
        raise InputError(f"{path}: found no file or folder there, expected the data; check the path.")
    files = [path] if path.is_file() else sorted(item for item in path.iterdir() if item.is_file())
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return digest([stats, settings])


def digest(value: Any) -> str:
    """16 hexadecimal digits that stand for `repr(value)`."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


@contextlib.contextmanager
def only_errors_logged() -> Iterator[None]:
    """Spare the user tfds's warning that the configuration is a custom one."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
