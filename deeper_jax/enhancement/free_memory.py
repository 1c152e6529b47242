"""Memory that was freed, given back to the system."""

import ctypes
import ctypes.util
import sys


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
