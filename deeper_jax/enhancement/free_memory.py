"""The memory of the machine: what was freed is given back to it, and what it has not is not asked for."""

import ctypes
import ctypes.util
import logging
import sys

from deeper_jax.errors import InputError
from deeper_jax.inference.machine import machine_memory

# Bytes above which a user is told beforehand.
_TOLD = 2e9
_log = logging.getLogger(__name__)


def release_memory() -> None:
    """Let the system have what this process no longer uses, where its C library can (glibc on Linux).

    The library keeps what many threads freed in parts: several hundred megabytes after a large map.
    """
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(ctypes.util.find_library("c") or "libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return


def check_memory(needed: float, what: str, remedy: str) -> None:
    """Say how much memory something will take, where that is much.

    Args:
        needed: bytes.
        what: it is that takes them.
        remedy: what else to do.

    Raises:
        InputError: the machine has less.
    """
    there = machine_memory()
    if needed > there:
        raise InputError(
            f"{what} takes about {needed / 1e9:.0f} GB of memory, and this machine has {there / 1e9:.0f} GB: {remedy}."
        )
    if needed > _TOLD:
        _log.info("%s takes about %.0f GB of memory", what, needed / 1e9)
