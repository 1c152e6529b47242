"""Sums over the batch in an order that does not depend on the number of devices.

Floating-point sums depend on their order. With BatchNorm in training mode that matters: its gradients cancel in
places, Adam divides what is left by its own size, and a run on one device and one on eight part within a few steps.
Here the batch is cut into a fixed number of shards. Each shard is summed by itself, by a program of its own, and the
shards' sums are added pairwise, on whatever devices the shards are: the same bits on 1, 2, 4, 8 or 16 devices.

The layers use these functions inside `ordered_sums()`, where `deeper_jax.training.ordered_gradient` runs them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.kernels import winograd as minimal_filtering

# The shards are an axis of `jax.vmap` inside each device, and of `jax.shard_map` over the devices.
SHARD_AXIS = "shard"
DATA_AXIS = "data"


class Shards(NamedTuple):
    """How many shards the batch is cut into, and how many of them are this device's own.

    The first `own` places of the shard axis hold them; what is in further places is computed and thrown away.
    """

    total: int
    own: int


_shards: ContextVar[Shards | None] = ContextVar("shards", default=None)


@contextmanager
def ordered_sums(shards: Shards) -> Iterator[None]:
    """Layers traced inside sum over the batch in a fixed order; both axes above must be there."""
    token = _shards.set(shards)
    try:
        yield
    finally:
        _shards.reset(token)


def in_use() -> bool:
    """Whether `ordered_sums()` is entered."""
    return _shards.get() is not None


def current() -> Shards:
    """What `ordered_sums()` was entered with."""
    shards = _shards.get()
    assert shards is not None
    return shards


def pairwise_sum(parts: jax.Array) -> jax.Array:
    """Sum over the first axis, whose size is a power of two, by neighbouring pairs: [n, ...] to [...]."""
    while len(parts) > 1:
        parts = parts[0::2] + parts[1::2]
    return parts[0]


def over_devices(parts: jax.Array) -> jax.Array:
    """Sum over the local shards [n, ...] of all devices: the same [...] on each."""
    gathered = jax.lax.all_gather(jax.lax.optimization_barrier(parts), DATA_AXIS, tiled=True)
    return pairwise_sum(jax.lax.optimization_barrier(gathered))


def over_shards(part: jax.Array) -> jax.Array:
    """Sum of one shard's value over all shards of all devices."""
    return over_devices(jax.lax.all_gather(jax.lax.optimization_barrier(part), SHARD_AXIS)[: current().own])


def _shard_by_shard(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` in a loop over the shards: compiled by itself, and the same for any number of passes."""
    looped = jax.custom_batching.custom_vmap(function)

    def rule(size: int, batched: list[bool], *arrays: jax.Array) -> tuple[Any, Any]:
        def one(index: Any) -> Any:
            pick = jax.lax.dynamic_index_in_dim
            return function(*(pick(a, index, keepdims=False) if b else a for a, b in zip(arrays, batched, strict=True)))

        sums = jax.lax.map(one, jnp.arange(size))
        return sums, jax.tree.map(lambda _: True, sums)

    looped.def_vmap(rule)
    return looped


def _sum_to_last_axis(x: jax.Array) -> jax.Array:
    return x.sum(tuple(range(x.ndim - 1)), dtype=jnp.float32)


@_shard_by_shard
def _product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return x @ kernel


@_shard_by_shard
def _linear_gradients(x: jax.Array, kernel: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    return gradient @ kernel.T, (x.T @ gradient).astype(jnp.float32), _sum_to_last_axis(gradient)


@jax.custom_vjp
def linear(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """[n, in] times [in, out] plus [out]."""
    return _product(x, kernel.astype(x.dtype)) + bias.astype(x.dtype)


linear.defvjp(
    lambda x, kernel, bias: (linear(x, kernel, bias), (x, kernel)),
    lambda saved, gradient: _linear_gradients(saved[0], saved[1].astype(gradient.dtype), gradient),
)


def _native_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x, kernel.astype(x.dtype), (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
    )


@_shard_by_shard
def _kernel_and_bias_gradients(x: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    """[n, L, in] and [n, L, out] to [3, in, out] and [out]; a matrix product a tap is the fastest way on the CPU."""
    length, padded = x.shape[1], jnp.pad(x, ((0, 0), (1, 1), (0, 0)))
    rows = gradient.reshape(-1, gradient.shape[-1])
    taps = [padded[:, tap : tap + length].reshape(-1, x.shape[-1]).T @ rows for tap in range(3)]
    return jnp.stack(taps).astype(jnp.float32), _sum_to_last_axis(gradient)


_filtered = _shard_by_shard(minimal_filtering.convolve)


@_shard_by_shard
def _filtered_gradients(x: jax.Array, kernel: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    return *minimal_filtering.gradients(x, kernel, gradient), _sum_to_last_axis(gradient)


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """[n, L, in] with kernel [3, in, out] to [n, L, out], plus [out]: stride 1, zero padding."""
    convolution = _filtered if minimal_filtering.pays(x, kernel) else _native_convolution
    return convolution(x, kernel) + bias.astype(x.dtype)


def _convolve_backward(
    saved: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    x, kernel = saved
    if minimal_filtering.pays(x, kernel):
        return _filtered_gradients(x, kernel, gradient)
    to_x = _native_convolution(gradient, jnp.flip(kernel, 0).swapaxes(1, 2))
    return to_x, *_kernel_and_bias_gradients(x, gradient)


convolve.defvjp(lambda x, kernel, bias: (convolve(x, kernel, bias), (x, kernel)), _convolve_backward)


@_shard_by_shard
def _slope_gradient(x: jax.Array, gradient: jax.Array) -> jax.Array:
    return jnp.where(x >= 0, 0, x * gradient).sum(dtype=jnp.float32)


@jax.custom_vjp
def prelu(x: jax.Array, slope: jax.Array) -> jax.Array:
    """max(x, 0) + slope * min(x, 0) with one slope for all."""
    return jnp.where(x >= 0, x, slope.astype(x.dtype) * x)


def _prelu_backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, slope = saved
    to_x = jnp.where(x >= 0, gradient, slope.astype(x.dtype) * gradient)
    return to_x, _slope_gradient(x, gradient)


prelu.defvjp(lambda x, slope: (prelu(x, slope), (x, slope)), _prelu_backward)


Saved = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


@_shard_by_shard
def _shard_moments(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A shard's mean, and its mean squared deviation from that."""
    mean = x.mean(tuple(range(x.ndim - 1)))
    return mean, jnp.square(x - mean).mean(tuple(range(x.ndim - 1)))


def _moments(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance of the whole batch, of which all shards have equal parts."""
    shard_mean, shard_variance = _shard_moments(x)
    mean = over_shards(shard_mean) / current().total
    variance = over_shards(shard_variance + jnp.square(shard_mean - mean)) / current().total
    return mean, variance


def batch_count(x: jax.Array) -> int:
    """Values of a channel in the whole batch, of which `x` [n, ..., C] is one shard's part."""
    return x.size // x.shape[-1] * current().total


def _normalise(x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> tuple[Any, Saved]:
    mean, variance = _moments(x)
    inverse = jax.lax.rsqrt(variance + epsilon)
    return ((x - mean) * (inverse * scale) + bias, mean, variance), (x, scale, mean, inverse)


@_shard_by_shard
def _scale_and_bias_gradients(standardised: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _sum_to_last_axis(gradient * standardised), _sum_to_last_axis(gradient)


def _normalise_backward(_: float, saved: Saved, gradients: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    x, scale, mean, inverse = saved
    gradient = gradients[0]
    standardised = (x - mean) * inverse
    to_scale, to_bias = _scale_and_bias_gradients(standardised, gradient)
    count = batch_count(x)
    through_mean, through_variance = over_shards(to_bias) / count, over_shards(to_scale) / count
    to_x = (gradient - through_mean - standardised * through_variance) * (inverse * scale)
    return to_x, to_scale, to_bias


_normalise_vjp = jax.custom_vjp(lambda x, scale, bias, epsilon: _normalise(x, scale, bias, epsilon)[0], (3,))
_normalise_vjp.defvjp(_normalise, _normalise_backward)


def normalise(
    x: jax.Array, scale: jax.Array, bias: jax.Array, *, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """BatchNorm of the last axis by the whole batch: the output, the mean and the biased variance [C].

    `x` [n, ..., C] is float32. The gradient does not flow through the returned mean and variance.
    """
    return _normalise_vjp(x, scale, bias, epsilon)
