"""Training augmentation of paired spectra in JAX, for data that lie in the device's memory.

The counterpart of `augmentation`, which is for tf.data: the same draws do the same, and are drawn from the same
distributions; only the random numbers are others.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.data.augmentation_config import AugmentationConfig


class Draws(NamedTuple):
    """The random numbers of B examples, each [B] (or [steps, B] for an epoch); as `augmentation.Draws`."""

    index: jax.Array  # type: ignore[assignment]  # a field, not the tuple's method
    partner: jax.Array
    shift: jax.Array
    weight: jax.Array
    flip: jax.Array


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
