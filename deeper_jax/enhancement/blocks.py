"""Blocks of consecutive spectra, or of whatever a map is gone through by, worked on by all cores."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from deeper_jax.inference.machine import blas_on_one_core, core_count

# Numbers in a block: few enough for a core's cache, so many that Python's own time does not count.
_BLOCK = 1 << 17
Result = TypeVar("Result")


def slices_of(count: int, channels: int, numbers: int | None = None, start: int = 0) -> list[slice]:
    """Slices that together are `count` rows from `start` on, each of about so many numbers, or of a block's."""
    size = max(1, (numbers or _BLOCK) // max(channels, 1))
    stop = start + count
    return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]


def on_all_cores(work: Callable[[slice], Result], slices: list[slice]) -> list[Result]:
    """What `work` gives for each slice, in their order; NumPy and SciPy leave the other cores free meanwhile."""
    cores = core_count()
    if cores == 1 or len(slices) < 2:
        return [work(each) for each in slices]
    with blas_on_one_core(), ThreadPoolExecutor(cores) as pool:
        return list(pool.map(work, slices))
