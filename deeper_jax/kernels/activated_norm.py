"""PReLU and batch normalisation as one function, alone or behind a convolution, for training.

Autodiff would keep three arrays of the input's size and pass over memory, which is what bounds these layers on the
CPU, more often. Here the activation is computed again where it is needed; and behind a convolution by minimal
filtering (`convolved_units`) the batch goes through piece by piece, so that what belongs to a piece stays in the
processor's cache, and of several units in a row only the convolutions' outputs are ever written to memory. Statistics
are those of the whole batch, over all devices.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.kernels import winograd as minimal_filtering
from deeper_jax.models.device_axis import mean_over_devices

Moments = tuple[jax.Array, jax.Array]
Normalise = Callable[[jax.Array], jax.Array]
Output = tuple[jax.Array, jax.Array, jax.Array]

# Values of a piece (2 MB), measured: smaller ones make for slower matrix products, larger ones leave the cache.
_PIECE = 2**19


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


class Unit(NamedTuple):
    """Parameters of a convolution of kernel [3, in, out] and offset [out], a PReLU, and a normalisation [out] each."""

    kernel: jax.Array
    offset: jax.Array
    slope: jax.Array
    scale: jax.Array
    bias: jax.Array


def in_pieces(x: jax.Array, kernel: jax.Array) -> bool:
    """Whether `convolved_units` is for this convolution: a wide one on the CPU, of a batch that divides evenly."""
    return jax.default_backend() == "cpu" and x.ndim == 3 and minimal_filtering.pays(x, kernel) and _count(x) > 1


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolved_units(
    x: jax.Array, units: Sequence[Unit], epsilon: float, identity: bool
) -> tuple[jax.Array, list[Moments]]:
    """Units one after another, each a convolution and `prelu_and_normalise`, on x [N, L, in].

    With `identity` x is added at the end. Gives the output [N, L, out], and each unit's mean and biased variance,
    through which no gradient flows.
    """
    return _units_forward(x, units, epsilon, identity)[0]


def _units_forward(x: jax.Array, units: Sequence[Unit], epsilon: float, identity: bool) -> tuple[Any, Any]:
    count, moments, convolved = _count(x), [], [x]
    before: Normalise = _unchanged
    for unit in units:
        points = minimal_filtering.kernel_at_points(unit.kernel)

        def convolve(
            piece: jax.Array, unit: Unit = unit, points: jax.Array = points, before: Normalise = before
        ) -> tuple[jax.Array, Moments]:
            y = minimal_filtering.convolve_piece(before(piece), points) + unit.offset
            return y, _moments(_prelu(y, unit.slope))

        pieces, (means, variances) = jax.lax.map(convolve, _split(convolved[-1], count))
        mean = means.mean(0)
        moments.append(_of_all_devices(mean, (variances + jnp.square(means - mean)).mean(0)))
        convolved.append(pieces.reshape(*x.shape[:-1], -1))
        before = _normalisation(unit, moments[-1], epsilon)
    y = before(convolved[-1])
    return (y + x if identity else y, moments), (convolved, tuple(units), moments)


def _units_backward(epsilon: float, identity: bool, saved: Any, gradients: Any) -> tuple[jax.Array, tuple[Unit, ...]]:
    convolved, units, moments = saved
    count = _count(convolved[0])
    inverses = [jax.lax.rsqrt(variance + epsilon) for _, variance in moments]
    pieces = [_split(array, count) for array in convolved]
    whole = gradient = _split(gradients[0], count)
    last = units[-1].slope, moments[-1][0], inverses[-1]
    sums = jax.lax.map(lambda both: _parameter_gradients(both[0], both[1], *last), (gradient, pieces[-1]))
    to_scale, to_bias = (parts.sum(0) for parts in sums)
    found: list[Unit] = []
    for index in reversed(range(len(units))):
        unit, mean, inverse = units[index], moments[index][0], inverses[index]
        points = minimal_filtering.kernel_at_points(unit.kernel)
        means = _mean_gradients(to_scale, to_bias, convolved[index + 1])
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
            gradient, output, source, skipped = piece
            to_convolved, to_slope = _input_gradient(gradient, output, *own)
            to_source, to_points = minimal_filtering.gradients_of_piece(before(source), points, to_convolved)
            sums = [to_points, to_convolved.sum((0, 1)), to_slope]
            if previous is None:
                return jax.tree.map(jnp.add, totals, sums), to_source if skipped is None else to_source + skipped
            # What the unit before needs first of all, while its gradient is in the cache.
            sums += _parameter_gradients(to_source, source, *previous)
            return jax.tree.map(jnp.add, totals, sums), to_source

        zeros = [jnp.zeros_like(points), jnp.zeros_like(unit.offset), jnp.zeros_like(unit.slope)]
        zeros += [] if first else [jnp.zeros_like(units[index - 1].scale)] * 2
        skipped = whole if first and identity else None
        (to_points, to_offset, to_slope, *rest), gradient = jax.lax.scan(
            back, zeros, (gradient, pieces[index + 1], pieces[index], skipped)
        )
        to_kernel = minimal_filtering.kernel_from_points(to_points, 1)
        found.insert(0, Unit(to_kernel, to_offset, to_slope, to_scale, to_bias))
        if rest:
            to_scale, to_bias = rest
    return gradient.reshape(convolved[0].shape), tuple(found)


convolved_units.defvjp(_units_forward, _units_backward)


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
