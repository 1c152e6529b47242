"""Training augmentation of paired spectra in TensorFlow, vectorised over the batch.

Order as in the released code: mixup partner, spectral shift, flip, mixup, division by the own maximum. All
random numbers of an epoch are drawn at once from (seed, epoch), so any step can be made again on its own.
"""

from typing import NamedTuple

from deeper_jax.data.augmentation_config import AugmentationConfig
from deeper_jax.data.quiet_tensorflow import tf, xla, xla_data_pb2


class Draws(NamedTuple):
    """The random numbers of B examples, each [B] (or [steps, B] for an epoch).

    index: row of the example. partner: row mixed in (the example itself without mixup). shift: channels.
    weight: share of the example in the mixture, float32 in [0, 1], 1 without mixup. flip: bool.
    """

    index: "tf.Tensor"
    partner: "tf.Tensor"
    shift: "tf.Tensor"
    weight: "tf.Tensor"
    flip: "tf.Tensor"


def draw(index: "tf.Tensor", seed: "tf.Tensor", examples: int, length: int, config: AugmentationConfig) -> Draws:
    """Draw for the examples of these rows from the stateless seed [2]; the partner comes from all `examples`.

    The shift is one integer an example, round(U(-shift, shift) * length).
    """
    count = tf.shape(index)
    seeds = tf.unstack(tf.random.split(seed, 6))
    uniform = tf.random.stateless_uniform(count, seeds[0], -config.shift, config.shift)
    largest = config.largest_shift(length)
    shift = tf.clip_by_value(tf.cast(tf.round(uniform * length), tf.int32), -largest, largest)
    mixed = tf.random.stateless_uniform(count, seeds[1]) < config.mixup
    partner = tf.random.stateless_uniform(count, seeds[2], 0, examples, dtype=tf.int32)
    weight = _stateless_beta(count, seeds[3], seeds[4], config.mixup_alpha)
    flip = tf.random.stateless_uniform(count, seeds[5]) < (0.5 if config.flip else 0.0)
    return Draws(index, tf.where(mixed, partner, index), shift, tf.where(mixed, weight, 1.0), flip)


def _stateless_beta(count: "tf.Tensor", seed_a: "tf.Tensor", seed_b: "tf.Tensor", alpha: float) -> "tf.Tensor":
    """Beta(alpha, alpha) as the share of one Gamma(alpha) variate in the sum of two."""
    # float64: small variates of a small alpha underflow in float32.
    first = tf.random.stateless_gamma(count, seed_a, alpha=tf.constant(alpha, tf.float64), dtype=tf.float64)
    second = tf.random.stateless_gamma(count, seed_b, alpha=tf.constant(alpha, tf.float64), dtype=tf.float64)
    return tf.cast(tf.math.divide_no_nan(first, first + second), tf.float32)


@tf.function(jit_compile=True, autograph=False)
def augment(padded: "tf.Tensor", draws: Draws, largest_shift: int, flip: bool) -> tuple["tf.Tensor", "tf.Tensor"]:
    """Augment B pairs: (noisy, target), each [B, L], divided by its own maximum.

    padded: [N, 2, L + 2 * largest_shift] of `padded_pairs`. flip: whether to obey `draws.flip`. A positive
    shift s drops the first s channels and fills the end by reflection; noisy, target and partner share it.
    A spectrum without a positive value is left undivided.
    """
    own = _windows(padded, draws.index, draws.shift, largest_shift)
    partner = _windows(padded, draws.partner, draws.shift, largest_shift)
    weight = draws.weight[:, tf.newaxis, tf.newaxis]
    mixed = weight * own + (1.0 - weight) * partner
    if flip:
        mixed = tf.where(draws.flip[:, tf.newaxis, tf.newaxis], tf.reverse(mixed, [-1]), mixed)
    maximum = tf.reduce_max(mixed, axis=-1, keepdims=True)
    scaled = mixed / tf.where(maximum > 0, maximum, 1.0)
    return scaled[:, 0], scaled[:, 1]


def _windows(padded: "tf.Tensor", rows: "tf.Tensor", shift: "tf.Tensor", largest_shift: int) -> "tf.Tensor":
    """[B, 2, L]: the channels of each row from `largest_shift + shift` on."""
    # tf.gather can copy single channels or whole rows; XLA's own gather copies windows, about twice as fast.
    dimensions = xla_data_pb2.GatherDimensionNumbers(
        offset_dims=[1, 2], collapsed_slice_dims=[0], start_index_map=[0, 2], index_vector_dim=1
    )
    starts = tf.stack([rows, shift + largest_shift], axis=1)
    return xla.gather(padded, starts, dimensions, [1, 2, padded.shape[2] - 2 * largest_shift])
