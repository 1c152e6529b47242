"""Training data of the super-resolution task: HyRISR on hyperspectral images, through tf.data or kept on the device."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from deeper_jax.data.augmentation import ImageAugmentationConfig
from deeper_jax.data.batches import image_evaluation_batches, steps_per_epoch
from deeper_jax.data.fingerprints import data_record, image_fingerprints
from deeper_jax.data.hyperspectral_images import HyperspectralImages, split_images, split_into_strips
from deeper_jax.data.preprocess import preprocess_images
from deeper_jax.errors import InputError
from deeper_jax.models.initial_upsampler import start_as_interpolation, start_as_regression
from deeper_jax.models.registry import build_from_config
from deeper_jax.spectra.axis import like_wavelengths
from deeper_jax.spectra.raster import check_divisible, crop_to_multiple, default_raster_offset, raster_offset_choices
from deeper_jax.training.device_batches import check_input_pipeline, resident_image_batches
from deeper_jax.training.job import Batch, TrainingJob

log = logging.getLogger(__name__)


def super_resolution_job(config: ConfigDict) -> TrainingJob:
    """Network and data of a super-resolution config.

    `data.path` holds the images; simulated ones are written there first if there is nothing and `data.simulate`
    says how. Spectra are binned to `model.length` channels if they have more.

    Raises:
        InputError: unusable data or settings.
    """
    scale, patch = config.model.scale, config.data.patch
    check_divisible((patch, patch), scale)
    check_input_pipeline(config.data.input_pipeline)
    read = _read(config)
    splits = _split(read, config)
    train, validation = splits["train"], splits.get("validation", splits["train"])
    raster_offset = configured_raster_offset(config)
    model = build_from_config(config.to_dict())
    _start(model, config, train, raster_offset)
    batch_size = config.train.batch_size

    def validation_batches() -> Iterator[tuple[Batch, np.ndarray]]:
        batches = image_evaluation_batches(
            validation, batch_size=batch_size, scale=scale, patch=patch, raster_offset=raster_offset
        )
        return ((_input_and_target(batch), mask) for batch, mask in batches)

    return TrainingJob(
        model=model,
        train_batches=lambda first, last: _train_batches(config, train, first, last),
        validation_batches=validation_batches,
        steps_per_epoch=steps_per_epoch(len(train), batch_size),
        record=_record(config, read, splits, raster_offset),
    )


def _start(model: Any, config: ConfigDict, train: HyperspectralImages, raster_offset: int) -> None:
    """The network's initial values, as `initial_upsampler` says; 'random' are PyTorch's."""
    choices = ("random", "linear", "regression")
    if config.initial_upsampler not in choices:
        raise InputError(f"initial_upsampler is {config.initial_upsampler!r}; choose one of {', '.join(choices)}.")
    if config.initial_upsampler == "linear":
        start_as_interpolation(model, raster_offset)
    if config.initial_upsampler == "regression":
        images = [np.asarray(crop_to_multiple(image, model.scale)) / image.max() for image in train.images]
        settings = {
            "components": config.initial_components,
            "ridge": config.initial_ridge,
            "keep_level": config.initial_keep_level,
        }
        start_as_regression(model, raster_offset, images, **settings)


def configured_raster_offset(config: ConfigDict) -> int:
    """The raster offset of validation, evaluation and use: `data.raster_offset`, or the default of the scale."""
    return default_raster_offset(config.model.scale) if config.data.raster_offset is None else config.data.raster_offset


def load_image_splits(config: ConfigDict) -> dict[str, HyperspectralImages]:
    """The 'train', 'validation' and 'test' images of a config, binned to the model's length."""
    return _split(_read(config), config)


def _read(config: ConfigDict) -> HyperspectralImages:
    from deeper_jax.data.tfds_images import prepare_and_load_images

    path = Path(config.data.path)
    if config.data.simulate and not path.exists():
        from deeper_jax.data.simulated_data import write_simulated_images

        settings = config.data.simulate.to_dict()
        log.info("%s does not exist: simulating images there (%s).", path, settings)
        write_simulated_images(path, **settings)
    images = prepare_and_load_images(path, config.data.tfds_dir)
    for name, image in zip(images.names, images.images, strict=True):
        if image.max() <= max(image.min(), 0):
            raise InputError(f"{path}: image '{name}' is constant or nowhere positive; take it out.")
    if images.wavenumbers is not None and (doubt := like_wavelengths(images.wavenumbers)):
        log.warning("%s: %s.", path, doubt)
    return images


def _split(images: HyperspectralImages, config: ConfigDict) -> dict[str, HyperspectralImages]:
    images = preprocess_images(images, config.data.steps)
    if config.data.axis:
        low, high = config.data.axis
        images = images.resampled(np.linspace(low, high, config.model.length))
    if images.length < config.model.length:
        raise InputError(
            f"{config.data.path}: its spectra have {images.length} channels, the model takes {config.model.length}: "
            f"set --config.model.length={images.length} or less."
        )
    images = images.binned(config.model.length)
    if config.data.strips:
        return split_into_strips(images, config.data.strips, config.data.test_strip)
    return split_images(images)


def _train_batches(config: ConfigDict, train: HyperspectralImages, first: int, last: int) -> Iterator[Batch]:
    scale = config.model.scale
    settings: dict[str, Any] = {
        "batch_size": config.train.batch_size,
        "scale": scale,
        "seed": config.seed,
        "total_steps": last,
        "start_step": first,
        "patch": config.data.patch,
        "raster_offsets": raster_offset_choices(scale)
        if config.data.random_raster_offset
        else (configured_raster_offset(config),),
        "augmentation": ImageAugmentationConfig(**config.augment.to_dict()),
    }
    if config.data.input_pipeline == "device":
        return resident_image_batches(train, **settings)
    from deeper_jax.data.image_pipeline import image_training_batches

    processes = {"process_index": jax.process_index(), "process_count": jax.process_count()}
    return map(_input_and_target, image_training_batches(train, **settings, **processes))


def _input_and_target(batch: Batch) -> Batch:
    return {"input": batch["lr_image"], "target": batch["hr_image"]}


def _record(
    config: ConfigDict, read: HyperspectralImages, splits: dict[str, HyperspectralImages], raster_offset: int
) -> dict[str, Any]:
    train, test = splits["train"], splits.get("test")
    # Of images that were cut into strips each was trained on.
    unseen = () if test is None or config.data.strips else test.names
    trained_on = {name: digits for name, digits in image_fingerprints(read).items() if name not in unseen}
    return {
        "normalisation": "each image over its own maximum",
        "scale": config.model.scale,
        "raster_offset": raster_offset,
        "wavenumbers": None if train.wavenumbers is None else np.asarray(train.wavenumbers).tolist(),
        "preprocessing": list(train.steps),
        "data": {
            **data_record(config.data.path, train, trained_on),
            **{f"{split}_images": list(images.names) for split, images in splits.items()},
        },
    }
