"""`deeper_jax.load`: from a path to a model that takes arrays."""

from pathlib import Path
from typing import Any

from flax import nnx

from deeper_jax.denoiser import Denoiser
from deeper_jax.errors import InputError
from deeper_jax.super_resolver import SuperResolver


def load(path: str | Path) -> Any:
    """Load a trained model.

    Args:
      path: a run's directory (its best checkpoint is taken, or the latest if none was validated), one
        checkpoint, or a released PyTorch `.pt` file of weights.

    Returns:
      A `Denoiser` or a `SuperResolver`, as the weights are.

    Raises:
      InputError: nothing usable at `path`; the message says what was found.
    """
    path = Path(path)
    if path.is_file():
        return _load_torch(path)
    from deeper_jax.models.registry import build_from_config
    from deeper_jax.training.checkpoints import find_checkpoint, read_record, read_weights

    checkpoint = find_checkpoint(path)
    record = read_record(checkpoint)
    # Shapes only: random weights would be thrown away at once.
    module = nnx.eval_shape(lambda: build_from_config(record["config"]))
    model = _wrap(module, {**record, "checkpoint": str(checkpoint)})
    model.params, model.stats = read_weights(checkpoint, model.params, model.stats)
    return model


def _load_torch(path: Path) -> Denoiser | SuperResolver:
    from deeper_jax.models.torch_import import load_torch_state_dict, model_from_state_dict

    if path.suffix not in (".pt", ".pth"):
        raise InputError(f"{path}: is a file of type {path.suffix!r}; load takes a directory or a .pt file.")
    return _wrap(model_from_state_dict(load_torch_state_dict(path)), {"source": str(path)})


def _wrap(module: nnx.Module, record: dict[str, Any]) -> Denoiser | SuperResolver:
    return SuperResolver(module, record) if hasattr(module, "scale") else Denoiser(module, record)
