"""Training augmentation in JAX, of spectra and of images that lie in the device's memory."""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.data.augmentation import AugmentationConfig, Draws, ImageAugmentationConfig, ImageDraws
from deeper_jax.data.image_augmentation import padded_to


def epoch_order(key: jax.Array, examples: int, count: int) -> jax.Array:
    """`count` rows in random order, each once; of fewer examples, permutations one after another."""
    keys = jax.random.split(key, math.ceil(count / examples))
    return jnp.concatenate([jax.random.permutation(key, examples) for key in keys])[:count]


def draw(key: jax.Array, index: jax.Array, examples: int, length: int, config: AugmentationConfig) -> Draws:
    """Draw for the examples of these rows [...]; the partner comes from all `examples`."""
    keys, shape = jax.random.split(key, 5), index.shape
    largest = config.largest_shift(length)
    shift = jnp.rint(jax.random.uniform(keys[0], shape, minval=-config.shift, maxval=config.shift) * length)
    mixed = jax.random.uniform(keys[1], shape) < config.mixup
    partner = jax.random.randint(keys[2], shape, 0, examples)
    weight = jax.random.beta(keys[3], config.mixup_alpha, config.mixup_alpha, shape)
    return Draws(
        index=index,
        partner=jnp.where(mixed, partner, index),
        shift=jnp.clip(shift.astype(jnp.int32), -largest, largest),
        weight=jnp.where(mixed, weight, 1.0),
        flip=jax.random.uniform(keys[4], shape) < (0.5 if config.flip else 0.0),
    )


def augment(padded: jax.Array, draws: Draws, largest_shift: int) -> tuple[jax.Array, jax.Array]:
    """Augment B pairs: (noisy, target), each [B, L], divided by its own maximum.

    padded: [N, 2, L + 2 * largest_shift] of `padded_pairs`. A positive shift s drops the first s channels and fills
    the end by reflection; noisy, target and partner share it. A spectrum without a positive value is left undivided.
    """
    length = padded.shape[2] - 2 * largest_shift

    def window(row: jax.Array, shift: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(padded, (row, 0, shift + largest_shift), (1, 2, length))[0]

    own, partner = (jax.vmap(window)(rows, draws.shift) for rows in (draws.index, draws.partner))
    weight = draws.weight[:, None, None]
    mixed = weight * own + (1 - weight) * partner
    mixed = jnp.where(draws.flip[:, None, None], jnp.flip(mixed, -1), mixed)
    maximum = mixed.max(-1, keepdims=True)
    scaled = mixed / jnp.where(maximum > 0, maximum, 1)
    return scaled[:, 0], scaled[:, 1]


def stack_images(images: Sequence[np.ndarray], patch: int) -> tuple[np.ndarray, np.ndarray]:
    """Images [H, W, L] of any sizes in one array [N, H', W', L], zeros behind each, and their sizes [N, 2].

    An image that is smaller than the patch is padded to it by reflection.
    """
    padded = [padded_to(image, patch) for image in images]
    sizes = np.array([image.shape[:2] for image in padded], np.int32)
    stack = np.zeros((len(images), *sizes.max(0), images[0].shape[-1]), np.float32)
    for place, image in enumerate(padded):
        stack[place, : image.shape[0], : image.shape[1]] = image
    return stack, sizes


def draw_images(
    key: jax.Array,
    index: jax.Array,
    images: int,
    length: int,
    raster_offsets: tuple[int, ...],
    config: ImageAugmentationConfig,
) -> ImageDraws:
    """Draw for the images of these rows [...]; partners come from all `images`."""
    keys, shape, pair = jax.random.split(key, 10), index.shape, (*index.shape, 2)
    mixed = jax.random.uniform(keys[0], shape) < config.mixup
    partner = jax.random.randint(keys[1], shape, 0, images)
    weight = jax.random.beta(keys[2], config.mixup_alpha, config.mixup_alpha, shape)
    shift = jax.random.uniform(keys[3], shape, minval=-config.shift, maxval=config.shift)
    turns = jax.random.randint(keys[4], pair, 0, 4 if config.rotate else 1)
    return ImageDraws(
        rows=jnp.stack([index, jnp.where(mixed, partner, index)], axis=-1),
        weight=jnp.where(mixed, weight, 1.0),
        position=jax.random.uniform(keys[5], (*pair, 2)),
        horizontal=jax.random.uniform(keys[6], pair) < config.horizontal_flip,
        vertical=jax.random.uniform(keys[7], pair) < config.vertical_flip,
        turns=turns,
        shift=jnp.rint(shift * length).astype(jnp.int32),
        spectral=jax.random.uniform(keys[8], pair) < config.spectral_flip,
        raster_offset=jnp.asarray(raster_offsets)[jax.random.randint(keys[9], shape, 0, len(raster_offsets))],
    )


def augment_images(
    stack: jax.Array, sizes: jax.Array, draws: ImageDraws, patch: int, scale: int
) -> tuple[jax.Array, jax.Array]:
    """Augment B images: low [B, P / scale, P / scale, L] and high resolution [B, P, P, L], by their own maximum.

    stack, sizes: of `stack_images`. Order: crop, horizontal flip, vertical flip, quarter turns, spectral shift,
    spectral flip, mixup, division. An image without a positive value is left undivided.
    """
    return jax.vmap(functools.partial(_augment_one, stack, sizes, patch, scale))(draws)


def _augment_one(
    stack: jax.Array, sizes: jax.Array, patch: int, scale: int, draws: ImageDraws
) -> tuple[jax.Array, jax.Array]:
    own, partner = (_view(stack, sizes, patch, draws, which) for which in (0, 1))
    mixed = draws.weight * own + (1 - draws.weight) * partner
    maximum = mixed.max()
    high = mixed / jnp.where(maximum > 0, maximum, 1)
    kept = draws.raster_offset + scale * jnp.arange(patch // scale)
    return high[kept[:, None], kept], high


def _view(stack: jax.Array, sizes: jax.Array, patch: int, draws: ImageDraws, which: int) -> jax.Array:
    """The patch of the image or (`which` 1) of its partner, flipped, turned and shifted: [P, P, L]."""
    row, length = draws.rows[which], stack.shape[-1]
    room = sizes[row] - patch
    # Rounded up in float32, a position just below 1 could lie outside.
    first = jnp.minimum((draws.position[which] * (room + 1)).astype(jnp.int32), room)
    line, column = _turned(patch, draws.turns[which])
    line = jnp.where(draws.vertical[which], patch - 1 - line, line)
    column = jnp.where(draws.horizontal[which], patch - 1 - column, column)
    pixels = stack[row, first[0] + line, first[1] + column]

    channel = jnp.arange(length)
    channel = jnp.where(draws.spectral[which], length - 1 - channel, channel) + draws.shift
    channel = jnp.abs(channel)  # reflected at either end, the edge not repeated
    return pixels[..., jnp.minimum(channel, 2 * (length - 1) - channel)]


def _turned(size: int, turns: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Lines and columns, [size, size] each, that `numpy.rot90` takes its values from after so many quarter turns."""
    line, column = jnp.meshgrid(jnp.arange(size), jnp.arange(size), indexing="ij")
    back_line, back_column = size - 1 - line, size - 1 - column
    lines = jnp.stack([line, column, back_line, back_column])
    columns = jnp.stack([column, back_line, back_column, line])
    return lines[turns], columns[turns]
