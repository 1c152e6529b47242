"""One training step: the state, the gradient over all devices, the update; and the validation step.

Data-parallel training is the same training as on one device: each device takes the gradient of its own part of the
batch, batch statistics are those of the whole batch, and one mean over the devices ends the step. Only if asked for,
each device has batch statistics of its own ("ghost" batches, Hoffer, Hubara and Soudry 2017), which spares an exchange
in every normalisation.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, PartitionSpec

from deeper_jax.errors import InputError, did_you_mean
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.registry import DATA_AXIS
from deeper_jax.training.losses import LOSSES, l1
from deeper_jax.training.sharding import data_mesh, replicated

PyTree = Any
Metrics = dict[str, jax.Array]
Gradient = Callable[..., Any]
ON_DIVERGENCE = ("stop", "skip")
BATCH_STATISTICS = ("all", "device")


class TrainState(NamedTuple):
    """All that a run needs to go on: a pytree of arrays.

    Fields:
      step: int32 scalar, optimizer steps taken.
      params, stats: as in `FunctionalModel`, float32.
      opt_state: the optax state.
      ema: exponential moving average of `params`, or an empty dictionary where none is kept.
      best: float32 scalar, lowest validation MSE so far (infinity before the first validation).
      diverged: int32 scalar, of a run that stops where it diverges the step that did so, from which on nothing changes;
        0: none.
    """

    step: jax.Array
    params: PyTree
    stats: PyTree
    opt_state: PyTree
    ema: PyTree
    best: jax.Array
    diverged: jax.Array

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
        diverged=jnp.zeros((), jnp.int32),
    )


def make_train_step(
    model: FunctionalModel,
    optimizer: optax.GradientTransformation,
    *,
    loss: str = "l1",
    ema_decay: float = 0.0,
    accumulate_steps: int = 1,
    on_divergence: str = "stop",
    batch_statistics: str = "all",
    shardings: PyTree | None = None,
) -> Callable[[TrainState, dict[str, jax.Array]], tuple[TrainState, Metrics]]:
    """One optimizer step, compiled.

    Args:
      model: the network.
      optimizer: an optax one.
      loss: a name out of `LOSSES`.
      ema_decay: of the state's moving average of the parameters, if it keeps one.
      accumulate_steps: parts in which the batch goes through the network, one after the other. The gradient is the mean
        of theirs; each part has batch statistics of its own, and moves the running statistics.
      on_divergence: what a step does whose loss, gradient or new weights are not finite: 'skip' only counts it, after
        'stop' nothing changes any more, and `diverged` says which it was. Either way the weights stay finite.
      batch_statistics: what BatchNorm normalises by on several devices: the statistics of 'all' devices' parts of the
        batch, exchanged in every layer, or of each 'device' by itself, so that a step exchanges once, and the network's
        running statistics are the mean of theirs. The network has to be built for it (`build_from_config`).
      shardings: a `TrainState` of them: where the state lies, before and after. Split parameters are collected for the
        step, and each device updates its own part of them. None: whole, on one device.

    Returns:
      A function of the state, whose buffers it reuses (donated), and a batch {"input", "target"}, that gives the new
      state and metrics; loss and metrics are computed in float32 or better whatever the network computes in. The metric
      `finite` says whether the step was one.

    Raises:
      InputError: there is no such loss, nothing of the kind to do on divergence, or no such statistics.
      ValueError: the network was built for other batch statistics.
    """
    if loss not in LOSSES:
        raise InputError(f"train.loss is {loss!r}; choose one of {', '.join(LOSSES)}.")
    if on_divergence not in ON_DIVERGENCE:
        raise InputError(f"train.on_divergence is {on_divergence!r}; choose one of {', '.join(ON_DIVERGENCE)}.")
    check_batch_statistics(batch_statistics)
    mesh = shardings.step.mesh if shardings else data_mesh(jax.devices()[:1])
    axis = DATA_AXIS if batch_statistics == "all" else None
    if mesh.size > 1 and model.batch_axes - {axis}:
        raise ValueError(f"on several devices BatchNorm needs axis_name={axis!r}, found {model.batch_axes}")

    def loss_and_aux(params: PyTree, stats: PyTree, batch: dict[str, jax.Array]) -> Any:
        output, stats = model.train(params, stats, batch["input"])
        values, squared = LOSSES[loss](output, batch["target"])
        return values.mean(), (squared.mean(), stats)

    gradient = jax.value_and_grad(loss_and_aux, has_aux=True)
    if accumulate_steps > 1:
        gradient = _accumulated(gradient, accumulate_steps)
    gradient = _mean_over_devices(gradient, mesh, batch_statistics)

    def step(state: TrainState, batch: dict[str, jax.Array]) -> tuple[TrainState, Metrics]:
        (value, (mse, stats)), grads = gradient(whole(state.params, mesh), state.stats, batch)
        if shardings:
            grads = jax.lax.with_sharding_constraint(grads, shardings.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = optax.incremental_update(params, state.ema, 1 - ema_decay) if state.ema else {}
        new = state._replace(step=state.step + 1, params=params, stats=stats, opt_state=opt_state, ema=ema)
        metrics = {"loss": value, "mse": mse, "gradient_norm": optax.global_norm(grads)}
        metrics["finite"] = _all_finite((value, metrics["gradient_norm"], params, stats))
        return _where_finite(metrics["finite"], new, state, stop=on_divergence == "stop"), metrics

    if shardings is None:
        return jax.jit(step, donate_argnums=0)
    return jax.jit(step, donate_argnums=0, out_shardings=(shardings, replicated(mesh)))


def check_batch_statistics(name: object) -> None:
    """Raise InputError if `train.batch_statistics` is none of `BATCH_STATISTICS`."""
    if name not in BATCH_STATISTICS:
        hint = did_you_mean(name, BATCH_STATISTICS)
        raise InputError(f"train.batch_statistics is {name!r}{hint}; choose one of {', '.join(BATCH_STATISTICS)}.")


def _all_finite(tree: PyTree) -> jax.Array:
    return functools.reduce(jnp.logical_and, [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)])


def _where_finite(finite: jax.Array, new: TrainState, old: TrainState, *, stop: bool) -> TrainState:
    """`new`, or what `on_divergence` says of a step that is not finite; the update reads `old` in any case."""
    going_on = old.diverged == 0
    kept = jax.tree.map(lambda a, b: jnp.where(finite & going_on, a, b), new, old)
    if not stop:
        return kept._replace(step=new.step)
    return kept._replace(diverged=jnp.where(going_on & ~finite, new.step, old.diverged))


def _mean_over_devices(gradient: Gradient, mesh: Mesh, batch_statistics: str) -> Gradient:
    """`gradient` on each device's own part of the batch, then the mean over the devices, exchanged once."""

    def local(params: PyTree, stats: PyTree, batch: PyTree) -> Any:
        (value, (mean, stats)), grads = gradient(params, stats, batch)
        if batch_statistics == "device":
            value, mean, grads, stats = jax.lax.pmean((value, mean, grads, stats), DATA_AXIS)
        else:
            # The statistics are the same on every device already.
            value, mean, grads = jax.lax.pmean((value, mean, grads), DATA_AXIS)
        return (value, (mean, stats)), grads

    everywhere, split = PartitionSpec(), PartitionSpec(DATA_AXIS)
    return jax.shard_map(
        local, mesh=mesh, in_specs=(everywhere, everywhere, split), out_specs=everywhere, check_vma=False
    )


def _accumulated(gradient: Gradient, parts: int) -> Gradient:
    """The mean of the gradients of `parts` parts of the batch, which are in memory one after the other."""

    def interleaved(x: jax.Array) -> jax.Array:
        # Part i is every `parts`-th example from i on: the same whatever the number of devices, each of which has
        # equally many examples of every part, so that nothing is moved between them.
        return x.reshape(-1, parts, *x.shape[1:]).swapaxes(0, 1)

    def accumulated(params: PyTree, stats: PyTree, batch: PyTree) -> Any:
        def add(carry: Any, part: PyTree) -> Any:
            stats, sums = carry
            (value, (mean, stats)), grads = gradient(params, stats, part)
            return (stats, jax.tree.map(jnp.add, sums, (value, mean, grads))), None

        split = jax.tree.map(interleaved, batch)
        (value, (mean, _)), grads = jax.eval_shape(gradient, params, stats, jax.tree.map(lambda x: x[0], split))
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (value, mean, grads))
        (stats, sums), _ = jax.lax.scan(add, (stats, zeros), split)
        value, mean, grads = jax.tree.map(lambda total: total / parts, sums)
        return (value, (mean, stats)), grads

    return accumulated


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
        values, squared = watched(output, batch["target"])
        weight = mask.astype(values.dtype)
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
