"""Augmented training batches of low- and high-resolution images through tf.data."""

import functools
import math
import weakref
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from deeper_jax.data.augmentation import ImageAugmentationConfig, ImageDraws
from deeper_jax.data.batches import Batch, steps_per_epoch
from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.image_augmentation import augment_image, draw_images
from deeper_jax.data.quiet_tensorflow import tf
from deeper_jax.spectra.raster import check_divisible, default_patch, default_raster_offset, downsample

_WORKERS = 4


def image_training_batches(
    images: HyperspectralImages,
    *,
    batch_size: int,
    scale: int,
    seed: int,
    total_steps: int,
    patch: int | None = None,
    start_step: int = 0,
    raster_offsets: Sequence[int] | None = None,
    augmentation: ImageAugmentationConfig | None = None,
    shuffle: bool = True,
    process_index: int = 0,
    process_count: int = 1,
    prefetch: int = 2,
) -> Iterator[Batch]:
    """The augmented batches of steps start_step ... total_steps - 1: {'lr_image', 'hr_image'}, float32, read-only.

    hr_image: [B, patch, patch, L], each divided by its own maximum; lr_image: [B, patch / scale, patch / scale, L],
    its raster. Steps, seed, epochs, processes and order as for `spectra_pipeline.training_batches`. Images are read
    where they lie, so memory-mapped ones stay on disk.

    Args:
        images: what to draw from.
        batch_size, seed, total_steps, start_step, shuffle, process_index, process_count: as there.
        scale: s.
        patch: None for `default_patch`.
        raster_offsets: those to draw from, None for `default_raster_offset` alone; `raster.raster_offset_choices` are
            the released code's.
        augmentation: None for the published one.
        prefetch: batches made ahead, beside the 4 that may be in the making.

    Raises:
        InputError: the patch is no multiple of the scale.
        ValueError: other impossible settings.
    """
    config = augmentation or ImageAugmentationConfig()
    patch = default_patch(scale) if patch is None else patch
    raster_offsets = (default_raster_offset(scale),) if raster_offsets is None else tuple(raster_offsets)
    check_divisible((patch, patch), scale)
    if not raster_offsets or not all(0 <= offset < scale for offset in raster_offsets):
        raise ValueError(f"raster_offsets: found {raster_offsets}, expected one or more of 0 ... {scale - 1}")
    if batch_size % process_count or not 0 <= process_index < process_count:
        raise ValueError(f"batch_size {batch_size} over {process_count} processes, this one {process_index}")
    if not 0 <= start_step <= total_steps:
        raise ValueError(f"start_step {start_step} must lie in 0 ... total_steps {total_steps}")
    share = batch_size // process_count
    draws_of = image_draws_by_step(len(images), images.length, batch_size, seed, raster_offsets, config, shuffle)

    def make_batch(step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mine = slice(process_index * share, (process_index + 1) * share)
        return _make_batch(images.images, ImageDraws(*(v[mine] for v in draws_of(int(step)))), patch, scale)

    return _through_tf_data(make_batch, range(start_step, total_steps), share, patch, scale, images.length, prefetch)


def image_draws_by_step(
    images: int,
    length: int,
    batch_size: int,
    seed: int,
    raster_offsets: tuple[int, ...],
    config: ImageAugmentationConfig,
    shuffle: bool = True,
) -> Callable[[int], ImageDraws]:
    """A function of the step giving the `ImageDraws` of its global batch, [batch_size] each.

    An epoch's draws are made at once from (seed, epoch), whichever of its steps is asked for first.
    """
    steps = steps_per_epoch(images, batch_size)

    @functools.lru_cache(maxsize=4)
    def draws_of_epoch(epoch: int) -> ImageDraws:
        generator = np.random.default_rng([seed, epoch])
        rounds = range(math.ceil(steps * batch_size / images))
        orders = [generator.permutation(images) if shuffle else np.arange(images) for _ in rounds]
        index = np.concatenate(orders)[: steps * batch_size].reshape(steps, batch_size)
        return draw_images(index, generator, images, length, raster_offsets, config)

    def draws_of_step(step: int) -> ImageDraws:
        epoch, place = divmod(step, steps)
        return ImageDraws(*(values[place] for values in draws_of_epoch(epoch)))

    return draws_of_step


def _make_batch(
    images: Sequence[np.ndarray], draws: ImageDraws, patch: int, scale: int
) -> tuple[np.ndarray, np.ndarray]:
    count, length, small = len(draws.weight), images[0].shape[-1], patch // scale
    hr_image = _aligned_empty((count, patch, patch, length))
    lr_image = _aligned_empty((count, small, small, length))
    for place in range(count):
        own = ImageDraws(*(values[place] for values in draws))
        augment_image(hr_image[place], images[own.rows[0]], images[own.rows[1]], own)
        lr_image[place] = downsample(hr_image[place], scale, int(own.raster_offset))
    return lr_image, hr_image


def _aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    """Float32 memory at a multiple of 64 bytes, which TensorFlow takes over without copying it."""
    memory = np.empty(4 * math.prod(shape) + 64, np.uint8)
    first = -memory.ctypes.data % 64
    return memory[first : first + 4 * math.prod(shape)].view(np.float32).reshape(shape)


def _through_tf_data(
    make_batch: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    steps: range,
    batch: int,
    patch: int,
    scale: int,
    length: int,
    prefetch: int,
) -> Iterator[Batch]:
    def as_tensors(step: "tf.Tensor") -> dict[str, "tf.Tensor"]:
        lr_image, hr_image = tf.numpy_function(make_batch, [step], [tf.float32, tf.float32])
        return {
            "lr_image": tf.ensure_shape(lr_image, [batch, patch // scale, patch // scale, length]),
            "hr_image": tf.ensure_shape(hr_image, [batch, patch, patch, length]),
        }

    options = tf.data.Options()
    options.deterministic = True
    dataset = tf.data.Dataset.range(steps.start, steps.stop)
    # Not AUTOTUNE: each parallel call holds a batch, which is large here.
    dataset = dataset.map(as_tensors, num_parallel_calls=_WORKERS, deterministic=True)
    return _BatchIterator(dataset.prefetch(prefetch).with_options(options).as_numpy_iterator())


class _BatchIterator(Iterator[Batch]):
    """Lets go of TensorFlow's iterator before Python shuts down.

    Batches are made ahead by threads that need Python's lock; left to the shutdown itself, the iterator would
    wait for them, and they for the lock, for ever.
    """

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._held = [batches]
        # Also called at exit, while threads can still run.
        weakref.finalize(self, self._held.clear)

    def __next__(self) -> Batch:
        return next(self._held[0])
