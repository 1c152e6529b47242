"""What the C library is told of freed memory, in processes of their own."""

import subprocess
import sys

import pytest

from deeper_jax.allocator import release_memory

# Page faults of four arrays of 320 MB after a first, each freed before the next.
_PROGRAM = """
import resource, sys
from deeper_jax.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory(arenas=2)
import numpy as np
np.ones(40_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    np.ones(40_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode: str, **environment: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, mode], capture_output=True, text=True, check=True, env=environment
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
def test_freed_arrays_are_taken_again_without_the_system():
    # Of 312 thousand pages; huge pages would make it fewer.
    huge_pages_off = {"NUMPY_MADVISE_HUGEPAGE": "0"}
    assert page_faults("default", **huge_pages_off) > 100_000
    assert page_faults("keep", **huge_pages_off) < 1_000


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
def test_the_users_own_settings_are_left_alone():
    own = {"NUMPY_MADVISE_HUGEPAGE": "0", "MALLOC_MMAP_THRESHOLD_": "1000000"}
    assert page_faults("keep", **own) > 100_000


def test_releasing_memory_is_always_possible(monkeypatch):
    release_memory()
    monkeypatch.setattr("deeper_jax.allocator.sys.platform", "darwin")
    release_memory()
