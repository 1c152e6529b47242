"""Feeding from the device's memory against the tf.data pipelines: the same of the same draws, equally distributed."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from flax import nnx

from configs import tiny
from deeper_jax.data import device_augmentation, spectra_pipeline
from deeper_jax.data.augmentation import AugmentationConfig, Draws, ImageAugmentationConfig, ImageDraws, padded_pairs
from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.image_augmentation import augment_image, draw_images
from deeper_jax.data.quiet_tensorflow import tf
from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.errors import InputError
from deeper_jax.tasks.registry import training_job
from deeper_jax.training import device_batches
from deeper_jax.training.device_batches import resident_image_batches, resident_spectra_batches
from deeper_jax.training.loop import train
from deeper_jax.training.sharding import data_mesh


def pairs_of(examples: int, length: int, numbered: bool = False) -> SpectralPairs:
    noisy, target = np.random.default_rng(examples).normal(1.0, 0.5, (2, examples, length)).astype(np.float32)
    if numbered:  # channel 1 over the largest tells the row
        noisy[:], noisy[:, 0], noisy[:, 1] = 0, 1, np.arange(examples) / examples
    cells = np.zeros(examples, np.int32)
    return SpectralPairs(noisy, target, None, None, cells, ("cell",), {}, "test", False)


def images_of(shapes: list[tuple[int, int]], length: int) -> HyperspectralImages:
    rng = np.random.default_rng(length)
    images = [rng.normal(1.0, 0.5, (*shape, length)).astype(np.float32) for shape in shapes]
    return HyperspectralImages(images, tuple(map(str, range(len(images)))), None, "test")


@pytest.mark.parametrize(("length", "shift", "flip"), [(50, 0.1, False), (37, 0.3, True), (9, 0.0, True)])
def test_spectra_are_augmented_as_by_tf_data(length, shift, flip):
    pairs, config = pairs_of(40, length), AugmentationConfig(shift=shift, flip=flip)
    largest = config.largest_shift(length)
    padded = padded_pairs(pairs.noisy, pairs.target, largest)
    padded[3] -= 10  # without a positive value
    draws = spectra_pipeline.draw(tf.range(40), tf.constant([1, 5]), 40, length, config)
    expected = spectra_pipeline.augment(padded, draws, largest, flip)
    draws = Draws(*(jnp.asarray(values.numpy()) for values in draws))
    found = jax.jit(device_augmentation.augment, static_argnums=2)(padded, draws, largest)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("shapes", "patch", "scale", "length"),
    [([(16, 16)] * 4, 16, 4, 20), ([(19, 23), (12, 40), (30, 13)], 12, 3, 31), ([(5, 30), (3, 2), (1, 9)], 16, 2, 20)],
)
def test_images_are_augmented_as_by_tf_data(shapes, patch, scale, length):
    images, config = images_of(shapes, length), ImageAugmentationConfig(shift=0.3, spectral_flip=0.5)
    count, generator = len(shapes), np.random.default_rng(2)
    draws = draw_images(np.arange(24) % count, generator, count, length, tuple(range(scale)), config)
    expected = np.empty((24, patch, patch, length), np.float32)
    for place in range(24):
        own = ImageDraws(*(values[place] for values in draws))
        augment_image(expected[place], *(images.images[row] for row in own.rows), own)
    low, high = jax.jit(device_augmentation.augment_images, static_argnums=(3, 4))(
        *device_augmentation.stack_images(images.images, patch),
        jax.tree.map(jnp.asarray, draws),
        patch,
        scale,
    )
    np.testing.assert_allclose(high, expected, rtol=1e-5, atol=1e-5)
    for place, offset in enumerate(draws.raster_offset):
        np.testing.assert_array_equal(low[place], high[place, offset::scale, offset::scale])


def assert_alike(first: np.ndarray, second: np.ndarray) -> None:
    """Two samples of one distribution: by each value's frequency where there are few values, else by their order."""
    values = np.union1d(first, second)
    if len(values) > 200:
        assert scipy.stats.ks_2samp(first, second).pvalue > 1e-3
    elif len(values) > 1:
        table = [[(sample == value).sum() for value in values] for sample in (first, second)]
        assert scipy.stats.chi2_contingency(table).pvalue > 1e-3


def test_spectral_draws_are_distributed_as_those_of_tf_data():
    count, length, config = 40_000, 300, AugmentationConfig(flip=True)
    theirs = spectra_pipeline.draw(tf.range(count), tf.constant([3, 1]), count, length, config)
    ours = device_augmentation.draw(jax.random.key(3), jnp.arange(count), count, length, config)
    for name, first, second in zip(ours._fields, ours, theirs, strict=True):
        if name != "index":
            assert_alike(np.asarray(first), second.numpy())
    mixed = np.asarray((ours.weight < 1) | (ours.partner != ours.index))
    assert abs(mixed.mean() - 0.5) < 0.01
    assert_alike(np.asarray(ours.shift)[mixed], np.asarray(ours.shift)[~mixed])


def test_image_draws_are_distributed_as_those_of_tf_data():
    index, config = np.arange(40_000) % 50, ImageAugmentationConfig()
    theirs = draw_images(index, np.random.default_rng(0), 50, 300, (1, 2), config)
    ours = device_augmentation.draw_images(jax.random.key(0), jnp.asarray(index), 50, 300, (1, 2), config)
    for first, second in zip(ours, theirs, strict=True):
        assert first.shape == second.shape
        for column, other in zip(np.asarray(first).reshape(40_000, -1).T, second.reshape(40_000, -1).T, strict=True):
            assert_alike(column, other)


def rows_of(pairs: SpectralPairs, start: int, stop: int) -> list[list[int]]:
    batches = resident_spectra_batches(
        pairs, batch_size=8, seed=0, start_step=start, total_steps=stop, shift=0.0, mixup=0.0
    )
    return [np.rint(np.asarray(batch["input"])[:, 1] * len(pairs)).astype(int).tolist() for batch in batches]


def test_an_epoch_shows_each_once_in_a_new_order_and_a_resumed_run_sees_the_same():
    pairs = pairs_of(24, 8, numbered=True)
    rows = rows_of(pairs, 0, 9)
    epochs = [sum(rows[first : first + 3], []) for first in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(24)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert rows_of(pairs, 4, 9) == rows[4:]
    (few,) = rows_of(pairs_of(5, 8, numbered=True), 0, 1)
    assert sorted(set(few)) == list(range(5)) and len(few) == 8


def test_batches_lie_over_the_devices_and_do_not_depend_on_their_number():
    pairs, images = pairs_of(40, 20), images_of([(9, 12)] * 10, 20)

    def batches(mesh=None):
        yield from resident_spectra_batches(pairs, batch_size=8, seed=1, start_step=3, total_steps=7, mesh=mesh)
        settings = {"patch": 8, "raster_offsets": (1, 2), "augmentation": ImageAugmentationConfig(shift=0.2)}
        yield from resident_image_batches(
            images, batch_size=8, scale=4, seed=1, start_step=0, total_steps=3, mesh=mesh, **settings
        )

    on_eight = list(batches())
    assert all(len(batch["target"].sharding.device_set) == 8 for batch in on_eight)
    for first, second in zip(on_eight, batches(data_mesh(jax.devices()[:1])), strict=True):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), first, second)


def test_too_much_for_the_device_is_refused_before_any_of_it_is_moved(monkeypatch):
    monkeypatch.setattr(device_batches, "_memory_limit", lambda: 2_000)
    with pytest.raises(InputError, match="set --config.data.input_pipeline=tf.data"):
        next(resident_spectra_batches(pairs_of(40, 20), batch_size=8, seed=1, start_step=0, total_steps=1))


def test_training_learns_from_either_feed_and_resumes_on_the_device(tmp_path):
    config = tiny.get_config("width=4,batch_norm=false")
    config.data.path, config.data.tfds_dir = str(tmp_path / "cells"), str(tmp_path / "tfds")
    config.data.input_pipeline, config.train.steps = "device", 9

    def job_of_a_layer():
        return replace(training_job(config), model=nnx.Linear(500, 500, rngs=nnx.Rngs(0)))

    whole = train(config, job_of_a_layer(), tmp_path / "whole")
    config.data.input_pipeline = "host"
    with pytest.raises(InputError, match="data.input_pipeline is 'host'; choose 'tf.data'"):
        training_job(config)

    config.data.input_pipeline = "device"
    job = job_of_a_layer()

    class Killed(Exception):
        pass

    def interrupted(first, last):
        for step, batch in enumerate(training_job(config).train_batches(first, last), first):
            if step == 7:
                raise Killed
            yield batch

    broken = replace(job, train_batches=interrupted)
    with pytest.raises(Killed):
        train(config, broken, tmp_path / "again")
    again = train(config, job_of_a_layer(), tmp_path / "again")
    jax.tree.map(np.testing.assert_array_equal, whole.params, again.params)
