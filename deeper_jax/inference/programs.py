"""A network's compiled programs: of few shapes, and of these the latest, so that a process may run for ever.

Every program takes memory, and 100 to 200 of the 65,530 mappings that Linux grants a process. Sizes are therefore
padded to a few, and programs that have not been used for long are dropped. The networks are told how much of an
example counts: their answers are those of its own size, to 1e-6 of the largest value (measured on both networks).
Networks that differ in their weights alone share programs: loaded a second time, one has nothing to compile.
"""

import functools
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from deeper_jax.inference.machine import core_count
from deeper_jax.models.functional import Architecture, FunctionalModel, plain_tree

# Programs that a process keeps: some 10,000 mappings.
KEPT = 64
# Of XLA on the CPU. At this level programs give the same bit for bit, as fast, and compile in three quarters of the
# time; without its emitters of fused loops in half of it, but they take up to a fifth longer.
_OPTIONS: dict[str, str | bool] = {"xla_backend_optimization_level": "1"}
_QUICK_OPTIONS: dict[str, str | bool] = {**_OPTIONS, "xla_cpu_use_fusion_emitters": False}
# Examples in a batch where there are too few for the largest.
_FEW, _SMALL_BATCH = 4, 16
# Threads that ask for the same program at the same time must not all make it; of these locks each program has one.
_MAKING = [threading.Lock() for _ in range(16)]


def padded_size(size: int, multiple: int) -> int:
    """The next of the sizes that programs are compiled for, multiples of `multiple`, four of them in an octave."""
    step = max(multiple, 1 << max((size - 1).bit_length() - 3, 0))
    return -(-size // step) * step


class Programs:
    """The compiled programs of one network."""

    def __init__(self, model: FunctionalModel, quick_below: int = 0) -> None:
        """Nothing is compiled yet.

        Args:
            model: the network.
            quick_below: batches of fewer numbers are gone through so fast that compiling takes longer, and is hurried.
        """
        self._architecture, self._quick_below = model.architecture(), quick_below

    def in_batches(self, params: Any, stats: Any, examples: np.ndarray, largest: int, *extent: int) -> np.ndarray:
        """The network's answers, in batches of one size.

        On the CPU each core has batches of its own: together, cores would wait for one another at every layer.

        Args:
            params, stats: its weights.
            examples: [N, ...] float32; where N is 0 they come back.
            largest: examples in a batch at most.
            extent: how much of each example is no padding, for networks that can be told.
        """
        if not len(examples):
            return examples
        workers = worker_count()
        size = _batch_size(-(-len(examples) // workers), largest)
        program = self.made((size, *examples.shape[1:]), len(extent))

        def answer(start: int) -> np.ndarray:
            batch = examples[start : start + size]
            # The last, shorter batch shares the program of the others.
            padded = np.pad(batch, [(0, size - len(batch))] + [(0, 0)] * (batch.ndim - 1), mode="edge")
            return np.asarray(program(params, stats, padded, *map(np.int32, extent)))[: len(batch)]

        starts = range(0, len(examples), size)
        if len(starts) < 2 or workers == 1:
            return np.concatenate([answer(start) for start in starts])
        with ThreadPoolExecutor(workers) as pool:
            return np.concatenate(list(pool.map(answer, starts)))

    def made(self, shape: tuple[int, ...], numbers: int = 0) -> Callable[..., jax.Array]:
        """The program for batches [N, ...] of one shape, each with so many whole numbers that tell its extent."""
        program = (self._architecture, shape, numbers, math.prod(shape) < self._quick_below)
        with _MAKING[hash(program) % len(_MAKING)]:
            return compiled(*program)


def worker_count() -> int:
    """Threads that give the device work at the same time: one a core on the CPU, one on an accelerator."""
    return core_count() if jax.default_backend() == "cpu" else 1


def _batch_size(count: int, largest: int) -> int:
    if count < _FEW:
        return 1
    return largest if count >= largest else min(_SMALL_BATCH, largest)


@functools.lru_cache(KEPT)
def compiled(network: Architecture, shape: tuple[int, ...], numbers: int, quick: bool) -> Callable[..., jax.Array]:
    """A network compiled for examples of one shape and so many whole numbers that tell their extent, or quickly."""

    # A function of its own for each: JAX keeps what it compiled as long as the function lives.
    def evaluate(params: Any, stats: Any, *inputs: jax.Array) -> jax.Array:
        return network.evaluate(params, stats, *inputs)

    inputs = [jax.ShapeDtypeStruct(shape, np.float32), *[jax.ShapeDtypeStruct((), np.int32)] * numbers]
    weights = [plain_tree(part) for part in network.weights()]
    options = (_QUICK_OPTIONS if quick else _OPTIONS) if jax.default_backend() == "cpu" else None
    return jax.jit(evaluate).lower(*weights, *inputs).compile(compiler_options=options)
