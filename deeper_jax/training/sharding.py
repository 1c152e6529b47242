"""Data-parallel placement: the batch is split over all devices, the state is whole on each.

Batch statistics and gradients are those of the GLOBAL batch, whatever the number of devices: the step is one
program over a mesh, and the compiler inserts the reductions.
"""

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from deeper_jax.errors import InputError
from deeper_jax.models.ordered_sums import DATA_AXIS

PyTree = Any


def data_mesh(devices: list[jax.Device] | None = None) -> Mesh:
    """A one-axis mesh over `devices` (all devices of all processes by default)."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), (DATA_AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
    """Raise InputError unless the global batch divides evenly over the mesh."""
    if batch_size % mesh.size:
        raise InputError(
            f"train.batch_size is {batch_size}, which does not divide over {mesh.size} devices: "
            f"choose a multiple of {mesh.size}."
        )


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Place every array of `tree` whole on every device."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of a batch: first axis over the devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def shard_batch(batch: PyTree, mesh: Mesh) -> PyTree:
    """Make global arrays of this process's part of a batch (arrays of shape [B / processes, ...])."""
    sharding = batch_sharding(mesh)
    return jax.tree.map(
        lambda array: (
            array
            if isinstance(array, jax.Array)
            else jax.make_array_from_process_local_data(sharding, np.asarray(array))
        ),
        batch,
    )
