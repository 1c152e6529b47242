"""MapRestorer: denoises and completes the images of a map's components, whatever the map is of.

Not of the paper, which names joint denoising and super-resolution as future work. Each component of a map (a spectrum)
has an image of scores, whose noise is 1 by construction; the same convolutions see every component's image, and what
they find is averaged over the components, so that any number of them, any axis and any instrument will do. Pixels that
were not measured, because of a gap, a scan that stopped or the raster of a coarse scan, are one thing: a mask.
"""

import functools

import jax
import jax.numpy as jnp
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.models.layers import PReLU, convolution

FEATURES = 9
LEVELS = 3
# Pixels over which the surroundings of a pixel are averaged, and the contrast around it.
SURROUNDINGS, CONTRAST = 5, 9
# Error of the interpolation of a strong image, as a share of the image's deviation: the unit of its correction.
INTERPOLATION_ERROR = 0.3
# The network's word on its error stays within this factor of that guess, as a natural logarithm.
LARGEST_LOG_RATIO = 5.0
_WEAKEST = 0.05  # deviation of a component's image, in units of its noise


class Block(nnx.Module):
    """Two 3 x 3 convolutions with PReLU and a shortcut; between them the components learn of each other."""

    def __init__(self, in_features: int, features: int, *, dtype: jax.typing.DTypeLike, rngs: nnx.Rngs) -> None:
        def unit(size_in: int, kernel: int) -> nnx.Conv:
            return convolution(size_in, features, (kernel, kernel), dtype=dtype, rngs=rngs)

        self.first, self.second, self.shared = unit(in_features, 3), unit(features, 3), unit(features, 3)
        self.shortcut = unit(in_features, 1)
        self.activations = nnx.List(PReLU() for _ in range(2))

    def __call__(self, x: jax.Array, weights: jax.Array) -> jax.Array:
        """[N, K, H, W, in] to [N, K, H, W, features]; `weights` [N, K] of the components in what they share."""
        inside = self.activations[0](each(self.first, x))
        common = jnp.einsum("nk,nkhwc->nhwc", weights.astype(inside.dtype), inside)
        out = each(self.second, inside) + self.shared(common)[:, None] + each(self.shortcut, x)
        return self.activations[1](out)


class MapRestorer(nnx.Module):
    """Restores score images: [N, 3, K, H, W] in, [N, 2, K, H, W] float32 out.

    Row 0 of an input are the scores of K components in pixels that were measured, in standard deviations of their
    noise, and anything elsewhere; row 1 the scores interpolated over the whole grid (`spectra.interpolation`); row 2 is
    1 where the pixel was measured and 0 elsewhere. Row 0 of the output are the restored scores in all pixels, row 1 the
    natural logarithm of the standard deviation of their error. H and W are multiples of 4; pixels may be added as not
    measured, components as zeros.

    Args:
        width: features at full resolution; twice and four times as many at half and a quarter of it.
        dtype: what is computed in; parameters and outputs are float32 always.
        rngs: source of the initial values.

    Raises:
        InputError: `width` is not positive, or an input of another shape.
    """

    def __init__(self, width: int = 16, dtype: jax.typing.DTypeLike = jnp.float32, *, rngs: nnx.Rngs) -> None:
        if width < 1:
            raise InputError(f"MapRestorer's `width` must be at least 1, but it is {width}.")
        self.width, self.dtype = width, dtype
        sizes = [width << level for level in range(LEVELS)]

        def block(size_in: int, size: int) -> Block:
            return Block(size_in, size, dtype=dtype, rngs=rngs)

        self.down = nnx.List(block(size_in, size) for size_in, size in zip([FEATURES, *sizes], sizes, strict=False))
        self.up = nnx.List(block(sizes[i] + sizes[i + 1], sizes[i]) for i in reversed(range(LEVELS - 1)))
        self.head = convolution(width, 4, (1, 1), dtype=dtype, rngs=rngs)
        # The first answer is what is best if neighbouring pixels know nothing of each other.
        self.head.kernel[...] = jnp.zeros_like(self.head.kernel[...])
        assert self.head.bias is not None
        self.head.bias[...] = jnp.zeros_like(self.head.bias[...])

    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, 3, K, H, W] to [N, 2, K, H, W], float32."""
        multiple = 2 ** (LEVELS - 1)
        if x.ndim != 5 or x.shape[1] != 3 or x.shape[3] % multiple or x.shape[4] % multiple:
            raise InputError(
                f"MapRestorer takes arrays [N, 3, K, H, W], H and W multiples of {multiple}, but was given "
                f"{list(x.shape)}: add pixels that were not measured."
            )
        scores, interpolated, mask = (x[:, i].astype(jnp.float32) for i in range(3))
        mean, strength = mean_and_strength(scores, mask)
        scores, interpolated = scores - mean, interpolated - mean
        features = _features(scores, interpolated, mask, strength)
        weights = jnp.log1p(jnp.square(strength[..., 0, 0]))
        weights = weights / jnp.maximum(weights.sum(1, keepdims=True), 1e-6)
        skips, out = [], features.astype(self.dtype)
        for level, block in enumerate(self.down):
            out = block(out if level == 0 else halve(out), weights)
            skips.append(out)
        for level, block in zip(reversed(range(LEVELS - 1)), self.up, strict=True):
            out = block(jnp.concatenate([skips[level], double(out)], axis=-1), weights)
        answer = each(self.head, out).astype(jnp.float32)
        restored = _restored(answer, scores, interpolated, mask, strength)
        return restored.at[:, 0].add(mean)


def mean_and_strength(scores: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of each component's measured pixels the mean and the standard deviation without noise, [N, K, 1, 1] each."""
    count = jnp.maximum(mask.sum((-2, -1), keepdims=True), 1.0)
    mean = (scores * mask).sum((-2, -1), keepdims=True) / count
    variance = (jnp.square(scores - mean) * mask).sum((-2, -1), keepdims=True) / count
    return mean, jnp.sqrt(jnp.maximum(variance - 1.0, _WEAKEST**2))


def _features(scores: jax.Array, interpolated: jax.Array, mask: jax.Array, strength: jax.Array) -> jax.Array:
    """What the convolutions see, [N, K, H, W, 9].

    Both images stand there over the deviation of the whole; less their surroundings, over the contrast nearby, so that
    an edge looks the same however high it is, and in units of the noise.
    """
    deviation = jnp.sqrt(1.0 + jnp.square(strength))
    around = average(interpolated, SURROUNDINGS)
    contrast = jnp.sqrt(1.0 + average(jnp.square(interpolated - around), CONTRAST))
    planes = [
        mask * scores / deviation,
        interpolated / deviation,
        mask,
        mask * (scores - around) / contrast,
        (interpolated - around) / contrast,
        mask * jnp.arcsinh(scores - around),
        jnp.arcsinh(interpolated - around),
        0.3 * jnp.log(contrast),
        jnp.broadcast_to(0.3 * jnp.log(strength), mask.shape),
    ]
    return jnp.stack(planes, axis=-1)


def _restored(
    answer: jax.Array, scores: jax.Array, interpolated: jax.Array, mask: jax.Array, strength: jax.Array
) -> jax.Array:
    """The network's answer [N, K, H, W, 4] as a correction, in measured pixels and in others, of Wiener's estimate.

    Its unit is that estimate's error if pixels were independent; in other pixels it grows with the image's deviation.
    """
    power = jnp.square(strength)
    kept = power / (1.0 + power)
    unit = strength / jnp.sqrt(1.0 + power)
    unit_between = unit * jnp.sqrt(1.0 + INTERPOLATION_ERROR**2 * power)
    measured = mask > 0
    value = kept * jnp.where(measured, scores, interpolated)
    value += jnp.where(measured, unit * answer[..., 0], unit_between * answer[..., 1])
    log_ratio = LARGEST_LOG_RATIO * jnp.tanh(jnp.where(measured, answer[..., 2], answer[..., 3]) / LARGEST_LOG_RATIO)
    return jnp.stack([value, log_ratio + jnp.log(0.5 * jnp.where(measured, unit, unit_between))], axis=1)


def each(layer: nnx.Conv, x: jax.Array) -> jax.Array:
    """A convolution of every component's image, [N, K, H, W, in] to [N, K, H, W, out]."""
    out = layer(x.reshape(-1, *x.shape[2:]))
    return out.reshape(*x.shape[:2], *out.shape[1:])


def halve(x: jax.Array) -> jax.Array:
    """Means of 2 x 2 pixels, [N, K, H, W, C] to [N, K, H / 2, W / 2, C]."""
    rows = x[:, :, 0::2] + x[:, :, 1::2]
    return 0.25 * (rows[:, :, :, 0::2] + rows[:, :, :, 1::2])


def double(x: jax.Array) -> jax.Array:
    """Every pixel four times, the reverse of `halve`."""
    return jnp.repeat(jnp.repeat(x, 2, axis=2), 2, axis=3)


def average(images: jax.Array, size: int) -> jax.Array:
    """Means over `size` x `size` pixels (odd) of [..., H, W], fewer at the border."""

    def along(values: jax.Array, axis: int) -> jax.Array:
        padded = jnp.pad(values, [(size // 2, size // 2) if i == axis else (0, 0) for i in range(values.ndim)])
        length = values.shape[axis]
        parts = [jax.lax.slice_in_dim(padded, start, start + length, axis=axis) for start in range(size)]
        return functools.reduce(jnp.add, parts)

    def box(values: jax.Array) -> jax.Array:
        return along(along(values, values.ndim - 2), values.ndim - 1)

    return box(images) / box(jnp.ones(images.shape[-2:]))
