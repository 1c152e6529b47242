"""HyRISR: the residual channel attention network that raises the resolution of hyperspectral images.

Source: Horgan et al., Anal. Chem. 2021, Supplementary Figure on HyRISR and Table 2, and the released code.
The paper says 16 blocks a group; the released code builds 6, and released weights have 6, so 6 is the
default here.

The body repeats one small piece (18 groups of 6 or 16 blocks), so its parameters are stacked, groups first
and blocks second, and the body is two nested scans: the compiled program has the size of one block.
"""

import functools
from collections.abc import Callable
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.kernels.convolution import conv_general_dilated
from deeper_jax.models.layers import convolution, torch_uniform

Remat = Literal["none", "blocks", "groups", "both"]
Padding = Literal["zeros", "edge"]

# Factors of the pixel shuffles that make each scale.
SHUFFLES: dict[int, tuple[int, ...]] = {2: (2,), 3: (3,), 4: (2, 2)}

Weights = dict[str, jax.Array]
# Rows and columns of an image that count, where it is padded to a larger one.
Size = tuple[jax.Array, jax.Array]


def inside(x: jax.Array, size: Size) -> jax.Array:
    """Which pixels of images [N, H, W, C] count, [H, W, 1]."""
    rows, columns = (jnp.arange(side) < length for side, length in zip(x.shape[1:3], size, strict=True))
    return rows[:, None, None] & columns[:, None]


def within(x: jax.Array, size: Size | None) -> jax.Array:
    """[N, H, W, C] with zeros in pixels that do not count, as a convolution sees them beyond the border."""
    return x if size is None else jnp.where(inside(x, size), x, 0)


def pixel_shuffle(x: jax.Array, factor: int) -> jax.Array:
    """[N, h, w, C*f*f] to [N, f*h, f*w, C], reading the channels as (C, f, f), which is PyTorch's order."""
    n, h, w, channels = x.shape
    x = x.reshape(n, h, w, channels // factor**2, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * factor, w * factor, channels // factor**2)


def biased_convolution(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """Zero-padded 3x3 convolution in the dtype of x: [N, H, W, in] to [N, H, W, out]."""
    dimensions = ("NHWC", "HWIO", "NHWC")
    y = conv_general_dilated(x, kernel.astype(x.dtype), (1, 1), "SAME", dimension_numbers=dimensions)
    return y + bias.astype(x.dtype)


def channel_attention(x: jax.Array, weights: Weights, size: Size | None = None) -> jax.Array:
    """Each channel of x [N, H, W, C] multiplied by a number in (0, 1) computed from all channels' means."""
    weights = {name: array.astype(x.dtype) for name, array in weights.items()}
    counts = None if size is None else inside(x, size)
    pooled = jnp.mean(x, (1, 2), dtype=jnp.promote_types(x.dtype, jnp.float32), where=counts).astype(x.dtype)
    squeezed = jax.nn.relu(pooled @ weights["squeeze_kernel"] + weights["squeeze_bias"])
    gate = jax.nn.sigmoid(squeezed @ weights["excite_kernel"] + weights["excite_bias"])
    return x * gate[:, None, None, :]


def attention_block(x: jax.Array, weights: Weights, size: Size | None = None) -> jax.Array:
    """Convolution, ReLU, convolution, channel attention, plus the input: [N, H, W, C] to the same."""
    y = jax.nn.relu(biased_convolution(within(x, size), weights["first_kernel"], weights["first_bias"]))
    y = biased_convolution(within(y, size), weights["second_kernel"], weights["second_bias"])
    return x + channel_attention(y, weights, size)


class BlockWeights(nnx.Module):
    """Parameters of groups * blocks attention blocks, each array [groups, blocks, ...]."""

    def __init__(self, groups: int, blocks: int, width: int, reduction: int, *, rngs: nnx.Rngs) -> None:
        squeezed = width // reduction
        stack = (groups, blocks)

        def draw(fan_in: int, *shape: int) -> nnx.Param:
            return nnx.Param(torch_uniform(fan_in)(rngs.params(), (*stack, *shape)))

        self.first_kernel = draw(9 * width, 3, 3, width, width)
        self.first_bias = draw(9 * width, width)
        self.second_kernel = draw(9 * width, 3, 3, width, width)
        self.second_bias = draw(9 * width, width)
        self.squeeze_kernel = draw(width, width, squeezed)
        self.squeeze_bias = draw(width, squeezed)
        self.excite_kernel = draw(squeezed, squeezed, width)
        self.excite_bias = draw(squeezed, width)

    def arrays(self) -> Weights:
        """The stacked arrays by name, for a scan."""
        parts = ("first", "second", "squeeze", "excite")
        names = [f"{part}_{kind}" for part in parts for kind in ("kernel", "bias")]
        return {name: getattr(self, name)[...] for name in names}


class ResidualGroups(nnx.Module):
    """All residual groups: each is `blocks` attention blocks and a convolution, plus the group's input."""

    def __init__(self, groups: int, blocks: int, width: int, reduction: int, remat: Remat, *, rngs: nnx.Rngs) -> None:
        self.remat = remat
        self.blocks = BlockWeights(groups, blocks, width, reduction, rngs=rngs)
        initial = torch_uniform(9 * width)
        self.kernel = nnx.Param(initial(rngs.params(), (groups, 3, 3, width, width)))
        self.bias = nnx.Param(initial(rngs.params(), (groups, width)))

    def __call__(self, x: jax.Array, size: Size | None = None) -> jax.Array:
        """[N, H, W, width] to the same shape."""
        block: Callable[..., jax.Array] = functools.partial(attention_block, size=size)
        if self.remat in ("blocks", "both"):
            # A scan keeps the compiler from undoing this, so the costly barriers are not needed.
            block = jax.checkpoint(block, prevent_cse=False)

        def group(x: jax.Array, weights: tuple[Weights, jax.Array, jax.Array]) -> jax.Array:
            block_weights, kernel, bias = weights
            y, _ = jax.lax.scan(lambda y, w: (block(y, w), None), x, block_weights)
            return x + biased_convolution(within(y, size), kernel, bias)

        if self.remat in ("groups", "both"):
            group = jax.checkpoint(group, prevent_cse=False)
        stacked = (self.blocks.arrays(), self.kernel[...], self.bias[...])
        y, _ = jax.lax.scan(lambda y, w: (group(y, w), None), x, stacked)
        return y


class HyRISR(nnx.Module):
    """Super-resolves hyperspectral images: [N, h, w, L] in, [N, scale*h, scale*w, L] float32 out.

    Each input image is expected divided by its global maximum; nothing here scales it. Any h and w will do.

    Args:
        scale: 2, 3 or 4.
        length: L, the number of spectral channels, which are the features at both ends.
        width: features of the body (half of 500 in the reference network).
        groups: residual groups in the body.
        blocks: attention blocks in each group: 6 in the released code and weights, 16 in the paper.
        reduction: the channel attention squeezes width to width // reduction features.
        dtype: what is computed in; parameters are float32 always, outputs float32 or better.
        remat: what the backward pass computes again instead of keeping: nothing ('none', fastest),
            the inside of 'blocks' or of 'groups', or 'both' (least memory). Results do not change.
        padding: what the upsampling convolutions see beyond the image: 'zeros' as in the reference network, or
            the 'edge' pixels again (ours), with which interpolation is right up to the border.
        rngs: source of the initial values.

    Raises:
        InputError: for an impossible argument, or an input that is not [N, h, w, length].

    At the defaults 158,403,370 parameters at 3x, 156,152,870 at 4x and 147,150,870 at 2x.
    """

    def __init__(
        self,
        scale: int = 4,
        length: int = 500,
        width: int = 250,
        groups: int = 18,
        blocks: int = 6,
        reduction: int = 16,
        dtype: jax.typing.DTypeLike = jnp.float32,
        remat: Remat = "none",
        padding: Padding = "zeros",
        *,
        rngs: nnx.Rngs,
    ) -> None:
        _check_arguments(scale, length, width, groups, blocks, reduction)
        _check_choice("remat", remat, get_args(Remat))
        _check_choice("padding", padding, get_args(Padding))
        self.scale = scale
        self.length = length
        self.width = width
        self.groups = groups
        self.blocks = blocks
        self.reduction = reduction
        self.dtype = dtype
        self.remat = remat
        self.padding = padding

        def conv(in_features: int, out_features: int) -> nnx.Conv:
            return convolution(in_features, out_features, (3, 3), dtype=dtype, rngs=rngs)

        self.upsamplers = nnx.List(conv(length, length * factor**2) for factor in SHUFFLES[scale])
        self.blend = conv(length, length)
        self.spectral_down = conv(length, width)
        self.body = ResidualGroups(groups, blocks, width, reduction, remat, rngs=rngs)
        self.body_end = conv(width, width)
        self.tail = conv(width, width)
        self.spectral_up = conv(width, length)

    def __call__(self, x: jax.Array, height: jax.Array | None = None, width: jax.Array | None = None) -> jax.Array:
        """[N, h, w, L] low-resolution images to [N, scale*h, scale*w, L], float32.

        Images may be larger than they are, so that one program serves for many sizes: of such the first `height` rows
        and `width` columns count, and of the answer `scale` times as many.
        """
        if x.ndim != 4 or x.shape[-1] != self.length:
            raise InputError(
                f"this HyRISR takes images of shape [N, h, w, {self.length}], but was given {list(x.shape)}: "
                f"resample their spectra to {self.length} channels or build the network for their length."
            )
        x = x.astype(self.dtype)
        size = None if height is None or width is None else (height, width)
        for upsampler, factor in zip(self.upsamplers, SHUFFLES[self.scale], strict=True):
            x = pixel_shuffle(self._edged(upsampler, x, size), factor)
            size = None if size is None else (factor * size[0], factor * size[1])
        upsampled = self._edged(self.blend, x, size)
        features = self.spectral_down(within(upsampled, size))
        features = features + self.body_end(within(self.body(features, size), size))
        features = self.tail(within(features, size))
        output = upsampled + self.spectral_up(within(features, size))
        return output.astype(jnp.promote_types(self.dtype, jnp.float32))

    def _edged(self, layer: nnx.Conv, x: jax.Array, size: Size | None) -> jax.Array:
        """The upsampling convolutions, which see what `padding` says beyond the image."""
        if self.padding == "zeros":
            return layer(within(x, size))
        for axis, length in enumerate(size or (), 1):
            x = jnp.take(x, jnp.minimum(jnp.arange(x.shape[axis]), length - 1), axis)
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        return layer(x)[:, 1:-1, 1:-1]


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"HyRISR's `{name}` must be one of {', '.join(choices)}, but it is {value!r}.")


def _check_arguments(scale: int, length: int, width: int, groups: int, blocks: int, reduction: int) -> None:
    if scale not in SHUFFLES:
        raise InputError(f"HyRISR's `scale` must be 2, 3 or 4, but it is {scale!r}.")
    sizes = {"length": length, "width": width, "groups": groups, "blocks": blocks, "reduction": reduction}
    for name, size in sizes.items():
        if size < 1:
            raise InputError(f"HyRISR's `{name}` must be at least 1, but it is {size}.")
    if width // reduction < 1:
        raise InputError(
            f"HyRISR's `reduction` ({reduction}) must not exceed its `width` ({width}): the attention "
            f"squeezes width to width // reduction features."
        )
