"""Digests of arrays, by which a damaged checkpoint is told from a sound one.

A digest is the same for any sharding and any number of devices and processes: it is two sums, modulo 2^32 and so of no
order, over hashes of each element's bits and place. A change of one element always changes it; any other damage goes
unseen once in 2^64 times.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

PyTree = Any
# Odd numbers without pattern, so that multiplying by them loses no bit: 2^32 over the golden ratio, and those of the
# finalizers of MurmurHash3 and of xxHash32.
_PLACE, _FIRST, _SECOND, _THIRD = 0x9E3779B9, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F


def digests(tree: PyTree) -> dict[str, str]:
    """By the name of each array of `tree`: its type, its shape and 16 hexadecimal digits.

    They are computed where the arrays lie. With several processes all have to call this; all get the same.
    """
    leaves = by_name(tree)
    # One after the other: on the CPU, programs that each sum over the devices can wait for one another for ever.
    sums = {name: jax.device_get(_sums(leaf)) for name, leaf in leaves.items()}
    return {
        name: f"{described(leaf.dtype, leaf.shape)}{int(sums[name][0]):08x}{int(sums[name][1]):08x}"
        for name, leaf in leaves.items()
    }


def described(dtype: Any, shape: Sequence[int]) -> str:
    """What a digest begins with: an array's type and shape."""
    return f"{dtype}{list(shape)} "


@jax.jit
def _sums(array: jax.Array) -> tuple[jax.Array, jax.Array]:
    bits = jax.lax.bitcast_convert_type(array, f"uint{8 * min(array.dtype.itemsize, 4)}").astype(jnp.uint32)
    hashed = bits
    # The element's place, of the axes by themselves: flattening would move what is split over devices.
    for axis in range(bits.ndim):
        factor = jnp.uint32(math.prod((_PLACE, *bits.shape[axis + 1 :])) % 2**32)
        hashed += jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis) * factor
    for shift, odd in ((16, _FIRST), (13, _SECOND)):
        hashed = (hashed ^ (hashed >> shift)) * jnp.uint32(odd)
    hashed ^= hashed >> 16
    # A second hash of the first: whatever keeps both sums has kept the elements.
    again = hashed * jnp.uint32(_THIRD)
    again ^= again >> 15
    zeros = (jnp.uint32(0), jnp.uint32(0))
    # Both at once: several times as fast as two sums.
    return jax.lax.reduce((hashed, again), zeros, lambda a, b: (a[0] + b[0], a[1] + b[1]), range(bits.ndim))


def by_name(tree: PyTree) -> dict[str, Any]:
    """The leaves of a tree by their paths, such as 'params.head.bias'."""
    return {name_of(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def name_of(path: Any) -> str:
    """A path in a tree as one word."""
    return jax.tree_util.keystr(path, simple=True, separator=".")
