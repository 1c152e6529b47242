"""Same-size convolution of spectra and of images, fast on the CPU too.

There XLA's own convolutions are slow in places: wide ones of three taps run as minimal filtering instead, and the
weight gradient of images, which XLA computes by plain loops inside a `lax.scan` (forty times slower than need be), as
one matrix product for each tap of the kernel. The sums are the same in another order. Other backends, bfloat16 and
small convolutions keep XLA's own.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp

from deeper_jax.kernels import winograd as minimal_filtering

_DIMENSIONS = {3: ("NWC", "WIO", "NWC"), 4: ("NHWC", "HWIO", "NHWC")}


def _native(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(x, kernel, (1,) * (x.ndim - 2), "SAME", dimension_numbers=_DIMENSIONS[x.ndim])


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """[N, L, in] or [N, H, W, in] with kernel [k, (k,) in, out], k odd, to [N, ..., out]: stride 1, zero padding."""
    if minimal_filtering.pays(x, kernel):
        return jax.lax.platform_dependent(x, kernel, cpu=minimal_filtering.convolve, default=_native)
    return _native(x, kernel)


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return convolve(x, kernel), (x, kernel)


def _backward(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    if minimal_filtering.pays(*saved):
        on_cpu = minimal_filtering.gradients
    else:
        # Measured: along spectra a product for each tap would lose.
        on_cpu = _tap_gradients if gradient.ndim == 4 else _native_gradients
    return jax.lax.platform_dependent(*saved, gradient, cpu=on_cpu, default=_native_gradients)


def _native_gradients(x: jax.Array, kernel: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jax.vjp(_native, x, kernel)[1](gradient)


def _tap_gradients(x: jax.Array, kernel: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    taps, (inputs, outputs) = kernel.shape[:-2], kernel.shape[-2:]
    flipped = jnp.flip(kernel, range(len(taps))).swapaxes(-1, -2)
    margins = [(0, 0), *((size // 2, size // 2) for size in taps), (0, 0)]
    padded = jnp.pad(x, margins)
    rows = gradient.reshape(-1, outputs)

    def product(offsets: jax.Array) -> jax.Array:
        window = jax.lax.dynamic_slice(padded, (0, offsets[0], offsets[1], 0), x.shape)
        return window.reshape(-1, inputs).T @ rows

    # One tap after another: all windows at once would take nine times the image's memory.
    products = jax.lax.map(product, jnp.array(list(itertools.product(*map(range, taps)))))
    return _native(gradient, flipped), products.reshape(kernel.shape)


convolve.defvjp(_forward, _backward)


def conv_general_dilated(x: jax.Array, kernel: jax.Array, *_: Any, **__: Any) -> jax.Array:
    """`convolve` in the shape of `jax.lax.conv_general_dilated`, for `flax.nnx.Conv`.

    Only for the networks' own convolutions: whatever stride, padding or grouping is asked for, it is 1, SAME and 1.
    """
    return convolve(x, kernel)
