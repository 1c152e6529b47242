"""Tasks by name, as configs call them."""

from ml_collections import ConfigDict

from deeper_jax.errors import InputError
from deeper_jax.tasks.denoising import denoising_task
from deeper_jax.tasks.noise_aware_denoising import noise_aware_denoising_task
from deeper_jax.tasks.super_resolution import super_resolution_task
from deeper_jax.training.distributed import first_goes_ahead
from deeper_jax.training.task import Task

TASKS = {
    "denoising": denoising_task,
    "noise_aware_denoising": noise_aware_denoising_task,
    "super_resolution": super_resolution_task,
}


def make_task(config: ConfigDict) -> Task:
    """The task that `config.task` names; InputError if there is none of that name, or the config names none."""
    if "task" not in config:
        raise InputError("this config has no task to train; configs/experiments.py is for eval.py --experiment=NAME.")
    if config.task not in TASKS:
        raise InputError(f"config.task is {config.task!r}; there are: {', '.join(sorted(TASKS))}.")
    # It may have to write data, which the others then read.
    return first_goes_ahead("task", lambda: TASKS[config.task](config))
