"""`deeper_jax.load`: from a path to a model that takes arrays."""

from pathlib import Path

from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.inference import Denoiser


def load(path: str | Path) -> Denoiser:
    """Load a trained model.

    Args:
      path: a run's directory (its best checkpoint is taken, or the latest if none was validated), one
        checkpoint, or a released PyTorch `.pt` file of weights.

    Returns:
      A `Denoiser`.

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
    model = Denoiser(module, {**record, "checkpoint": str(checkpoint)})
    model.params, model.stats = read_weights(checkpoint, model.params, model.stats)
    return model


def _load_torch(path: Path) -> Denoiser:
    from deeper_jax.models.torch_import import load_torch_state_dict, model_from_state_dict

    if path.suffix not in (".pt", ".pth"):
        raise InputError(f"{path}: is a file of type {path.suffix!r}; load takes a directory or a .pt file.")
    module = model_from_state_dict(load_torch_state_dict(path))
    return Denoiser(module, {"source": str(path)})
