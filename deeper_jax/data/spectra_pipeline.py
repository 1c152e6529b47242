"""Augmented training batches of paired spectra through tf.data, vectorised over the batch.

Order as in the released code: mixup partner, spectral shift, flip, mixup, division by the own maximum. All random
numbers of an epoch are drawn at once from (seed, epoch), so any step can be made again on its own.
"""

import math
from collections.abc import Iterator

import numpy as np

from deeper_jax.data.augmentation import AugmentationConfig, Draws, padded_pairs
from deeper_jax.data.batches import Batch, steps_per_epoch
from deeper_jax.data.quiet_tensorflow import quiet_first_compilation, tf, xla, xla_data_pb2
from deeper_jax.data.spectral_pairs import SpectralPairs


def training_batches(
    pairs: SpectralPairs,
    *,
    batch_size: int,
    seed: int,
    total_steps: int,
    start_step: int = 0,
    shift: float = 0.1,
    flip: bool = False,
    mixup: float = 0.5,
    mixup_alpha: float = 0.2,
    shuffle: bool = True,
    process_index: int = 0,
    process_count: int = 1,
    prefetch: int = 2,
) -> Iterator[Batch]:
    """The augmented batches of steps start_step ... total_steps - 1: {'noisy', 'target'}, [B, L] float32, read-only.

    The batch of step i depends on (seed, i) only, so a run resumed at `start_step` sees the same bits. An epoch shows
    each example once, but for the remainder that fills no batch; with fewer examples than `batch_size` it is one
    batch in which examples repeat.

    Args:
        pairs: what to draw from.
        batch_size: examples of the global batch, whose content does not depend on the number of processes.
        seed: of everything random.
        total_steps, start_step: steps of the whole run, and the first one wanted.
        shift, flip, mixup, mixup_alpha: see `AugmentationConfig`.
        shuffle: a new order for each epoch; else that of the rows.
        process_index, process_count: this process's slice, B = batch_size // process_count, is given.
        prefetch: batches made ahead.

    Raises:
        ValueError: impossible settings.
    """
    config = AugmentationConfig(shift, flip, mixup, mixup_alpha)
    if batch_size % process_count or not 0 <= process_index < process_count:
        raise ValueError(f"batch_size {batch_size} over {process_count} processes, this one {process_index}")
    if not 0 <= start_step <= total_steps:
        raise ValueError(f"start_step {start_step} must lie in 0 ... total_steps {total_steps}")
    quiet_first_compilation()
    examples, length = pairs.noisy.shape
    largest_shift = config.largest_shift(length)
    padded = tf.constant(padded_pairs(pairs.noisy, pairs.target, largest_shift))
    draws = draws_by_step(examples, length, batch_size, seed, start_step, total_steps, shuffle, config)
    share = batch_size // process_count

    def make_batch(*global_draws: "tf.Tensor") -> dict[str, "tf.Tensor"]:
        local = Draws(*(values[process_index * share : (process_index + 1) * share] for values in global_draws))
        noisy, target = augment(padded, local, largest_shift, flip)
        return {"noisy": noisy, "target": target}

    batches = draws.map(make_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    options = tf.data.Options()
    options.deterministic = True
    return batches.prefetch(prefetch).with_options(options).as_numpy_iterator()


def draws_by_step(
    examples: int,
    length: int,
    batch_size: int,
    seed: int,
    start_step: int,
    total_steps: int,
    shuffle: bool,
    config: AugmentationConfig,
) -> "tf.data.Dataset":
    """The `Draws` of the global batch, each [batch_size], of steps start_step ... total_steps - 1.

    An epoch's draws are made at once from (seed, epoch): its order from `_epoch_order`, the rest from `draw`.
    """
    steps = steps_per_epoch(examples, batch_size)
    first_epoch = start_step // steps
    seed_words = tf.constant(np.random.SeedSequence(seed).generate_state(2).view(np.int32))

    def epoch_draws(epoch: "tf.Tensor") -> "tf.data.Dataset":
        order_seed, draw_seed = tf.unstack(tf.random.split(tf.random.fold_in(seed_words, epoch)))
        index = _epoch_order(examples, steps * batch_size, shuffle, order_seed)
        draws = draw(index, draw_seed, examples, length, config)
        return tf.data.Dataset.from_tensor_slices(tuple(tf.reshape(values, [steps, batch_size]) for values in draws))

    epochs = tf.data.Dataset.range(first_epoch, math.ceil(total_steps / steps))
    by_step = epochs.flat_map(epoch_draws).skip(start_step - first_epoch * steps)
    return by_step.take(total_steps - start_step)


def _epoch_order(examples: int, count: int, shuffle: bool, seed: "tf.Tensor") -> "tf.Tensor":
    """`count` rows in the order of the epoch; if there are fewer examples, permutations one after another."""
    rounds = math.ceil(count / examples)
    orders = [tf.range(examples, dtype=tf.int32)] * rounds
    if shuffle:
        seeds = tf.unstack(tf.random.split(seed, rounds))
        orders = [tf.random.experimental.stateless_shuffle(o, s) for o, s in zip(orders, seeds, strict=True)]
    return tf.concat(orders, axis=0)[:count]


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
