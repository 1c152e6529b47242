"""PReLU and batch normalisation as one function, which keeps only its input for the backward pass.

Autodiff of the two would keep three arrays of the input's size. On the CPU, whose memory is what bounds these passes,
computing the activation again is faster than reading it.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

Saved = tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]


def _prelu(x: jax.Array, slope: jax.Array) -> jax.Array:
    return jnp.where(x >= 0, x, slope.astype(x.dtype) * x).astype(jnp.float32)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def prelu_and_normalise(
    x: jax.Array, slope: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """PReLU of x [..., C] with one slope, then batch normalisation of the last axis in training mode.

    Gives the output in the dtype of x, and the batch's mean and biased variance [C] in float32, through which no
    gradient flows.
    """
    return _forward(x, slope, scale, bias, epsilon)[0]


def _forward(x: jax.Array, slope: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> tuple[Any, Saved]:
    activated, axes = _prelu(x, slope), tuple(range(x.ndim - 1))
    mean = activated.mean(axes)
    variance = jnp.square(activated - mean).mean(axes)
    inverse = jax.lax.rsqrt(variance + epsilon)
    y = (activated - mean) * (inverse * scale) + bias
    return (y.astype(x.dtype), mean, variance), (x, slope, scale, mean, inverse)


def _backward(_: float, saved: Saved, gradients: Any) -> tuple[jax.Array, ...]:
    x, slope, scale, mean, inverse = saved
    gradient, axes, count = gradients[0].astype(jnp.float32), tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    standardised = (_prelu(x, slope) - mean) * inverse
    to_scale, to_bias = (gradient * standardised).sum(axes), gradient.sum(axes)
    to_activated = (gradient - to_bias / count - standardised * (to_scale / count)) * (inverse * scale)
    to_slope = jnp.where(x >= 0, 0, x * to_activated).sum()
    to_x = jnp.where(x >= 0, to_activated, slope * to_activated).astype(x.dtype)
    return to_x, to_slope, to_scale, to_bias


prelu_and_normalise.defvjp(_forward, _backward)
