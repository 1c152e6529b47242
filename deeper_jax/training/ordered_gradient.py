"""The gradient of a loss over the batch, summed in an order that does not depend on the number of devices."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from deeper_jax.models.ordered_sums import DATA_AXIS, SHARD_AXIS, Shards, ordered_sums, over_devices

PyTree = Any
# Enough for eight devices with two shards each, few enough that a shard is work worth a loop's pass.
MAX_SHARDS = 16


def shard_count(batch_size: int, devices: int) -> int:
    """The largest power of two up to 16 that divides the batch; 0 if that is 1, or does not divide over the devices."""
    shards = math.gcd(batch_size, MAX_SHARDS)
    return shards if shards > 1 and shards % devices == 0 else 0


def ordered_gradient(loss: Callable[..., Any], mesh: Mesh, shards: int) -> Callable[..., Any]:
    """What `jax.value_and_grad(loss, has_aux=True)` gives, the same bits on any number of devices of the CPU.

    Args:
      loss: `loss(params, stats, batch)` gives (mean loss, (another mean, new running statistics)), where means are
        over the batch and the statistics are those of `deeper_jax.models.ordered_sums`.
      mesh: the devices over which the batch is split.
      shards: as `shard_count` gives; every shard has its own gradient in memory until they are summed.
    """
    own = shards // mesh.size

    def local(params: PyTree, stats: PyTree, batch: PyTree) -> Any:
        def one_shard(part: PyTree) -> Any:
            with ordered_sums(Shards(shards, own)):
                return jax.value_and_grad(loss, has_aux=True)(params, stats, part)

        parts = jax.tree.map(lambda x: x.reshape(own, -1, *x.shape[1:]), batch)
        if own == 1:
            # An axis of size one would vanish in compilation, and with it the likeness to other numbers of devices:
            # the neighbour's shard keeps it company.
            parts = jax.tree.map(lambda x: jnp.concatenate([x, _from_next_device(x, mesh.size)]), parts)
        (value, (mean, new_stats)), grads = jax.vmap(one_shard, axis_name=SHARD_AXIS, out_axes=((0, (0, None)), 0))(
            parts
        )
        value, mean, grads = jax.tree.map(lambda x: over_devices(x[:own]) / shards, (value, mean, grads))
        # What follows is compiled apart from the sums, whose programs differ with the number of devices.
        return jax.lax.optimization_barrier(((value, (mean, new_stats)), grads))

    whole, split = PartitionSpec(), PartitionSpec(DATA_AXIS)
    return jax.shard_map(local, mesh=mesh, in_specs=(whole, whole, split), out_specs=whole, check_vma=False)


def _from_next_device(x: jax.Array, devices: int) -> jax.Array:
    return jax.lax.ppermute(x, DATA_AXIS, [((device + 1) % devices, device) for device in range(devices)])
