"""What a training step will need of a device's memory, from the compiled program: nothing is allocated or run."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from ml_collections import ConfigDict

from deeper_jax.inference.machine import machine_memory
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.tasks.registry import task_of
from deeper_jax.training.optimizers import make_optimizer
from deeper_jax.training.sharding import batch_sharding, state_shardings
from deeper_jax.training.step import TrainState, make_train_step, start_state

# On a CPU, for a program that is never run: instructions made without care, and in the older way. What lies in memory
# when is decided before: the figures are the same to half of one per cent, in a third of the time.
_NEVER_RUN = {"xla_backend_optimization_level": "0", "xla_cpu_use_fusion_emitters": "False"}


class StepMemory(NamedTuple):
    """Bytes: parameters with their optimizer state and gradients' place, and the step's own temporaries."""

    state: int
    temporary: int


def step_memory(config: ConfigDict, batch_size: int) -> StepMemory:
    """Compile the training step of `config` at a batch size and read off what it needs.

    The figures are those of the backend that JAX runs on: on a GPU the compiler chooses other algorithms, so that
    a figure from the CPU is a guide, not a promise.
    """
    lowered, state = _lower_step(config, batch_size)
    compiled = lowered.compile(_NEVER_RUN if jax.default_backend() == "cpu" else None)
    return StepMemory(
        state=sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)),
        temporary=int(compiled.memory_analysis().temp_size_in_bytes),
    )


def own_memory() -> float:
    """Bytes of the first device that JAX computes on here; those of the machine where that is a CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return float(stats.get("bytes_limit") or machine_memory())


def compile_step(config: ConfigDict, batch_size: int, mesh: Mesh | None = None) -> tuple[Any, TrainState]:
    """The compiled training step of `config` and the shapes of its state: nothing is allocated.

    With `mesh` it is the program over those devices, the sums over the batch in the compiler's own order, the state
    lying as `train.shard_parameters` says.
    """
    lowered, state = _lower_step(config, batch_size, mesh)
    return lowered.compile(), state


def _lower_step(config: ConfigDict, batch_size: int, mesh: Mesh | None = None) -> tuple[Any, TrainState]:
    task = task_of(config)
    module = task.shapes(config)
    model = FunctionalModel(module)
    optimizer = make_optimizer(**config.optimizer.to_dict(), schedule=1e-4)
    start = functools.partial(start_state, optimizer=optimizer, ema=config.train.ema_decay > 0)
    state = jax.eval_shape(start, model.params, model.stats)
    shapes = task.batch_shapes(config, batch_size)
    batch = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()}
    shardings = None
    if mesh is not None:
        shardings = state_shardings(state, mesh, split=config.train.shard_parameters)
        state = jax.tree.map(lambda leaf, where: leaf.update(sharding=where), state, shardings)
        batch = {name: leaf.update(sharding=batch_sharding(mesh)) for name, leaf in batch.items()}
    step: Any = make_train_step(
        model,
        optimizer,
        loss=config.train.loss,
        ema_decay=config.train.ema_decay,
        accumulate_steps=config.train.accumulate_steps,
        batch_statistics=config.train.batch_statistics,
        shardings=shardings,
    )
    return step.lower(state, batch), state
