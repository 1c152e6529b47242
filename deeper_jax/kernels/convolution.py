"""`jax.lax.conv_general_dilated`, faster on the CPU where the networks need it.

Wide convolutions of three taps run as Winograd's: the same sums in another order.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax

from deeper_jax.kernels import winograd

Implementation = Literal["xla", "winograd"]
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
      implementation: 'xla', JAX's own; 'winograd', for undilated convolutions of stride 1 and three taps that keep the
        size, channels last, in one group; None chooses by backend and shape.

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
    fits = same_size and winograd.fits(rhs)
    if implementation is None:
        chosen = fits and jax.default_backend() == "cpu" and winograd.pays(lhs, rhs)
        implementation = "winograd" if chosen else "xla"
    if implementation == "xla":
        return plain(lhs, rhs)
    if not fits:
        raise ValueError(f"implementation={implementation!r} cannot do this convolution of {lhs.shape} by {rhs.shape}")
    return _winograd(lhs, rhs)


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


def _winograd_gradients(saved: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    return winograd.gradients(*saved, gradient)


_winograd = jax.custom_vjp(winograd.convolve)
_winograd.defvjp(lambda x, kernel: (winograd.convolve(x, kernel), (x, kernel)), _winograd_gradients)
