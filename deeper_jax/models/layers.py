"""Layers that the networks share, with PyTorch's defaults for initial values, PReLU and BatchNorm.

Flax differs from PyTorch in all three, so they are spelled out here: the reference figures were trained
with PyTorch's.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from deeper_jax.kernels.activated_norm import Unit, convolved_units, in_pieces, prelu_and_normalise
from deeper_jax.kernels.convolution import conv_general_dilated
from deeper_jax.models import ordered_sums
from deeper_jax.models.device_axis import device_count, mean_over_devices

Initializer = Callable[..., jax.Array]


def torch_uniform(fan_in: int) -> Initializer:
    """Initial values drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)).

    PyTorch draws the weights (Kaiming-uniform with a = sqrt(5)) and the biases of its convolutions and
    linear layers from this range; `fan_in` is input features times kernel positions, for both.

    NumPy draws them, from the key: JAX would compile one program for each shape, which takes longer than
    drawing. Inside a trace (`nnx.eval_shape`, `jax.jit`) JAX draws, so the values are others there.
    """
    bound = 1.0 / math.sqrt(fan_in)

    def initialize(
        key: jax.Array, shape: tuple[int, ...], dtype: jax.typing.DTypeLike = jnp.float32, **_: object
    ) -> jax.Array:
        if isinstance(key, jax.core.Tracer):
            return jax.random.uniform(key, shape, dtype, -bound, bound)
        values = np.random.default_rng(np.asarray(jax.random.key_data(key))).random(shape, np.float32)
        return jnp.asarray(bound * (2.0 * values - 1.0), dtype)

    return initialize


class SpectralConvolution(nnx.Conv):
    """Convolution along the spectrum."""

    def __call__(self, inputs: jax.Array, *args: Any) -> jax.Array:
        """[N, L, in] to [N, L, out]."""
        if self.bias is None or not ordered_sums.in_use():
            return super().__call__(inputs, *args)
        return ordered_sums.convolve(inputs, self.kernel[...], self.bias[...])


class Linear(nnx.Linear):
    """Linear layer on the last axis."""

    def __call__(self, inputs: jax.Array, *args: Any) -> jax.Array:
        """[N, in] to [N, out]."""
        if self.bias is None or not ordered_sums.in_use():
            return super().__call__(inputs, *args)
        return ordered_sums.linear(inputs, self.kernel[...], self.bias[...])


def convolution(
    in_features: int,
    out_features: int,
    kernel_size: tuple[int, ...],
    *,
    dtype: jax.typing.DTypeLike,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A channels-last convolution with bias, stride 1 and zero padding that keeps the size."""
    initial = torch_uniform(in_features * math.prod(kernel_size))
    return (SpectralConvolution if len(kernel_size) == 1 else nnx.Conv)(
        in_features,
        out_features,
        kernel_size,
        padding="SAME",
        dtype=dtype,
        kernel_init=initial,
        bias_init=initial,
        conv_general_dilated=conv_general_dilated,
        rngs=rngs,
    )


def linear(in_features: int, out_features: int, *, dtype: jax.typing.DTypeLike, rngs: nnx.Rngs) -> Linear:
    """A linear layer with bias on the last axis."""
    initial = torch_uniform(in_features)
    return Linear(in_features, out_features, dtype=dtype, kernel_init=initial, bias_init=initial, rngs=rngs)


class PReLU(nnx.Module):
    """max(x, 0) + slope * min(x, 0) with one learned slope for all channels, 0.25 at the start."""

    def __init__(self) -> None:
        self.slope = nnx.Param(jnp.full((), 0.25, jnp.float32))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Any shape in, the same shape and dtype out."""
        if ordered_sums.in_use():
            return ordered_sums.prelu(x, self.slope[...])
        return jnp.where(x >= 0, x, self.slope[...].astype(x.dtype) * x)


class BatchNorm(nnx.Module):
    """Batch normalisation of the last axis, as PyTorch's BatchNorm1d.

    Training mode normalises by the batch's mean and biased variance and moves the running statistics by
    a tenth towards the mean and the UNBIASED variance (Flax's own layer would store the biased one).
    Evaluation mode uses the running statistics. `model.train()` and `model.eval()` switch between them.
    Statistics are computed in float32 whatever the dtype of the input.
    """

    def __init__(self, features: int, *, epsilon: float = 1e-5, momentum: float = 0.1) -> None:
        self.scale = nnx.Param(jnp.ones((features,), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((features,), jnp.float32))
        self.mean = nnx.BatchStat(jnp.zeros((features,), jnp.float32))
        self.variance = nnx.BatchStat(jnp.ones((features,), jnp.float32))
        self.epsilon = epsilon
        self.momentum = momentum
        self.use_running_average = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """[..., features] in, the same shape and dtype out."""
        if ordered_sums.in_use() and not self.use_running_average:
            return self._ordered(x)
        if self.use_running_average:
            mean, variance = self.mean[...], self.variance[...]
        else:
            mean, variance = self._batch_statistics(x)
        factor = self.scale[...] * jax.lax.rsqrt(variance + self.epsilon)
        return ((x.astype(jnp.float32) - mean) * factor + self.bias[...]).astype(x.dtype)

    def of_unit(self, x: jax.Array, convolution: nnx.Conv, activation: PReLU) -> jax.Array:
        """What `self(activation(convolution(x)))` gives; in training mode with less to keep for the backward pass."""
        if not self._by_batch():
            return self(activation(convolution(x)))
        if in_pieces(x, convolution.kernel[...]):
            return units_in_a_row(x, [(convolution, activation, self)], identity=False)
        rest = activation.slope[...], self.scale[...], self.bias[...], self.epsilon
        y, mean, variance = prelu_and_normalise(convolution(x), *rest)
        self._move_statistics(mean, variance, y.size // y.shape[-1] * device_count())
        return y

    def _by_batch(self) -> bool:
        """Whether it normalises by the batch's own statistics, summed in no particular order."""
        return not self.use_running_average and not ordered_sums.in_use()

    def _batch_statistics(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The batch's mean and biased variance; the running statistics are updated on the way."""
        axes = tuple(range(x.ndim - 1))
        mean = mean_over_devices(jnp.mean(x, axes, dtype=jnp.float32))
        variance = mean_over_devices(jnp.mean(jnp.square(x.astype(jnp.float32) - mean), axes))
        self._move_statistics(mean, variance, x.size // x.shape[-1] * device_count())
        return mean, variance

    def _ordered(self, x: jax.Array) -> jax.Array:
        normalised, mean, variance = ordered_sums.normalise(
            x.astype(jnp.float32), self.scale[...], self.bias[...], epsilon=self.epsilon
        )
        self._move_statistics(mean, variance, ordered_sums.batch_count(x))
        return normalised.astype(x.dtype)

    def _move_statistics(self, mean: jax.Array, variance: jax.Array, count: int) -> None:
        unbiased = variance * (count / max(count - 1, 1))
        keep = 1.0 - self.momentum
        self.mean[...] = keep * self.mean[...] + self.momentum * jax.lax.stop_gradient(mean)
        self.variance[...] = keep * self.variance[...] + self.momentum * jax.lax.stop_gradient(unbiased)


Layers = tuple[nnx.Conv, PReLU, BatchNorm]


def can_run_in_a_row(x: jax.Array, units: Sequence[Layers]) -> bool:
    """Whether `units_in_a_row` is for these units: in training mode, wide, on the CPU."""
    convolution, _, norm = units[0]
    return norm._by_batch() and in_pieces(x, convolution.kernel[...])


def units_in_a_row(x: jax.Array, units: Sequence[Layers], *, identity: bool) -> jax.Array:
    """What the units give one after another, plus x with `identity`: [N, L, in] to [N, L, out]."""
    parameters = tuple(
        Unit(
            convolution.kernel[...],
            convolution.bias[...],  # type: ignore[index]
            activation.slope[...],
            norm.scale[...],
            norm.bias[...],
        )
        for convolution, activation, norm in units
    )
    y, moments = convolved_units(x, parameters, units[0][2].epsilon, identity)
    for (_, _, norm), (mean, variance) in zip(units, moments, strict=True):
        norm._move_statistics(mean, variance, y.size // y.shape[-1] * device_count())
    return y
