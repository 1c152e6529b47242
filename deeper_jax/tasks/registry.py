"""The tasks, one record each, found by the name in a config or by the network of released weights.

The records are light: what prepares training data and what evaluates is imported when it is called.
"""

from pathlib import Path
from types import MappingProxyType

from ml_collections import ConfigDict

from deeper_jax.errors import InputError
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.spectral_denoiser import SpectralDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.tasks.task import Config, EvaluationOptions, Task
from deeper_jax.training.distributed import first_goes_ahead
from deeper_jax.training.job import TrainingJob


def _spectra_shapes(config: Config, size: int) -> dict[str, tuple[int, ...]]:
    shape = (size, config["model"]["length"])
    return {"input": shape, "target": shape}


def _prepare_denoising(config: ConfigDict) -> TrainingJob:
    from deeper_jax.tasks.denoising import denoising_job

    return denoising_job(config)


def _evaluate_denoiser(model: SpectralDenoiser, output: Path, options: EvaluationOptions) -> None:
    from deeper_jax.tasks.denoising_evaluation import evaluate_denoiser

    evaluate_denoiser(model, output, options)


def _spectra_and_noise_shapes(config: Config, size: int) -> dict[str, tuple[int, ...]]:
    length = config["model"]["length"]
    return {"input": (size, 2, length), "target": (size, length)}


def _prepare_noise_aware(config: ConfigDict) -> TrainingJob:
    from deeper_jax.tasks.noise_aware_denoising import noise_aware_denoising_job

    return noise_aware_denoising_job(config)


def _image_shapes(config: Config, size: int) -> dict[str, tuple[int, ...]]:
    side, length = config["data"]["patch"], config["model"]["length"]
    small = side // config["model"]["scale"]
    return {"input": (size, small, small, length), "target": (size, side, side, length)}


def _prepare_super_resolution(config: ConfigDict) -> TrainingJob:
    from deeper_jax.tasks.super_resolution import super_resolution_job

    return super_resolution_job(config)


def _evaluate_super_resolution(model: SuperResolver, output: Path, options: EvaluationOptions) -> None:
    from deeper_jax.tasks.super_resolution_evaluation import evaluate_super_resolver

    evaluate_super_resolver(model, output, options)


_ALL = (
    Task(
        name="denoising",
        networks=("resunet1d",),
        batch_shapes=_spectra_shapes,
        prepare=_prepare_denoising,
        wrap=Denoiser,
        evaluate=_evaluate_denoiser,
    ),
    Task(
        name="noise_aware_denoising",
        networks=("noise_aware_unet",),
        batch_shapes=_spectra_and_noise_shapes,
        prepare=_prepare_noise_aware,
        wrap=NoiseAwareDenoiser,
        evaluate=_evaluate_denoiser,
    ),
    Task(
        name="super_resolution",
        networks=("hyrisr",),
        batch_shapes=_image_shapes,
        prepare=_prepare_super_resolution,
        wrap=SuperResolver,
        evaluate=_evaluate_super_resolution,
    ),
)
TASKS = MappingProxyType({task.name: task for task in _ALL})
"""The tasks by name."""


def task_of(config: Config) -> Task:
    """The task that `config.task` names; InputError if there is none of that name, or the config names none."""
    if "task" not in config:
        raise InputError("this config has no task to train; configs/experiments.py is for eval.py --experiment=NAME.")
    if config["task"] not in TASKS:
        raise InputError(f"config.task is {config['task']!r}; there are: {', '.join(sorted(TASKS))}.")
    return TASKS[config["task"]]


def task_of_network(name: str) -> Task:
    """The task that a network of `models.registry.MODELS` is trained for."""
    return next(task for task in _ALL if name in task.networks)


def training_job(config: ConfigDict) -> TrainingJob:
    """The network and the data of a config, ready for `training.loop.train`; InputError if they cannot be used."""
    task = task_of(config)
    # It may have to write data, which the other processes then read.
    return first_goes_ahead("job", lambda: task.prepare(config))
