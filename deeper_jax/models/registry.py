"""Networks by name, so that a config or a checkpoint can say which one it means."""

import inspect
from typing import Any

from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.resunet1d import ResUNet1D

MODELS: dict[str, Callable[..., nnx.Module]] = {"resunet1d": ResUNet1D, "hyrisr": HyRISR}


def build_model(name: str, *, rngs: nnx.Rngs, **arguments: object) -> nnx.Module:
    """The network called `name` ('resunet1d' or 'hyrisr') with its constructor's keyword arguments.

    Raises:
        InputError: for a name or an argument that does not exist; the message lists those that do.
    """
    if name not in MODELS:
        raise InputError(f"there is no network called {name!r}: choose one of {', '.join(sorted(MODELS))}.")
    # Flax gives the class itself a signature of *args and **kwargs, so the constructor is asked.
    parameters = inspect.signature(vars(MODELS[name])["__init__"]).parameters
    known = [parameter for parameter in parameters if parameter not in ("self", "rngs")]
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise InputError(
            f"network {name!r} has no argument {', '.join(map(repr, unknown))}: it takes {', '.join(known)}."
        )
    return MODELS[name](rngs=rngs, **arguments)


def build_from_config(config: dict[str, Any]) -> nnx.Module:
    """The network of a run's config: its `model` section, with the random weights of its `seed`.

    Raises:
        InputError: as `build_model`.
    """
    settings = dict(config["model"])
    return build_model(settings.pop("name"), rngs=nnx.Rngs(config["seed"]), **settings)
