"""Training batches from data that lie whole in the memory of each device, augmented there: nothing crosses the bus."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from deeper_jax.data.augmentation import AugmentationConfig, ImageAugmentationConfig, padded_pairs
from deeper_jax.data.batches import steps_per_epoch
from deeper_jax.data.device_augmentation import augment, augment_images, draw, draw_images, epoch_order, stack_images
from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.errors import InputError
from deeper_jax.models.registry import DATA_AXIS
from deeper_jax.training.job import Batch
from deeper_jax.training.sharding import batch_sharding, data_mesh, replicate

PyTree = Any

INPUT_PIPELINES = ("tf.data", "device")
# Of a device's memory; the rest is the network's.
_LARGEST_SHARE = 0.5


def check_input_pipeline(name: str) -> None:
    """Raise InputError unless `data.input_pipeline` is one of `INPUT_PIPELINES`."""
    if name not in INPUT_PIPELINES:
        raise InputError(
            f"data.input_pipeline is {name!r}; choose 'tf.data' (made by the host) or 'device' (on the device)."
        )


def resident_spectra_batches(
    pairs: SpectralPairs,
    *,
    batch_size: int,
    seed: int,
    start_step: int,
    total_steps: int,
    mesh: Mesh | None = None,
    **augmentation: Any,
) -> Iterator[Batch]:
    """The augmented batches of steps start_step ... total_steps - 1: {'input', 'target'}, global [B, L] arrays.

    As `spectra_pipeline.training_batches`, with other random numbers: a batch depends on (seed, step) alone, an epoch
    shows each example once. mesh: devices to split batches over, None for all. augmentation: the fields of
    `AugmentationConfig`.

    Raises:
      InputError: the pairs do not fit into a device's memory.
    """
    config = AugmentationConfig(**augmentation)
    examples, length = pairs.noisy.shape
    largest_shift = config.largest_shift(length)

    def draws(key: jax.Array, shape: tuple[int, int]) -> PyTree:
        order, rest = jax.random.split(key)
        index = epoch_order(order, examples, shape[0] * shape[1]).reshape(shape)
        return draw(rest, index, examples, length, config)

    def make(padded: jax.Array, draws: PyTree) -> Batch:
        noisy, target = augment(padded, draws, largest_shift)
        return {"input": noisy, "target": target}

    padded = padded_pairs(pairs.noisy, pairs.target, largest_shift)
    return _batches(padded, draws, make, examples, batch_size, seed, start_step, total_steps, mesh)


def resident_image_batches(
    images: HyperspectralImages,
    *,
    batch_size: int,
    scale: int,
    seed: int,
    start_step: int,
    total_steps: int,
    patch: int,
    raster_offsets: tuple[int, ...],
    augmentation: ImageAugmentationConfig,
    mesh: Mesh | None = None,
) -> Iterator[Batch]:
    """The augmented batches of steps start_step ... total_steps - 1: {'input', 'target'}, global [B, h, w, L] arrays.

    As `image_pipeline.image_training_batches`, with other random numbers: a batch depends on (seed, step) alone, an
    epoch shows each image once. mesh: devices to split batches over, None for all.

    Raises:
      InputError: the images do not fit into a device's memory.
    """
    count = len(images)

    def draws(key: jax.Array, shape: tuple[int, int]) -> PyTree:
        order, rest = jax.random.split(key)
        index = epoch_order(order, count, shape[0] * shape[1]).reshape(shape)
        return draw_images(rest, index, count, images.length, raster_offsets, augmentation)

    def make(held: tuple[jax.Array, jax.Array], draws: PyTree) -> Batch:
        low, high = augment_images(*held, draws, patch, scale)
        return {"input": low, "target": high}

    held = stack_images(images.images, patch)
    return _batches(held, draws, make, count, batch_size, seed, start_step, total_steps, mesh)


def _batches(
    arrays: PyTree,
    draws: Callable[[jax.Array, tuple[int, int]], PyTree],
    make: Callable[[PyTree, PyTree], Batch],
    examples: int,
    batch_size: int,
    seed: int,
    start_step: int,
    total_steps: int,
    mesh: Mesh | None,
) -> Iterator[Batch]:
    """An epoch's draws are made at once, [steps, B] each; each device then makes its own part of a batch."""
    mesh, steps = mesh or data_mesh(), steps_per_epoch(examples, batch_size)
    _check_memory(arrays)
    held = replicate(arrays, mesh)
    over_devices = NamedSharding(mesh, PartitionSpec(None, DATA_AXIS))
    draw_epoch = jax.jit(lambda key: draws(key, (steps, batch_size)), out_shardings=over_devices)
    make_batch = jax.jit(
        lambda held, drawn, place: make(held, jax.tree.map(lambda values: values[place], drawn)),
        out_shardings=batch_sharding(mesh),
    )
    base, current, drawn = jax.random.key(seed), -1, None
    for step in range(start_step, total_steps):
        epoch, place = divmod(step, steps)
        if epoch != current:
            current, drawn = epoch, draw_epoch(jax.random.fold_in(base, epoch))
        yield make_batch(held, drawn, np.int32(place))


def _check_memory(arrays: PyTree) -> None:
    size = sum(array.nbytes for array in jax.tree.leaves(arrays))
    limit = _memory_limit()
    if limit and size > _LARGEST_SHARE * limit:
        raise InputError(
            f"data.input_pipeline is 'device', but the training data take {size / 1e9:.1f} GB of each device's "
            f"{limit / 1e9:.1f} GB: set --config.data.input_pipeline=tf.data."
        )


def _memory_limit() -> int | None:
    """Bytes of a device's memory; None where it does not say."""
    return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
