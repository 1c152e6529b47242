"""PReLU and batch normalisation as one function, alone or behind a convolution, for training.

Autodiff would keep three arrays of the input's size and pass over memory, which is what bounds these layers on the
CPU, more often. Here the activation is computed again where it is needed; and behind a convolution by minimal
filtering (`convolved_unit`) the batch goes through piece by piece, so that what belongs to a piece stays in the
processor's cache. Statistics are those of the whole batch, over all devices.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from deeper_jax.models import minimal_filtering
from deeper_jax.models.device_axis import mean_over_devices

Moments = tuple[jax.Array, jax.Array]
Output = tuple[jax.Array, jax.Array, jax.Array]


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def prelu_and_normalise(x: jax.Array, slope: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> Output:
    """PReLU of x [..., C] with one slope, then batch normalisation of the last axis in training mode.

    Gives the output in the dtype of x, and the batch's mean and biased variance [C] in float32, through which no
    gradient flows.
    """
    return _forward(x, slope, scale, bias, epsilon)[0]


def _forward(x: jax.Array, slope: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> tuple[Output, Any]:
    mean, variance = _of_all_devices(*_moments(_prelu(x, slope)))
    inverse = jax.lax.rsqrt(variance + epsilon)
    y = ((_prelu(x, slope) - mean) * (inverse * scale) + bias).astype(x.dtype)
    return (y, mean, variance), (x, slope, scale, mean, inverse)


def _backward(_: float, saved: Any, gradients: Any) -> tuple[jax.Array, ...]:
    x, slope, scale, mean, inverse = saved
    gradient = gradients[0].astype(jnp.float32)
    to_scale, to_bias = _parameter_gradients(gradient, x, slope, mean, inverse)
    means = _mean_gradients(to_scale, to_bias, x)
    to_x, to_slope = _input_gradient(gradient, x, slope, scale, mean, inverse, means)
    return to_x, to_slope, to_scale, to_bias


prelu_and_normalise.defvjp(_forward, _backward)


def in_pieces(x: jax.Array, kernel: jax.Array) -> bool:
    """Whether `convolved_unit` is for this convolution: a wide one on the CPU, of a batch that divides evenly."""
    return jax.default_backend() == "cpu" and x.ndim == 3 and minimal_filtering.pays(x, kernel) and _count(x) > 1


@functools.partial(jax.custom_vjp, nondiff_argnums=(6,))
def convolved_unit(
    x: jax.Array,
    kernel: jax.Array,
    offset: jax.Array,
    slope: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    epsilon: float,
) -> Output:
    """`prelu_and_normalise` of the convolution of x [N, L, in] with kernel [3, in, out] plus offset [out]."""
    return _unit_forward(x, kernel, offset, slope, scale, bias, epsilon)[0]


def _unit_forward(
    x: jax.Array,
    kernel: jax.Array,
    offset: jax.Array,
    slope: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    epsilon: float,
) -> tuple[Output, Any]:
    points = minimal_filtering.kernel_at_points(kernel)

    def convolve(piece: jax.Array) -> tuple[jax.Array, Moments]:
        y = minimal_filtering.convolve_piece(piece, points) + offset
        return y, _moments(_prelu(y, slope))

    convolved, (means, variances) = jax.lax.map(convolve, _pieces(x))
    mean = means.mean(0)
    mean, variance = _of_all_devices(mean, (variances + jnp.square(means - mean)).mean(0))
    inverse = jax.lax.rsqrt(variance + epsilon)
    convolved = convolved.reshape(*x.shape[:-1], -1)
    y = (_prelu(convolved, slope) - mean) * (inverse * scale) + bias
    return (y, mean, variance), (x, kernel, convolved, slope, scale, mean, inverse)


def _unit_backward(_: float, saved: Any, gradients: Any) -> tuple[jax.Array, ...]:
    x, kernel, convolved, slope, scale, mean, inverse = saved
    points = minimal_filtering.kernel_at_points(kernel)
    count = _count(x)
    pieces = [array.reshape(count, -1, *array.shape[1:]) for array in (gradients[0], convolved, x)]
    sums = jax.lax.map(lambda both: _parameter_gradients(*both, slope, mean, inverse), tuple(pieces[:2]))
    to_scale, to_bias = (parts.sum(0) for parts in sums)
    means = _mean_gradients(to_scale, to_bias, convolved)

    def back(totals: Any, piece: Any) -> tuple[Any, jax.Array]:
        gradient, convolved, x = piece
        to_convolved, to_slope = _input_gradient(gradient, convolved, slope, scale, mean, inverse, means)
        to_x, to_points = minimal_filtering.gradients_of_piece(x, points, to_convolved)
        found = (to_points, to_convolved.sum((0, 1)), to_slope)
        return jax.tree.map(jnp.add, totals, found), to_x

    zeros = (jnp.zeros_like(points), jnp.zeros_like(scale), jnp.zeros_like(slope))
    (to_points, to_offset, to_slope), to_x = jax.lax.scan(back, zeros, tuple(pieces))
    to_kernel = minimal_filtering.kernel_from_points(to_points, 1)
    return to_x.reshape(x.shape), to_kernel, to_offset, to_slope, to_scale, to_bias


convolved_unit.defvjp(_unit_forward, _unit_backward)


def _count(x: jax.Array) -> int:
    """Pieces: the fewest that divide the batch and are no larger than one should be."""
    return next(
        n for n in range(1, len(x) + 1) if len(x) % n == 0 and (x.size // n <= minimal_filtering.CHUNK or n == len(x))
    )


def _pieces(x: jax.Array) -> jax.Array:
    return x.reshape(_count(x), -1, *x.shape[1:])


def _prelu(x: jax.Array, slope: jax.Array) -> jax.Array:
    return jnp.where(x >= 0, x, slope.astype(x.dtype) * x).astype(jnp.float32)


def _moments(x: jax.Array) -> Moments:
    """Mean and biased variance over all but the last axis."""
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    return mean, jnp.square(x - mean).mean(axes)


def _of_all_devices(mean: jax.Array, variance: jax.Array) -> Moments:
    """The moments of the whole batch from those of this device's part."""
    whole = mean_over_devices(mean)
    return whole, mean_over_devices(variance + jnp.square(mean - whole))


def _parameter_gradients(
    gradient: jax.Array, x: jax.Array, slope: jax.Array, mean: jax.Array, inverse: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """To scale and bias."""
    axes = tuple(range(x.ndim - 1))
    return (gradient * (_prelu(x, slope) - mean) * inverse).sum(axes), gradient.sum(axes)


def _mean_gradients(to_scale: jax.Array, to_bias: jax.Array, x: jax.Array) -> jax.Array:
    """[2, C]: what every value's gradient loses because it moves the batch's variance and mean."""
    return mean_over_devices(jnp.stack([to_scale, to_bias])) / (x.size // x.shape[-1])


def _input_gradient(
    gradient: jax.Array,
    x: jax.Array,
    slope: jax.Array,
    scale: jax.Array,
    mean: jax.Array,
    inverse: jax.Array,
    means: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """To x, and to the slope."""
    standardised = (_prelu(x, slope) - mean) * inverse
    to_activated = (gradient - means[1] - standardised * means[0]) * (inverse * scale)
    to_slope = jnp.where(x >= 0, 0, x * to_activated).sum()
    return jnp.where(x >= 0, to_activated, slope * to_activated).astype(x.dtype), to_slope
