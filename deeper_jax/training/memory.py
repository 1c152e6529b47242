"""What a training step will need of a device's memory, from the compiled program: nothing is allocated or run."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.registry import build_from_config
from deeper_jax.training.optimizers import make_optimizer
from deeper_jax.training.state import create_state, make_train_step


class StepMemory(NamedTuple):
    """Bytes: parameters with their optimizer state and gradients' place, and the step's own temporaries."""

    state: int
    temporary: int


def step_memory(config: ConfigDict, batch_size: int) -> StepMemory:
    """Compile the training step of `config` at a batch size and read off what it needs.

    The figures are those of the backend that JAX runs on: on a GPU the compiler chooses other algorithms, so that
    a figure from the CPU is a guide, not a promise.
    """
    module = nnx.eval_shape(lambda: build_from_config(config.to_dict()))
    model = FunctionalModel(module)
    optimizer = make_optimizer(**config.optimizer.to_dict(), schedule=1e-4)
    state = jax.eval_shape(lambda params: _state(model, optimizer, params, config.train.ema_decay > 0), model.params)
    step: Any = make_train_step(
        model,
        optimizer,
        ema_decay=config.train.ema_decay,
        accumulate_steps=config.train.get("accumulate_steps", 1),
    )
    compiled = step.lower(state, _batch(config, batch_size)).compile()
    return StepMemory(
        state=sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)),
        temporary=int(compiled.memory_analysis().temp_size_in_bytes),
    )


def _state(model: FunctionalModel, optimizer: Any, params: Any, ema: bool) -> Any:
    # The state's own constructor, on parameters that are only shapes here.
    model.params = params
    return create_state(model, optimizer, ema=ema)


def _batch(config: ConfigDict, size: int) -> dict[str, jax.ShapeDtypeStruct]:
    length = config.model.length
    if config.task == "denoising":
        shape = (size, length)
        return {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name in ("input", "target")}
    side, scale = config.data.patch, config.model.scale
    return {
        "input": jax.ShapeDtypeStruct((size, side // scale, side // scale, length), jnp.float32),
        "target": jax.ShapeDtypeStruct((size, side, side, length), jnp.float32),
    }
