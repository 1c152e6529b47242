"""NoiseAwareUNet: a spectral denoiser that is told how noisy its input is and says how sure it is of its output.

Not of the paper. It is convolutional throughout, so a spectrum may have any number of channels and any axis; it is
trained to subtract noise, in units of the noise's standard deviation, so that on a clean spectrum it changes next
to nothing; and it answers with a standard deviation for each channel beside the spectrum.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.models.layers import PReLU, convolution

# Widths of the moving averages whose residuals tell the network what stands out of the noise, channels.
AVERAGES = (5, 21)
# Neighbouring channels that share a place in the convolutions: half the work at the same reach (as FFDNet).
FOLD = 2
# The network's word on its error stays within this factor of the input's noise, as a natural logarithm.
LARGEST_LOG_RATIO = 5.0


class Block(nnx.Module):
    """Two convolutions (3 channels wide) with PReLU, the identity (or a 1 x 1 convolution) added around both."""

    def __init__(self, in_features: int, features: int, *, dtype: jax.typing.DTypeLike, rngs: nnx.Rngs) -> None:
        def unit(size_in: int, kernel: int) -> nnx.Conv:
            return convolution(size_in, features, (kernel,), dtype=dtype, rngs=rngs)

        self.first, self.second = unit(in_features, 3), unit(features, 3)
        self.activations = nnx.List(PReLU() for _ in range(2))
        self.shortcut = None if in_features == features else unit(in_features, 1)

    def __call__(self, x: jax.Array, length: jax.Array | None = None) -> jax.Array:
        """[N, L, in] to [N, L, features]; both are zero beyond `length`."""
        identity = x if self.shortcut is None else self.shortcut(x)
        inside = within(self.activations[0](self.first(x)), length)
        return within(self.activations[1](self.second(inside) + identity), length)


class NoiseAwareUNet(nnx.Module):
    """Denoises spectra of known noise: [N, 2, L] in, [N, 2, L] float32 out.

    Row 0 of an input is the spectrum in any unit, row 1 the standard deviation of its noise in each channel, in the
    same unit, positive. Row 0 of the output is the denoised spectrum, row 1 the natural logarithm of the standard
    deviation of its error. Scaling or shifting a spectrum scales or shifts the output.

    Args:
        length: L that training uses; a positive multiple of 16. Any other multiple works too.
        width: features at the first of four lengths (L/2); twice and four times as many at the next.
        dtype: what is computed in; parameters and outputs are float32 always.
        rngs: source of the initial values.

    Raises:
        InputError: `length` or an input's last axis is not a positive multiple of 16, or `width` not positive.
    """

    levels = 4

    def __init__(
        self, length: int = 512, width: int = 24, dtype: jax.typing.DTypeLike = jnp.float32, *, rngs: nnx.Rngs
    ) -> None:
        self.length, self.width, self.dtype = length, width, dtype
        self._check(length)
        if width < 1:
            raise InputError(f"NoiseAwareUNet's `width` must be at least 1, but it is {width}.")
        sizes = [width * min(2**level, 4) for level in range(self.levels)]
        inputs = [FOLD * (2 + len(AVERAGES)), *sizes[:-1]]

        def block(size_in: int, size: int) -> Block:
            return Block(size_in, size, dtype=dtype, rngs=rngs)

        self.down = nnx.List(block(size_in, size) for size_in, size in zip(inputs, sizes, strict=True))
        self.up = nnx.List(block(sizes[i] + sizes[i + 1], sizes[i]) for i in reversed(range(self.levels - 1)))
        self.head = convolution(width, 2 * FOLD, (1,), dtype=dtype, rngs=rngs)
        # The first answer is the input itself, with the input's noise.
        self.head.kernel[...] = jnp.zeros_like(self.head.kernel[...])
        assert self.head.bias is not None
        self.head.bias[...] = jnp.zeros_like(self.head.bias[...])

    def _check(self, length: int) -> None:
        if length < 2**self.levels or length % 2**self.levels:
            raise InputError(
                f"NoiseAwareUNet halves the spectrum {self.levels} times, so its length must be a positive multiple of "
                f"{2**self.levels}, but it is {length}: pad the spectra to {-(-length // 16) * 16} channels."
            )

    def __call__(self, x: jax.Array, length: jax.Array | None = None) -> jax.Array:
        """[N, 2, L] spectra and their noise to [N, 2, L] denoised spectra and log standard deviations, float32.

        Spectra may be longer than they are, so that one program serves for many lengths: `length` (a multiple of 16)
        says how many channels count. Beyond it the input repeats its last channel; the answer means nothing there.
        """
        if x.ndim != 3 or x.shape[1] != 2:
            raise InputError(f"NoiseAwareUNet takes arrays [N, 2, L], but was given {list(x.shape)}.")
        self._check(x.shape[-1])
        spectra, noise = x[:, 0].astype(jnp.float32), x[:, 1].astype(jnp.float32)
        lengths = [None if length is None else length // (FOLD << level) for level in range(self.levels)]
        out = within(fold(self._features(spectra, noise, length)).astype(self.dtype), lengths[0])
        skips = []
        for level, block in enumerate(self.down):
            out = block(out, lengths[level])
            if level < self.levels - 1:
                skips.append(out)
                out = halve(out)
        for level, block in zip(reversed(range(self.levels - 1)), self.up, strict=True):
            out = block(jnp.concatenate([skips.pop(), jnp.repeat(out, 2, axis=1)], axis=-1), lengths[level])
        answer = self.head(out).reshape(len(x), -1, 2).astype(jnp.float32)
        log_ratio = LARGEST_LOG_RATIO * jnp.tanh(answer[..., 1] / LARGEST_LOG_RATIO)
        return jnp.stack([spectra - noise * answer[..., 0], jnp.log(noise) + log_ratio], axis=1)

    def _features(self, spectra: jax.Array, noise: jax.Array, length: jax.Array | None) -> jax.Array:
        """What the convolutions see, [N, L, 4]: shape, noise level, and what stands out of it at two widths."""
        counts = None if length is None else jnp.arange(spectra.shape[1]) < length
        centred = spectra - jnp.mean(spectra, 1, keepdims=True, where=counts)
        # The noise is in the scale too, so that a flat spectrum does not divide by nothing.
        scale = jnp.sqrt(jnp.mean(centred**2 + 0.01 * noise**2, 1, keepdims=True, where=counts))
        standing_out = [jnp.arcsinh((spectra - moving_average(spectra, size)) / noise) for size in AVERAGES]
        return jnp.stack([centred / scale, 0.5 * jnp.log(noise / scale), *standing_out], axis=-1)


def within(x: jax.Array, length: jax.Array | None) -> jax.Array:
    """[N, L, C] with zeros beyond `length`, as a convolution sees them beyond the end; None: as it is."""
    return x if length is None else jnp.where(jnp.arange(x.shape[1])[:, None] < length, x, 0)


def fold(x: jax.Array) -> jax.Array:
    """Neighbouring channels side by side: [N, L, C] to [N, L / FOLD, FOLD * C]."""
    return x.reshape(x.shape[0], x.shape[1] // FOLD, -1)


def halve(x: jax.Array) -> jax.Array:
    """Mean of neighbouring pairs: [N, L, C] to [N, L/2, C]."""
    return 0.5 * (x[:, 0::2] + x[:, 1::2])


def moving_average(spectra: jax.Array, size: int) -> jax.Array:
    """Mean over `size` channels (odd), the ends repeated: [N, L] to [N, L]."""
    padded = jnp.pad(spectra, ((0, 0), (size // 2 + 1, size // 2)), mode="edge")
    sums = jnp.cumsum(padded - spectra.mean(1, keepdims=True), axis=1)
    return (sums[:, size:] - sums[:, :-size]) / size + spectra.mean(1, keepdims=True)
