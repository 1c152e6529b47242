"""`deeper_jax.load`: from a path to a model that takes arrays."""

import functools
import json
from pathlib import Path
from typing import Any, TypeVar

from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.inference.loaded_model import LoadedModel
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.models.registry import describe_model
from deeper_jax.models.weights_file import SUFFIX, check_same_shapes, read_weights_file
from deeper_jax.tasks.registry import task_of, task_of_network
from deeper_jax.tasks.task import Task

# The denoiser that comes with the package, made by configs/default_denoiser.py.
DEFAULT_DENOISER = Path(__file__).parents[1] / "pretrained" / "denoiser.npz"
# The map restorer, made by configs/map_restorer.py.
DEFAULT_RESTORER = DEFAULT_DENOISER.with_name("restorer.npz")
# Its companion for the pixels between those of a coarse scan, made by configs/map_restorer.py:finer=true.
DEFAULT_REFINER = DEFAULT_DENOISER.with_name("refiner.npz")
Model = TypeVar("Model", bound=LoadedModel)


def load(path: str | Path | None = None) -> NoiseAwareDenoiser | Denoiser | SuperResolver | LoadedMapRestorer:
    """Load a trained model; `print(model)` says which it is.

    Args:
        path: a run's directory (its best checkpoint is taken, or the latest if none was validated), one
            checkpoint, a file of `deeper-jax pack`, or a released PyTorch `.pt` file of weights. None: the denoiser
            that comes with the package.

    Returns:
        As the weights are: a `NoiseAwareDenoiser` (the package's own is one: any axis, with uncertainty), a `Denoiser`
        (the paper's, for one axis), a `SuperResolver` or a `LoadedMapRestorer`. Denoisers have
        `denoise(spectra, wavenumbers)`, a super-resolver `super_resolve(image, wavenumbers)`.

    Raises:
        InputError: nothing usable at `path`; the message says what was found.
    """
    return load_with_task(path)[1]


def load_with_task(path: str | Path | None = None) -> tuple[Task, Any]:
    """What `load` gives, and the task that it was trained for."""
    if not isinstance(path, str | Path | None):
        raise InputError(f"load() takes a path and was given a {type(path).__name__}.")
    path = DEFAULT_DENOISER if path is None else Path(path)
    if path.is_file():
        from deeper_jax.maps.packed import check_unpacked

        check_unpacked(path)
        task, model = (_load_packed if path.suffix == SUFFIX else _load_torch)(path)
    else:
        task, model = _load_run(path)
    model.path = str(path)
    return task, model


def load_as(model: str | Path | LoadedModel | None, kind: type[Model]) -> Model:
    """`model` itself, or what is loaded from there, for work that only one kind of model does.

    Raises:
        InputError: it is of another kind, or as `load`.
    """
    found = model if isinstance(model, LoadedModel) else load(model)
    if not isinstance(found, kind):
        given = model if isinstance(model, str | Path) else "The model"
        raise InputError(f"{given} is {found.title}, not {kind.title}: give {kind.title}, loaded or as a path.")
    return found


def _untrained(record: dict[str, Any], path: Path) -> tuple[Task, Any]:
    """The task and the model of a record, with shapes instead of weights: random ones would be thrown away at once."""
    try:
        task, parts = _shapes(json.dumps(record["config"]))
        return task, task.wrap(nnx.merge(*parts), record)
    except InputError as error:
        raise InputError(f"{path}: its record does not fit a network here: {error}") from error


@functools.lru_cache(8)
def _shapes(config: str) -> tuple[Task, tuple[Any, Any]]:
    """The task of a config in JSON, and its network as graph and shapes: tracing it takes longer than all the rest."""
    settings = json.loads(config)
    task = task_of(settings)
    return task, nnx.split(task.shapes(settings))


def _load_run(path: Path) -> tuple[Task, Any]:
    from deeper_jax.training.fitting_weights import check_fit
    from deeper_jax.training.stored_checkpoints import read_weights

    stored = read_weights(path)
    task, model = _untrained({**stored.record, "checkpoint": str(stored.path)}, stored.path)
    check_fit(stored, model.params, model.stats)
    model.params, model.stats = stored.params, stored.stats
    return task, model


def _load_packed(path: Path) -> tuple[Task, Any]:
    params, stats, record = read_weights_file(path)
    if "config" not in record:
        raise InputError(f"{path}: its record has no config that says how to build the network; pack the run again.")
    task, model = _untrained({**record, "source": path.name}, path)
    check_same_shapes(path, {"params": params, "stats": stats}, {"params": model.params, "stats": model.stats})
    model.params, model.stats = params, stats
    return task, model


def _load_torch(path: Path) -> tuple[Task, Any]:
    from deeper_jax.models.torch_import import load_torch_state_dict, model_from_state_dict

    if path.suffix not in (".pt", ".pth"):
        raise InputError(
            f"{path}: is a file of type {path.suffix!r}; load takes a directory, .npz or .pt; deeper_jax.enhance takes "
            "an instrument's files."
        )
    module = model_from_state_dict(load_torch_state_dict(path))
    task = task_of_network(describe_model(module)[0])
    return task, task.wrap(module, {"source": str(path)})
