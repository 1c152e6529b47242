"""Convolution, PReLU and batch normalisation, several times in a row, for training.

Passes over memory are what bounds these layers on the CPU, and autodiff would keep three arrays of the input's size
for each. The 'fused' implementation keeps the convolutions' outputs alone and computes the rest again where it is
needed; the batch goes through piece by piece, so that what belongs to a piece stays in the processor's cache.
Statistics are those of the whole batch, over all devices of `axis_name`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.kernels import winograd
from deeper_jax.kernels.convolution import conv_general_dilated

Implementation = Literal["xla", "fused"]
Moments = tuple[jax.Array, jax.Array]
Normalise = Callable[[jax.Array], jax.Array]

# Values of a piece (2 MB), measured: smaller ones make for slower matrix products, larger ones leave the cache.
_PIECE = 2**19


class Unit(NamedTuple):
    """Parameters of a convolution of kernel [3, in, out] and offset [out], a PReLU, and a normalisation [out] each."""

    kernel: jax.Array
    offset: jax.Array
    slope: jax.Array
    scale: jax.Array
    bias: jax.Array


def batch_norm_units(
    x: jax.Array,
    units: Sequence[Unit],
    *,
    epsilon: float,
    axis_name: str | None = None,
    implementation: Implementation | None = None,
) -> tuple[jax.Array, list[Moments]]:
    """Units one after another, each a convolution, a PReLU and a normalisation by the batch's own statistics.

    Args:
      x: [N, L, in].
      units: their parameters.
      epsilon: added to the variance.
      axis_name: of the devices that the batch is split over, inside `jax.shard_map`; None: x is the whole batch.
      implementation: 'xla', one operation after another; 'fused'; None chooses by backend and shape.

    Returns:
      The output [N, L, out], and each unit's mean and biased variance over the whole batch, for the running statistics:
      no gradient flows through them.
    """
    if implementation is None:
        implementation = "fused" if pays(x, units[0].kernel) else "xla"
    return (_fused if implementation == "fused" else _plain)(x, tuple(units), epsilon, axis_name)


def pays(x: jax.Array, kernel: jax.Array) -> bool:
    """Whether 'fused' is for units that begin with this convolution: a wide one on the CPU, of a large batch."""
    return jax.default_backend() == "cpu" and winograd.pays(x, kernel) and _count(x) > 1


def _plain(
    x: jax.Array, units: Sequence[Unit], epsilon: float, axis_name: str | None
) -> tuple[jax.Array, list[Moments]]:
    moments = []
    for unit in units:
        convolved = conv_general_dilated(x, unit.kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC"))
        activated = _prelu(convolved + unit.offset, unit.slope)
        mean, variance = _of_all_devices(*_moments(activated), axis_name)
        x = (activated - mean) * jax.lax.rsqrt(variance + epsilon) * unit.scale + unit.bias
        moments.append((jax.lax.stop_gradient(mean), jax.lax.stop_gradient(variance)))
    return x, moments


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _fused(
    x: jax.Array, units: Sequence[Unit], epsilon: float, axis_name: str | None
) -> tuple[jax.Array, list[Moments]]:
    return _forward(x, units, epsilon, axis_name)[0]


def _forward(x: jax.Array, units: Sequence[Unit], epsilon: float, axis_name: str | None) -> tuple[Any, Any]:
    count, moments, convolved = _count(x), [], [x]
    before: Normalise = _unchanged
    for unit in units:
        points = winograd.kernel_at_points(unit.kernel)

        def convolve(
            piece: jax.Array, unit: Unit = unit, points: jax.Array = points, before: Normalise = before
        ) -> tuple[jax.Array, Moments]:
            y = winograd.convolve_piece(before(piece), points) + unit.offset
            return y, _moments(_prelu(y, unit.slope))

        pieces, (means, variances) = jax.lax.map(convolve, _split(convolved[-1], count))
        mean = means.mean(0)
        moments.append(_of_all_devices(mean, (variances + jnp.square(means - mean)).mean(0), axis_name))
        convolved.append(pieces.reshape(*x.shape[:-1], -1))
        before = _normalisation(unit, moments[-1], epsilon)
    return (before(convolved[-1]), moments), (convolved, tuple(units), moments)


def _backward(epsilon: float, axis_name: str | None, saved: Any, gradients: Any) -> tuple[jax.Array, tuple[Unit, ...]]:
    convolved, units, moments = saved
    count = _count(convolved[0])
    inverses = [jax.lax.rsqrt(variance + epsilon) for _, variance in moments]
    pieces = [_split(array, count) for array in convolved]
    gradient = _split(gradients[0], count)
    last = units[-1].slope, moments[-1][0], inverses[-1]
    sums = jax.lax.map(lambda both: _parameter_gradients(both[0], both[1], *last), (gradient, pieces[-1]))
    to_scale, to_bias = (parts.sum(0) for parts in sums)
    found: list[Unit] = []
    for index in reversed(range(len(units))):
        unit, mean, inverse = units[index], moments[index][0], inverses[index]
        points = winograd.kernel_at_points(unit.kernel)
        means = _mean_gradients(to_scale, to_bias, convolved[index + 1], axis_name)
        own = unit.slope, unit.scale, mean, inverse, means
        first = index == 0
        before = _unchanged if first else _normalisation(units[index - 1], moments[index - 1], epsilon)
        previous = None if first else (units[index - 1].slope, moments[index - 1][0], inverses[index - 1])

        def back(
            totals: Any,
            piece: Any,
            own: Any = own,
            points: jax.Array = points,
            before: Normalise = before,
            previous: Any = previous,
        ) -> tuple[Any, jax.Array]:
            gradient, output, source = piece
            to_convolved, to_slope = _input_gradient(gradient, output, *own)
            to_source, to_points = winograd.gradients_of_piece(before(source), points, to_convolved)
            sums = [to_points, to_convolved.sum((0, 1)), to_slope]
            if previous is None:
                return jax.tree.map(jnp.add, totals, sums), to_source
            # What the unit before needs first of all, while its gradient is in the cache.
            sums += _parameter_gradients(to_source, source, *previous)
            return jax.tree.map(jnp.add, totals, sums), to_source

        zeros = [jnp.zeros_like(points), jnp.zeros_like(unit.offset), jnp.zeros_like(unit.slope)]
        zeros += [] if first else [jnp.zeros_like(units[index - 1].scale)] * 2
        (to_points, to_offset, to_slope, *rest), gradient = jax.lax.scan(
            back, zeros, (gradient, pieces[index + 1], pieces[index])
        )
        to_kernel = winograd.kernel_from_points(to_points, 1)
        found.insert(0, Unit(to_kernel, to_offset, to_slope, to_scale, to_bias))
        if rest:
            to_scale, to_bias = rest
    return gradient.reshape(convolved[0].shape), tuple(found)


_fused.defvjp(_forward, _backward)


def _unchanged(x: jax.Array) -> jax.Array:
    return x


def _normalisation(unit: Unit, moments: Moments, epsilon: float) -> Normalise:
    """PReLU and normalisation of a unit whose batch has these moments."""
    factor = jax.lax.rsqrt(moments[1] + epsilon) * unit.scale
    return lambda convolved: (_prelu(convolved, unit.slope) - moments[0]) * factor + unit.bias


def _count(x: jax.Array) -> int:
    """Pieces: the fewest that divide the batch and are no larger than one should be."""
    return next(n for n in range(1, len(x) + 1) if len(x) % n == 0 and (x.size // n <= _PIECE or n == len(x)))


def _split(x: jax.Array, count: int) -> jax.Array:
    return x.reshape(count, -1, *x.shape[1:])


def _prelu(x: jax.Array, slope: jax.Array) -> jax.Array:
    return jnp.where(x >= 0, x, slope * x)


def _moments(x: jax.Array) -> Moments:
    """Mean and biased variance over all but the last axis."""
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    return mean, jnp.square(x - mean).mean(axes)


def _of_all_devices(mean: jax.Array, variance: jax.Array, axis_name: str | None) -> Moments:
    """The moments of the whole batch from those of this device's part."""
    if axis_name is None:
        return mean, variance
    whole = jax.lax.pmean(mean, axis_name)
    return whole, jax.lax.pmean(variance + jnp.square(mean - whole), axis_name)


def _parameter_gradients(
    gradient: jax.Array, x: jax.Array, slope: jax.Array, mean: jax.Array, inverse: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """To scale and bias."""
    axes = tuple(range(x.ndim - 1))
    return (gradient * (_prelu(x, slope) - mean) * inverse).sum(axes), gradient.sum(axes)


def _mean_gradients(to_scale: jax.Array, to_bias: jax.Array, x: jax.Array, axis_name: str | None) -> jax.Array:
    """[2, C]: what every value's gradient loses because it moves the batch's variance and mean."""
    both = jnp.stack([to_scale, to_bias])
    return (both if axis_name is None else jax.lax.pmean(both, axis_name)) / (x.size // x.shape[-1])


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
