"""The tasks' records, each against the configs that are shipped for it."""

import importlib

import jax
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict

from configs import default_denoiser, map_restorer, super_resolution_small, tiny
from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.registry import MODELS
from deeper_jax.tasks.memory import compile_step, step_memory
from deeper_jax.tasks.registry import TASKS, task_of, task_of_network, training_job


def small(name: str, folder) -> ConfigDict:
    """A shipped config of the task, made small; its data, if any, are simulated in `folder`."""
    if name == "noise_aware_denoising":
        config = default_denoiser.get_config("width=4")
        config.model.length, config.data.validation_spectra = 64, 8
    elif name == "map_restoration":
        config = map_restorer.get_config("width=2,side=16")
        config.data.validation_spectra = 8
        config.data.phantoms = {"textures": 1.0}
    elif name == "denoising":
        config = tiny.get_config()
        config.data.path, config.data.tfds_dir = str(folder / "cells"), str(folder / "tfds")
        config.data.input_pipeline = "device"
    else:
        config = super_resolution_small.get_config("scale=2")
        config.data.path, config.data.tfds_dir = str(folder / "images"), str(folder / "tfds")
        config.data.simulate.update({"images": 4, "test_images": 1, "height": 16, "width": 16})
        config.data.patch, config.data.input_pipeline = 16, "device"
        config.model.update({"length": 25, "width": 4, "groups": 1, "blocks": 1, "reduction": 2})
    config.train.batch_size = 8
    return config


@pytest.mark.parametrize("name", TASKS)
def test_the_shapes_of_a_record_are_those_of_its_batches(name, tmp_path):
    config = small(name, tmp_path)
    job = training_job(config)
    expected = task_of(config).batch_shapes(config, 8)
    assert {key: array.shape for key, array in next(job.train_batches(0, 1)).items()} == expected
    validation, mask = next(iter(job.validation_batches()))
    assert {key: array.shape for key, array in validation.items()} == expected and mask.shape == (8,)
    # What the step gives for such an input has the shape of the target.
    built = task_of(config).build(config)
    network = FunctionalModel(built)
    output = jax.eval_shape(
        network.evaluate, network.params, network.stats, jax.ShapeDtypeStruct(expected["input"], np.float32)
    )
    assert output.shape[0] == 8 and output.shape[-1] == expected["target"][-1]
    model = task_of(config).wrap(built, {**job.record, "config": config.to_dict()})
    axis = job.record["wavenumbers"]
    assert model.any_axis if axis is None else len(axis) == model.length


def test_the_names_are_those_of_the_configs_and_every_network_has_its_task():
    assert all(task.name == name for name, task in TASKS.items())
    assert sorted(network for task in TASKS.values() for network in task.networks) == sorted(MODELS)
    networks = ("resunet1d", "noise_aware_unet", "hyrisr", "map_restorer")
    assert [task_of_network(name).name for name in networks] == list(TASKS)


def test_mistakes_in_a_config_are_one_sentence():
    config = tiny.get_config()
    config.model.name = "hyrisr"
    with pytest.raises(InputError, match=r"model.name is 'hyrisr'; for denoising there is resunet1d: change"):
        training_job(config)  # before it looks for data
    config.task = "cooking"
    with pytest.raises(InputError, match="config.task is 'cooking'; there are: denoising, map_restoration, noise"):
        task_of(config)
    with pytest.raises(InputError, match="has no task"):
        training_job(importlib.import_module("configs.experiments").get_config())


def test_memory_of_a_step_grows_with_the_batch_and_its_state_does_not():
    config = tiny.get_config("width=4,batch_norm=false")
    config.model.length = 64
    small, large = (step_memory(config, size) for size in (2, 32))
    assert large.state == small.state and large.temporary > 4 * small.temporary
    # Parameters and two moments of Adam, 4 bytes each.
    parameters = FunctionalModel(task_of(config).build(config)).count()
    assert small.state == pytest.approx(3 * 4 * parameters, rel=0.02)
    # It is that of the program that training runs, which is not compiled for it.
    compiled, _ = compile_step(config, 32)
    assert large.temporary == pytest.approx(compiled.memory_analysis().temp_size_in_bytes, rel=0.01)


@pytest.mark.parametrize("name", TASKS)
def test_shapes_without_random_numbers_are_those_of_the_network(name, tmp_path):
    config = small(name, tmp_path)
    task = task_of(config)
    built, shapes = (
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), nnx.to_pure_dict(nnx.state(module)))
        for module in (task.build(config), task.shapes(config))
    )
    assert built == shapes
    assert nnx.graphdef(task.build(config)) == nnx.graphdef(task.shapes(config))
