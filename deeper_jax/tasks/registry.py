"""The tasks, one record each, found by the name in a config or by the network of released weights.

The records are light: what prepares training data and what evaluates is imported when it is called.
"""

import importlib
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from ml_collections import ConfigDict

from deeper_jax.errors import InputError, did_you_mean
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.tasks.task import Config, Task
from deeper_jax.training.distributed import first_goes_ahead
from deeper_jax.training.job import TrainingJob


def _later(module: str, name: str) -> Callable[..., Any]:
    """A function of a module beside this one, which is imported when the function is called."""
    return lambda *arguments: getattr(importlib.import_module(f"deeper_jax.tasks.{module}"), name)(*arguments)


def _image_shapes(config: Config, size: int) -> dict[str, tuple[int, ...]]:
    side, length = config["data"]["patch"], config["model"]["length"]
    small = side // config["model"]["scale"]
    return {"input": (size, small, small, length), "target": (size, side, side, length)}


_ALL = (
    Task(
        name="denoising",
        networks=("resunet1d",),
        batch_shapes=lambda config, size: dict.fromkeys(("input", "target"), (size, config["model"]["length"])),
        prepare=_later("denoising", "denoising_job"),
        wrap=Denoiser,
        evaluate=_later("denoising_evaluation", "evaluate_denoiser"),
    ),
    Task(
        name="noise_aware_denoising",
        networks=("noise_aware_unet",),
        batch_shapes=lambda config, size: {
            "input": (size, 2, config["model"]["length"]),
            "target": (size, config["model"]["length"]),
        },
        prepare=_later("noise_aware_denoising", "noise_aware_denoising_job"),
        wrap=NoiseAwareDenoiser,
        evaluate=_later("denoising_evaluation", "evaluate_denoiser"),
    ),
    Task(
        name="super_resolution",
        networks=("hyrisr",),
        batch_shapes=_image_shapes,
        prepare=_later("super_resolution", "super_resolution_job"),
        wrap=SuperResolver,
        evaluate=_later("super_resolution_evaluation", "evaluate_super_resolver"),
    ),
    Task(
        name="map_restoration",
        networks=("map_restorer",),
        batch_shapes=lambda config, size: {
            "input": (size, 3, config["data"]["components"], config["data"]["side"], config["data"]["side"]),
            "target": (size, 2, config["data"]["components"], config["data"]["side"], config["data"]["side"]),
        },
        prepare=_later("map_restoration", "map_restoration_job"),
        wrap=LoadedMapRestorer,
        evaluate=_later("map_restoration_evaluation", "evaluate_map_restorer"),
    ),
)
TASKS = MappingProxyType({task.name: task for task in _ALL})
"""The tasks by name."""


def task_of(config: Config) -> Task:
    """The task that `config.task` names; InputError if there is none of that name, or the config names none."""
    if "task" not in config:
        raise InputError("this config has no task to train; configs/experiments.py is for eval.py --experiment=NAME.")
    if config["task"] not in list(TASKS):
        hint = did_you_mean(config["task"], TASKS)
        raise InputError(f"config.task is {config['task']!r}{hint}; there are: {', '.join(sorted(TASKS))}.")
    return TASKS[config["task"]]


def task_of_network(name: str) -> Task:
    """The task that a network of `models.registry.MODELS` is trained for."""
    return next(task for task in _ALL if name in task.networks)


def training_job(config: ConfigDict) -> TrainingJob:
    """The network and the data of a config, ready for `training.loop.train`; InputError if they cannot be used."""
    from deeper_jax.tasks.settings import check_settings

    task = task_of(config)
    task.shapes(config)  # says what is wrong with the network
    check_settings(config)
    # It may have to write data, which the other processes then read.
    return first_goes_ahead(lambda: task.prepare(config))
