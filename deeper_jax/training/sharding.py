"""Where arrays lie: the batch is split over all devices; the state is whole on each, or split over them too.

Batch statistics and gradients are those of the GLOBAL batch, whatever the number of devices and processes: the step
is one program over a mesh, and the compiler inserts the reductions.
"""

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from deeper_jax.errors import InputError
from deeper_jax.models.registry import DATA_AXIS

PyTree = Any
# Below so many values an array stays whole: collecting it again would cost more than its split spares.
SMALLEST_SPLIT = 1024


def data_mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """A one-axis mesh over `devices` (all devices of all processes by default)."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), (DATA_AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def check_batch_size(batch_size: int, mesh: Mesh, accumulate_steps: int = 1) -> None:
    """Raise InputError unless the global batch divides evenly over the mesh, in each of its accumulated parts."""
    if accumulate_steps < 1:
        raise InputError(f"train.accumulate_steps is {accumulate_steps}; give 1 (no accumulation) or more.")
    multiple = mesh.size * accumulate_steps
    if batch_size % multiple:
        parts = f" in {accumulate_steps} accumulated parts" if accumulate_steps > 1 else ""
        raise InputError(
            f"train.batch_size is {batch_size} (all devices together), which does not divide over {mesh.size} devices"
            f"{parts}: choose a multiple of {multiple}."
        )


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of an array that is whole on every device."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch: first axis over the devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def state_shardings(tree: PyTree, mesh: Mesh, *, split: bool = False) -> PyTree:
    """Where each array of a state lies: whole on every device, or with `split` spread over the devices.

    An array is cut into as many parts as an axis of it and the number of devices allow (their greatest common
    divisor), along the longest axis that allows so many. Where that is fewer than there are devices, neighbouring
    devices share a copy, and the next ones have another. Small arrays (`SMALLEST_SPLIT`) stay whole. The rule looks
    at the shape alone, so that a parameter, its optimizer state and its moving average lie alike.
    """

    def one(leaf: Any) -> NamedSharding:
        if not split or leaf.size < SMALLEST_SPLIT:
            return replicated(mesh)
        parts, _, longest = max((math.gcd(size, mesh.size), size, -axis) for axis, size in enumerate(leaf.shape))
        axes = [DATA_AXIS if axis == -longest else None for axis in range(len(leaf.shape))]
        return NamedSharding(_in_groups(mesh, parts), PartitionSpec(*axes)) if parts > 1 else replicated(mesh)

    return jax.tree.map(one, tree)


def _in_groups(mesh: Mesh, size: int) -> Mesh:
    """The same devices, in groups of `size` neighbours."""
    if size == mesh.size:
        return mesh
    return Mesh(mesh.devices.reshape(-1, size), ("copy", DATA_AXIS))


def place(tree: PyTree, shardings: PyTree) -> PyTree:
    """Global arrays of host values that are the same in every process, lying as `shardings` say."""

    def one(array: Any, sharding: NamedSharding) -> jax.Array:
        if sharding.is_fully_addressable:
            return jax.device_put(array, sharding)
        host = np.asarray(array)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    return jax.tree.map(one, tree, shardings)


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Place every array of `tree` whole on every device."""
    return place(tree, state_shardings(tree, mesh))


def shard_batch(batch: PyTree, mesh: Mesh) -> PyTree:
    """Make global arrays of this process's part of a batch (arrays of shape [B / processes, ...]).

    What is a `jax.Array` already is the whole batch, made on the devices.
    """
    sharding = batch_sharding(mesh)

    def one(array: Any) -> jax.Array:
        if isinstance(array, jax.Array):
            return jax.device_put(array, sharding)
        return jax.make_array_from_process_local_data(sharding, np.asarray(array))

    return jax.tree.map(one, batch)


def shard_whole_batch(batch: PyTree, mesh: Mesh) -> PyTree:
    """Make global arrays of a batch that every process has whole (arrays of shape [B, ...])."""
    return place(batch, jax.tree.map(lambda _: batch_sharding(mesh), batch))
