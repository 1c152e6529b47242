"""Networks by name, so that a config or a checkpoint can say which one it means."""

import inspect
import operator
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx

from deeper_jax.errors import InputError, did_you_mean
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.map_restorer import MapRestorer
from deeper_jax.models.noise_aware_unet import NoiseAwareUNet
from deeper_jax.models.resunet1d import ResUNet1D

MODELS: dict[str, Callable[..., nnx.Module]] = {
    "resunet1d": ResUNet1D,
    "hyrisr": HyRISR,
    "noise_aware_unet": NoiseAwareUNet,
    "map_restorer": MapRestorer,
}


# The axis of devices that a training batch is split over.
DATA_AXIS = "data"


def build_model(name: str, *, rngs: nnx.Rngs, axis_name: str | None = DATA_AXIS, **arguments: object) -> nnx.Module:
    """The network called `name` (one of `MODELS`) with its constructor's keyword arguments.

    It is one to be trained over devices: its batch statistics are those of all devices of `axis_name`, or, with None,
    those of each device by itself.

    Raises:
        InputError: for a name or an argument that does not exist; the message lists those that do.
    """
    if name not in MODELS:
        raise InputError(f"there is no network called {name!r}: choose one of {', '.join(sorted(MODELS))}.")
    known = _argument_names(name)
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        hint, takes = did_you_mean(unknown[0], known), ", ".join(known)
        raise InputError(f"network {name!r} has no argument {', '.join(map(repr, unknown))}{hint}: it takes {takes}.")
    if "axis_name" in _parameters(name):
        arguments["axis_name"] = axis_name
    return MODELS[name](rngs=rngs, **arguments)


def build_from_config(config: dict[str, Any]) -> nnx.Module:
    """The network of a run's config: its `model` section, with the random weights of its `seed`.

    Its batch statistics are those that `train.batch_statistics` says, of the whole batch by default.

    Raises:
        InputError: as `build_model`.
    """
    return _built(config, nnx.Rngs(config["seed"]))


def shapes_from_config(config: dict[str, Any]) -> nnx.Module:
    """As `build_from_config`, with shapes and types in place of weights, in a third of the time.

    Raises:
        InputError: as `build_model`.
    """
    return nnx.eval_shape(lambda: _built(config, _NoKeys(config["seed"])))


class _NoKeys(nnx.Rngs):
    """Random keys take most of the time that it takes to build a network, and shapes need none."""

    def __init__(self, seed: int) -> None:
        """Without any stream of keys; the seed must be one."""
        operator.index(seed)

    def params(self) -> None:
        """No key: `torch_uniform` gives zeros."""


def _built(config: dict[str, Any], rngs: nnx.Rngs) -> nnx.Module:
    settings = dict(config["model"])
    by_device = config.get("train", {}).get("batch_statistics") == "device"
    axis_name = None if by_device else DATA_AXIS
    return build_model(settings.pop("name"), rngs=rngs, axis_name=axis_name, **settings)


def describe_model(model: nnx.Module) -> tuple[str, dict[str, object]]:
    """The name and the arguments with which `build_model` makes a network like this one.

    All values are plain (numbers, strings, booleans), so that they can be written to a JSON file.
    """
    for name, kind in MODELS.items():
        if type(model) is kind:
            arguments = {argument: getattr(model, argument) for argument in _argument_names(name)}
            return name, arguments | {"dtype": jnp.dtype(arguments["dtype"]).name}
    raise ValueError(f"{type(model).__name__} is not one of the networks {', '.join(sorted(MODELS))}")


def _argument_names(name: str) -> list[str]:
    return [parameter for parameter in _parameters(name) if parameter not in ("self", "axis_name", "rngs")]


def _parameters(name: str) -> list[str]:
    # Flax gives the class itself a signature of *args and **kwargs, so the constructor is asked.
    return list(inspect.signature(vars(MODELS[name])["__init__"]).parameters)
