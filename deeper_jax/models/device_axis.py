"""Batch statistics where each device traces its own part of the batch only (`jax.shard_map`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import jax

from deeper_jax.models.ordered_sums import DATA_AXIS

_split: ContextVar[bool] = ContextVar("split", default=False)


@contextmanager
def batch_split_over_devices() -> Iterator[None]:
    """Layers traced inside see one device's part of the batch, along the axis `DATA_AXIS`."""
    token = _split.set(True)
    try:
        yield
    finally:
        _split.reset(token)


def mean_over_devices(part: jax.Array) -> jax.Array:
    """The mean of all devices' values, where the batch is split; else `part` itself."""
    return jax.lax.pmean(part, DATA_AXIS) if _split.get() else part


def device_count() -> int:
    """Devices that the batch is split over, in the sense above."""
    return int(jax.lax.axis_size(DATA_AXIS)) if _split.get() else 1
