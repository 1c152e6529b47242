"""Memory that one training step frees, kept for the next one."""

import ctypes
import os

import jax

# glibc's malloc.h: the numbers of M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD, and values; -1 is "never".
_SETTINGS = {"TRIM_THRESHOLD": (-1, -1), "TOP_PAD": (-2, 2**28), "MMAP_THRESHOLD": (-3, -1)}


def keep_freed_memory() -> None:
    """On the CPU: large arrays that a step frees stay with the process; call it before JAX starts.

    By default the system takes them back, and a step of the full denoiser spends a quarter of its time on getting
    them again, page by page. Settings of the user's (MALLOC_TRIM_THRESHOLD_ and so on) are left alone; without glibc
    nothing happens. Only the main thread's memory is kept, so the step has to run there.
    """
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return  # not glibc
    for name, (number, value) in _SETTINGS.items():
        if f"MALLOC_{name}_" not in os.environ:
            mallopt(number, value)
