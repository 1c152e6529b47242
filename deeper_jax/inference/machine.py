"""What this machine has, processor cores and memory, and who may use the cores. JAX is not imported here."""

import functools
import os
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


def core_count() -> int:
    """Processor cores that this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_memory() -> float:
    """Bytes of memory that the machine has in all; infinite where it does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def blas_on_one_core() -> AbstractContextManager:
    """While it lasts, BLAS and LAPACK compute on the core that calls them.

    With threads of their own they wait for each other at every small product, and where other cores are busy, with
    other threads of ours or with other programs, that takes many times longer than what is gained.
    """
    return _libraries().limit(limits=1, user_api="blas")


@functools.cache
def _libraries() -> ThreadpoolController:
    """Those of this process that have threads of their own; looking for them takes milliseconds."""
    return ThreadpoolController()
