"""Checksums of arrays, the same however an array is spread over devices and processes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Odd constants of Wellons' lowbias32 integer hash, which scrambles an index into a weight.
_FIRST, _SECOND = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_SEEDS = (0, 0x9E3779B9)


def checksums(tree: Any) -> dict[str, str]:
    """A checksum of 64 bits for each array of a pytree, by its name (`params.encoder1...`).

    Sums modulo 2**32 of the array's bits, each element times an odd weight that its place gives: integer sums do not
    depend on their order, so neither do they on the sharding, and a change of any one element always shows.
    """
    leaves = {name_of(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
    sums = jax.device_get({name: _weighted_sums(leaf) for name, leaf in leaves.items()})
    return {name: "".join(f"{int(value):08x}" for value in pair) for name, pair in sums.items()}


def name_of(path: Any) -> str:
    """The name of a leaf of a pytree: the keys of its path, joined by dots."""
    return jax.tree_util.keystr(path, simple=True, separator=".")


@jax.jit
def _weighted_sums(array: jax.Array) -> tuple[jax.Array, ...]:
    bits = _bits(array)
    index, stride = jnp.zeros(bits.shape, jnp.uint32), 1
    for axis in reversed(range(bits.ndim)):
        index += jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis) * np.uint32(stride % 2**32)
        stride *= bits.shape[axis]
    return tuple(jnp.sum(bits * (_mix(index ^ np.uint32(seed)) | np.uint32(1)), dtype=jnp.uint32) for seed in _SEEDS)


def _bits(array: jax.Array) -> jax.Array:
    size = array.dtype.itemsize
    if array.dtype == bool or size < 4:
        narrow = array if array.dtype == bool else jax.lax.bitcast_convert_type(array, f"uint{8 * size}")
        return narrow.astype(jnp.uint32)
    return jax.lax.bitcast_convert_type(array, jnp.uint32)


def _mix(x: jax.Array) -> jax.Array:
    x = (x ^ (x >> 16)) * _FIRST
    x = (x ^ (x >> 15)) * _SECOND
    return x ^ (x >> 16)
