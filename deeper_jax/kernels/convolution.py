"""`jax.lax.conv_general_dilated`, faster on the CPU where the networks need it.

Wide convolutions of three taps run as Winograd's; the kernel's gradient of images, which XLA computes by plain loops
inside a `lax.scan`, runs as one matrix product for each tap of the kernel. The sums are the same in another order.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from deeper_jax.kernels import winograd

Implementation = Literal["xla", "taps", "winograd"]
# Channels last, as `flax.nnx.Conv` has them.
_DIMENSIONS = {3: ("NWC", "WIO", "NWC"), 4: ("NHWC", "HWIO", "NHWC")}


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    *,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    implementation: Implementation | None = None,
    **settings: Any,
) -> jax.Array:
    """`jax.lax.conv_general_dilated`, by whichever implementation suits.

    Args:
      lhs: [N, L, in] or [N, H, W, in].
      rhs: kernel [k, in, out] or [k, k, in, out].
      window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, settings: as for JAX's own.
      implementation: 'xla', JAX's own; 'taps', the same with the kernel's gradient as a product for each tap;
        'winograd'; None chooses by backend and shape. The latter two are for undilated convolutions of stride 1 that
        keep the size, channels last, in one group.

    Raises:
      ValueError: the implementation asked for cannot do this convolution.
    """
    plain: Callable[..., jax.Array] = functools.partial(
        jax.lax.conv_general_dilated,
        window_strides=window_strides,
        padding=padding,
        lhs_dilation=lhs_dilation,
        rhs_dilation=rhs_dilation,
        dimension_numbers=dimension_numbers,
        **settings,
    )
    same_size = _keeps_size(
        lhs, rhs, window_strides, padding, (lhs_dilation, rhs_dilation), dimension_numbers, settings
    )
    if implementation is None:
        implementation = _choice(lhs, rhs) if same_size and jax.default_backend() == "cpu" else "xla"
    if implementation == "xla":
        return plain(lhs, rhs)
    if not same_size or (implementation == "winograd" and not winograd.fits(rhs)):
        raise ValueError(f"implementation={implementation!r} cannot do this convolution of {lhs.shape} by {rhs.shape}")
    return (_winograd if implementation == "winograd" else _taps)(lhs, rhs)


def _choice(x: jax.Array, kernel: jax.Array) -> Implementation:
    if winograd.pays(x, kernel):
        return "winograd"
    # Measured: along spectra a product for each tap would lose.
    return "taps" if x.ndim == 4 else "xla"


def _keeps_size(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    dilations: Sequence[Sequence[int] | None],
    dimension_numbers: Any,
    settings: dict[str, Any],
) -> bool:
    """Whether this is an odd kernel at stride 1 with zeros around, channels last, undilated, in one group."""
    sizes = kernel.shape[:-2]
    if x.ndim not in _DIMENSIONS or any(size % 2 == 0 for size in sizes) or x.dtype != kernel.dtype:
        return False
    numbers = jax.lax.conv_dimension_numbers(x.shape, kernel.shape, dimension_numbers)
    if numbers != jax.lax.conv_dimension_numbers(x.shape, kernel.shape, _DIMENSIONS[x.ndim]):
        return False
    around = (
        padding.upper() == "SAME" if isinstance(padding, str) else list(padding) == [(n // 2, n // 2) for n in sizes]
    )
    undilated = all(dilation is None or set(dilation) == {1} for dilation in dilations)
    others = {name: value for name, value in settings.items() if value is not None}
    groups = others.pop("feature_group_count", 1), others.pop("batch_group_count", 1)
    return around and undilated and groups == (1, 1) and not others and set(strides) == {1}


def _plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(x, kernel, (1,) * (x.ndim - 2), "SAME", dimension_numbers=_DIMENSIONS[x.ndim])


def _winograd_gradients(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    return winograd.gradients(*saved, gradient)


_winograd = jax.custom_vjp(winograd.convolve)
_winograd.defvjp(lambda x, kernel: (winograd.convolve(x, kernel), (x, kernel)), _winograd_gradients)


@jax.custom_vjp
def _taps(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return _plain(x, kernel)


def _tap_gradients(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    taps, (inputs, outputs) = kernel.shape[:-2], kernel.shape[-2:]
    flipped = jnp.flip(kernel, range(len(taps))).swapaxes(-1, -2)
    padded = jnp.pad(x, [(0, 0), *((size // 2, size // 2) for size in taps), (0, 0)])
    rows = gradient.reshape(-1, outputs)

    def product(offsets: jax.Array) -> jax.Array:
        window = jax.lax.dynamic_slice(padded, (0, *offsets, 0), x.shape)
        return window.reshape(-1, inputs).T @ rows

    # One tap after another: all windows at once would take nine times the image's memory.
    products = jax.lax.map(product, jnp.array(list(itertools.product(*map(range, taps)))))
    return _plain(gradient, flipped), products.reshape(kernel.shape)


_taps.defvjp(lambda x, kernel: (_plain(x, kernel), (x, kernel)), _tap_gradients)
