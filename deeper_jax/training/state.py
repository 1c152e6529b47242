"""The train state and the two jitted steps."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, PartitionSpec

from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.ordered_sums import DATA_AXIS
from deeper_jax.training.gradients import batch_gradient
from deeper_jax.training.losses import LOSSES, l1
from deeper_jax.training.sharding import replicated

PyTree = Any
Metrics = dict[str, jax.Array]


class TrainState(NamedTuple):
    """All that a run needs to go on: a pytree of arrays.

    Fields:
      step: int32 scalar, optimizer steps taken.
      params, stats: as in `FunctionalModel`, float32.
      opt_state: the optax state.
      ema: exponential moving average of `params`, or an empty dictionary where none is kept.
      best: float32 scalar, lowest validation MSE so far (infinity before the first validation).
    """

    step: jax.Array
    params: PyTree
    stats: PyTree
    opt_state: PyTree
    ema: PyTree
    best: jax.Array

    @property
    def weights(self) -> PyTree:
        """The parameters to validate and to use: the moving average where one is kept."""
        return self.ema or self.params


def create_state(model: FunctionalModel, optimizer: optax.GradientTransformation, *, ema: bool = False) -> TrainState:
    """The state before the first step; `ema` keeps a moving average of the parameters."""
    return start_state(model.params, model.stats, optimizer, ema=ema)


def start_state(
    params: PyTree, stats: PyTree, optimizer: optax.GradientTransformation, *, ema: bool = False
) -> TrainState:
    """As `create_state`, from given parameters and statistics; may be traced."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        stats=stats,
        opt_state=optimizer.init(params),
        ema=jax.tree.map(jnp.copy, params) if ema else {},
        best=jnp.full((), jnp.inf, jnp.float32),
    )


def make_train_step(
    model: FunctionalModel,
    optimizer: optax.GradientTransformation,
    *,
    loss: str = "l1",
    ema_decay: float = 0.0,
    ordered_on: Mesh | None = None,
    accumulate_steps: int = 1,
    shardings: PyTree | None = None,
    piece: int = 0,
) -> Callable[[TrainState, dict[str, jax.Array]], tuple[TrainState, Metrics]]:
    """One optimizer step on the `loss`, a name out of `LOSSES`.

    The returned function takes the state, whose buffers it reuses (donated), and a batch `{"input", "target"}`; loss
    and metrics are computed in float32 whatever the model's compute type. `ema_decay` is that of the state's moving
    average, if it keeps one. With `ordered_on`, the mesh that the batch is split over, the sums over the batch are
    made in an order that does not depend on the number of devices, where the batch divides into enough shards
    (`ordered_gradient`). The batch goes through the network in `accumulate_steps` parts, each in pieces of `piece`
    (`batch_gradient`). `shardings`, a `TrainState` of them, says where the state lies, before and after; split
    parameters are collected for the step, and each device updates its own part of them.
    """

    if loss not in LOSSES:
        raise InputError(f"train.loss is {loss!r}; choose one of {', '.join(LOSSES)}.")

    def loss_and_output(params: PyTree, stats: PyTree, batch: dict[str, jax.Array]) -> Any:
        output, stats = model.train(params, stats, batch["input"])
        values, squared = LOSSES[loss](output.astype(jnp.float32), batch["target"])
        return values.mean(), (squared.mean(), stats)

    mesh = shardings.step.mesh if shardings else None

    def step(state: TrainState, batch: dict[str, jax.Array]) -> tuple[TrainState, Metrics]:
        gradient = batch_gradient(
            loss_and_output,
            len(batch["input"]),
            ordered_on=ordered_on,
            parts=accumulate_steps,
            local_on=mesh if mesh and mesh.size > 1 else None,
            piece=piece,
        )
        (value, (mse, stats)), grads = gradient(whole(state.params, mesh), state.stats, batch)
        if shardings:
            grads = jax.lax.with_sharding_constraint(grads, shardings.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = optax.incremental_update(params, state.ema, 1 - ema_decay) if state.ema else {}
        state = state._replace(step=state.step + 1, params=params, stats=stats, opt_state=opt_state, ema=ema)
        return state, {"loss": value, "mse": mse, "gradient_norm": optax.global_norm(grads)}

    if shardings is None:
        return jax.jit(step, donate_argnums=0)
    return jax.jit(step, donate_argnums=0, out_shardings=(shardings, replicated(shardings.step.mesh)))


def whole(params: PyTree, mesh: Mesh | None) -> PyTree:
    """Inside a program over `mesh`: `params` whole on every device, however they lie outside it."""
    return params if mesh is None else jax.lax.with_sharding_constraint(params, replicated(mesh))


def make_validation_step(
    model: FunctionalModel, loss: str = "l1", mesh: Mesh | None = None
) -> Callable[[PyTree, PyTree, dict[str, jax.Array], jax.Array], Metrics]:
    """Sums over one padded batch in evaluation mode.

    The returned function takes params, stats, a batch and a mask [B] (1 for real examples, 0 for padding) and
    gives the sums over examples of the loss and the MSE, and the number of examples. A run that trains on the MSE
    is watched by its L1 loss too. `mesh`: the devices that the batch is split over.
    """

    watched = l1 if loss == "mse" else LOSSES[loss]

    def step(params: PyTree, stats: PyTree, batch: dict[str, jax.Array], mask: jax.Array) -> Metrics:
        output = model.evaluate(params, stats, batch["input"])
        values, squared = watched(output.astype(jnp.float32), batch["target"])
        weight = mask.astype(jnp.float32)
        return {
            "loss": jnp.sum(values.reshape(len(mask), -1).mean(1) * weight),
            "mse": jnp.sum(squared.reshape(len(mask), -1).mean(1) * weight),
            "count": weight.sum(),
        }

    if mesh is None:
        return jax.jit(step)

    everywhere, split = PartitionSpec(), PartitionSpec(DATA_AXIS)
    own = jax.shard_map(
        lambda *arguments: jax.lax.psum(step(*arguments), DATA_AXIS),
        mesh=mesh,
        in_specs=(everywhere, everywhere, split, split),
        out_specs=everywhere,
        check_vma=False,
    )
    return jax.jit(lambda params, *rest: own(whole(params, mesh), *rest), out_shardings=replicated(mesh))
