"""The settings of a run, checked before any data are prepared: one sentence on the first mistake."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from ml_collections import ConfigDict

from deeper_jax.data.augmentation import AugmentationConfig, ImageAugmentationConfig
from deeper_jax.errors import InputError, did_you_mean
from deeper_jax.spectra.preprocessing import validate_steps
from deeper_jax.training.optimizers import make_optimizer
from deeper_jax.training.schedules import make_schedule
from deeper_jax.training.sharding import check_batch_size, data_mesh
from deeper_jax.training.step import check_batch_statistics

# The smallest value of whole numbers in `train`.
_AT_LEAST = {
    **dict.fromkeys(("batch_size", "accumulate_steps", "log_every", "evaluate_every", "checkpoint_every"), 1),
    **dict.fromkeys(("steps", "epochs"), 0),
}


def check_settings(config: ConfigDict) -> None:
    """Raise InputError if a run with this config would fail, whatever its data are."""
    _check_train(config)
    if not isinstance(config.seed, int) or config.seed < 0:
        raise InputError(f"config.seed is {config.seed!r}; give a whole number, 0 or more.")
    steps = config.train.steps or config.train.epochs
    schedule = _accepted("schedule", make_schedule, config.schedule, total_steps=steps, steps_per_epoch=1)
    _accepted("optimizer", make_optimizer, config.optimizer, schedule=schedule)
    _accepted("model.dtype", lambda: jnp.finfo(jnp.dtype(config.model.dtype)), {})
    if "augment" in config:
        kind = AugmentationConfig if config.task == "denoising" else ImageAugmentationConfig
        _accepted("augment", kind, config.augment)
    if "steps" in config.data:
        validate_steps([dict(step) if isinstance(step, Mapping) else step for step in config.data.steps])
    fraction = config.data.get("validation_fraction", 0.1)
    if not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise InputError(f"config.data.validation_fraction is {fraction!r}; give a number between 0 and 1.")


def _check_train(config: ConfigDict) -> None:
    train = config.train
    for key, least in _AT_LEAST.items():
        value = train[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(f"config.train.{key} is {value!r}; give a whole number, {least} or more.")
    if not train.steps and not train.epochs:
        raise InputError("config.train.steps and config.train.epochs are both 0; say how long to train by one of them.")
    # Some networks give a standard deviation too.
    known = {"noise_aware_denoising": ["gaussian"], "map_restoration": ["score_images"]}.get(config.task, ["l1", "mse"])
    if train.loss not in known:
        hint = did_you_mean(train.loss, known)
        raise InputError(f"config.train.loss is {train.loss!r}{hint}; {config.task} takes {' or '.join(known)}.")
    if not isinstance(train.ema_decay, int | float) or not 0 <= train.ema_decay < 1:
        raise InputError(f"config.train.ema_decay is {train.ema_decay!r}; give a number from 0 (none) to below 1.")
    check_batch_size(train.batch_size, data_mesh(), train.accumulate_steps)
    check_batch_statistics(train.batch_statistics)


def _accepted(section: str, function: Callable[..., Any], settings: Mapping[str, Any], **given: Any) -> Any:
    """What the function makes of a section of the config; InputError if it does not take one of its settings."""
    parameters = inspect.signature(function).parameters
    known = sorted(set(parameters) - set(given))
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for key in settings:
        if key not in known and not takes_any:
            hint = did_you_mean(key, known)
            raise InputError(f"config.{section} has the unknown setting {key!r}{hint}; there are: {', '.join(known)}.")
    try:
        return function(**dict(settings), **given)
    except InputError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"config.{section} cannot be used: {str(error).splitlines()[0]}.") from error
