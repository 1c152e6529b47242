"""What the C library does with memory that was freed: keeps it for the next array, or gives it back to the system.

Only glibc, on Linux, can be told; elsewhere nothing happens.
"""

import ctypes
import functools
import os
import sys
from collections.abc import Callable

# The user's variable for each setting, its number in malloc.h, and our value; -1 is "never".
_KEPT = {
    "MALLOC_TRIM_THRESHOLD_": (-1, -1),
    "MALLOC_TOP_PAD_": (-2, 2**28),
    "MALLOC_MMAP_THRESHOLD_": (-3, -1),
}


def keep_freed_memory(arenas: int | None = None) -> None:
    """Large arrays that are freed stay with the process; call it before there are threads.

    By default the system takes them back, and getting them again, page by page, takes a quarter of a training step of
    the full denoiser, and a tenth of enhancing a map. The user's own settings (MALLOC_TRIM_THRESHOLD_ and so on) are
    left alone.

    Args:
        arenas: at most so many parts of memory, which all threads share; None: as many as the library likes, each of
            which keeps what its threads freed.
    """
    settings = _KEPT if arenas is None else {**_KEPT, "MALLOC_ARENA_MAX": (-8, arenas)}
    mallopt = _function("mallopt")
    for variable, (number, value) in settings.items():
        if variable not in os.environ:
            mallopt(number, value)


def release_memory() -> None:
    """Let the system have what this process no longer uses: several hundred megabytes after a large map."""
    _function("malloc_trim")(0)


@functools.cache
def _function(name: str) -> Callable[..., object]:
    """glibc's own function, or one that does nothing."""
    try:
        return getattr(ctypes.CDLL(None), name) if sys.platform == "linux" else _nothing
    except (OSError, AttributeError, TypeError):
        return _nothing


def _nothing(*_: object) -> None:
    return
