"""The gradient of a loss over the batch: at once or in accumulated parts, with or without a fixed order of sums."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from deeper_jax.models.device_axis import batch_split_over_devices
from deeper_jax.models.ordered_sums import DATA_AXIS
from deeper_jax.training.ordered_gradient import ordered_gradient, shard_count

PyTree = Any
Gradient = Callable[..., Any]


def batch_gradient(
    loss: Callable[..., Any],
    batch_size: int,
    *,
    ordered_on: Mesh | None,
    parts: int,
    local_on: Mesh | None,
    piece: int = 0,
) -> Gradient:
    """What `jax.value_and_grad(loss, has_aux=True)` is, computed the way that is asked for.

    Args:
      loss: `loss(params, stats, batch)` gives (mean loss, (another mean, new running statistics)).
      batch_size: of the whole global batch.
      ordered_on: sum in an order that does not depend on the number of devices of this mesh, where the batch divides
        into enough shards (`ordered_gradient`).
      parts: the batch goes through the network in so many parts, one after the other; the gradient is the mean of
        theirs. Each part has batch statistics of its own, and moves the running statistics.
      local_on: the mesh whose devices each take the gradient of their own part of the batch, and exchange it once, when
        all of it is there: not after each layer, of which a deep network has thousands, nor after each of the
        `parts`. Batch statistics are still those of the whole batch. Not where sums are ordered.
      piece: examples of a device that go through the network together, where so many divide its part of the batch; 0:
        all. For speed, so that what lies between the layers stays in the processor's cache. Only for a loss without
        batch statistics.
    """
    shards = shard_count(batch_size // parts, ordered_on.size) if ordered_on else 0
    if ordered_on and shards:
        gradient, local_on = ordered_gradient(loss, ordered_on, shards), None
    else:
        gradient = jax.value_and_grad(loss, has_aux=True)
        if piece:
            gradient = _in_pieces(gradient, piece)
    if parts > 1:
        gradient = _accumulated(gradient, parts)
    return _then_averaged(gradient, local_on) if local_on else gradient


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

        zero = (jnp.zeros((), jnp.float32), jnp.zeros((), jnp.float32), jax.tree.map(jnp.zeros_like, params))
        (stats, sums), _ = jax.lax.scan(add, (stats, zero), jax.tree.map(interleaved, batch))
        value, mean, grads = jax.tree.map(lambda total: total / parts, sums)
        return (value, (mean, stats)), grads

    return accumulated


def _in_pieces(gradient: Gradient, piece: int) -> Gradient:
    def pieced(params: PyTree, stats: PyTree, batch: PyTree) -> Any:
        examples = len(jax.tree.leaves(batch)[0])
        divides = examples > piece and examples % piece == 0
        return (_accumulated(gradient, examples // piece) if divides else gradient)(params, stats, batch)

    return pieced


def _then_averaged(gradient: Gradient, mesh: Mesh) -> Gradient:
    """`gradient` on each device's own part of the batch, and the mean over the devices."""

    def local(params: PyTree, stats: PyTree, batch: PyTree) -> Any:
        with batch_split_over_devices():
            (value, (mean, stats)), grads = gradient(params, stats, batch)
        value, mean, grads = jax.lax.pmean((value, mean, grads), DATA_AXIS)
        return (value, (mean, stats)), grads

    whole, split = PartitionSpec(), PartitionSpec(DATA_AXIS)
    return jax.shard_map(local, mesh=mesh, in_specs=(whole, whole, split), out_specs=whole, check_vma=False)
