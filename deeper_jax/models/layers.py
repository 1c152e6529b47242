"""Layers that the networks share, with PyTorch's defaults for initial values, PReLU and BatchNorm.

Flax differs from PyTorch in all three, so they are spelled out here: the reference figures were trained
with PyTorch's.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from deeper_jax.kernels.convolution import conv_general_dilated

Initializer = Callable[..., jax.Array]


def torch_uniform(fan_in: int) -> Initializer:
    """Initial values drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)).

    PyTorch draws the weights (Kaiming-uniform with a = sqrt(5)) and the biases of its convolutions and
    linear layers from this range; `fan_in` is input features times kernel positions, for both.

    NumPy draws them, from the key: JAX would compile one program for each shape, which takes longer than
    drawing. Inside a trace (`nnx.eval_shape`, `jax.jit`) JAX draws, so the values are others there. Without a key they
    are zeros, for who wants shapes alone.
    """
    bound = 1.0 / math.sqrt(fan_in)

    def initialize(
        key: jax.Array | None, shape: tuple[int, ...], dtype: jax.typing.DTypeLike = jnp.float32, **_: object
    ) -> jax.Array:
        if key is None:
            return jnp.zeros(shape, dtype)
        if isinstance(key, jax.core.Tracer):
            return jax.random.uniform(key, shape, dtype, -bound, bound)
        values = np.random.default_rng(np.asarray(jax.random.key_data(key))).random(shape, np.float32)
        return jnp.asarray(bound * (2.0 * values - 1.0), dtype)

    return initialize


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
    return nnx.Conv(
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


def linear(in_features: int, out_features: int, *, dtype: jax.typing.DTypeLike, rngs: nnx.Rngs) -> nnx.Linear:
    """A linear layer with bias on the last axis."""
    initial = torch_uniform(in_features)
    return nnx.Linear(in_features, out_features, dtype=dtype, kernel_init=initial, bias_init=initial, rngs=rngs)


class PReLU(nnx.Module):
    """max(x, 0) + slope * min(x, 0) with one learned slope for all channels, 0.25 at the start."""

    def __init__(self) -> None:
        self.slope = nnx.Param(jnp.full((), 0.25, jnp.float32))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Any shape in, the same shape and dtype out."""
        return jnp.where(x >= 0, x, self.slope[...].astype(x.dtype) * x)


class BatchNorm(nnx.Module):
    """Batch normalisation of the last axis, as PyTorch's BatchNorm1d.

    Training mode normalises by the batch's mean and biased variance and moves the running statistics by
    a tenth towards the mean and the UNBIASED variance (Flax's own layer would store the biased one).
    Evaluation mode uses the running statistics. `model.train()` and `model.eval()` switch between them.
    Statistics are computed in float32 or better whatever the dtype of the input.

    Args:
        features: size of the last axis.
        epsilon: added to the variance.
        momentum: of the running statistics, in PyTorch's sense.
        axis_name: of the devices that a training batch is split over (`jax.shard_map`): the statistics are then those
            of the whole batch. None: of the input.
    """

    def __init__(
        self, features: int, *, epsilon: float = 1e-5, momentum: float = 0.1, axis_name: str | None = None
    ) -> None:
        self.scale = nnx.Param(jnp.ones((features,), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((features,), jnp.float32))
        self.mean = nnx.BatchStat(jnp.zeros((features,), jnp.float32))
        self.variance = nnx.BatchStat(jnp.ones((features,), jnp.float32))
        self.epsilon = epsilon
        self.momentum = momentum
        self.axis_name = axis_name
        self.use_running_average = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """[..., features] in, the same shape and dtype out."""
        values = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        if self.use_running_average:
            mean, variance = self.mean[...], self.variance[...]
        else:
            axes = tuple(range(x.ndim - 1))
            mean = self._over_devices(values.mean(axes))
            variance = self._over_devices(jnp.square(values - mean).mean(axes))
            self.update_statistics(mean, variance, x.size // x.shape[-1])
        factor = self.scale[...] * jax.lax.rsqrt(variance + self.epsilon)
        return ((values - mean) * factor + self.bias[...]).astype(x.dtype)

    def _over_devices(self, value: jax.Array) -> jax.Array:
        return value if self.axis_name is None else jax.lax.pmean(value, self.axis_name)

    def update_statistics(self, mean: jax.Array, variance: jax.Array, count: int) -> None:
        """Move the running statistics.

        Args:
            mean, variance: [features], of the batch; the variance biased.
            count: values of each feature in this device's part of the batch.
        """
        if self.axis_name is not None:
            count *= jax.lax.axis_size(self.axis_name)
        unbiased = variance * (count / max(count - 1, 1))
        keep = 1.0 - self.momentum
        self.mean[...] = keep * self.mean[...] + self.momentum * jax.lax.stop_gradient(mean)
        self.variance[...] = keep * self.variance[...] + self.momentum * jax.lax.stop_gradient(unbiased)
