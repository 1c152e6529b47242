"""`deeper_jax.load`: from a path to a model that takes arrays."""

from pathlib import Path
from typing import Any

from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.inference.weights_file import SUFFIX, check_same_shapes, read_weights_file
from deeper_jax.models.noise_aware_unet import NoiseAwareUNet

# The denoiser that comes with the package, made by configs/default_denoiser.py.
DEFAULT_DENOISER = Path(__file__).parents[1] / "pretrained" / "denoiser.npz"


def load(path: str | Path | None = None) -> Any:
    """Load a trained model.

    Args:
      path: a run's directory (its best checkpoint is taken, or the latest if none was validated), one
        checkpoint, a file of `deeper-jax pack`, or a released PyTorch `.pt` file of weights. None: the denoiser
        that comes with the package.

    Returns:
      A `NoiseAwareDenoiser` (the package's own is one), a `Denoiser` or a `SuperResolver`, as the weights are.

    Raises:
      InputError: nothing usable at `path`; the message says what was found.
    """
    path = DEFAULT_DENOISER if path is None else Path(path)
    if path.is_file():
        return _load_packed(path) if path.suffix == SUFFIX else _load_torch(path)
    from deeper_jax.models.registry import build_from_config
    from deeper_jax.training.checkpoints import find_checkpoint, read_record, read_weights

    checkpoint = find_checkpoint(path)
    record = read_record(checkpoint)
    # Shapes only: random weights would be thrown away at once.
    module = nnx.eval_shape(lambda: build_from_config(record["config"]))
    model = _wrap(module, {**record, "checkpoint": str(checkpoint)})
    model.params, model.stats = read_weights(checkpoint, model.params, model.stats)
    return model


def _load_packed(path: Path) -> Any:
    from deeper_jax.models.registry import build_from_config

    params, stats, record = read_weights_file(path)
    if "config" not in record:
        raise InputError(f"{path}: its record has no config that says how to build the network; pack the run again.")
    module = nnx.eval_shape(lambda: build_from_config(record["config"]))
    model = _wrap(module, {**record, "source": path.name})
    check_same_shapes(path, {"params": params, "stats": stats}, {"params": model.params, "stats": model.stats})
    model.params, model.stats = params, stats
    return model


def _load_torch(path: Path) -> Denoiser | SuperResolver:
    from deeper_jax.models.torch_import import load_torch_state_dict, model_from_state_dict

    if path.suffix not in (".pt", ".pth"):
        raise InputError(f"{path}: is a file of type {path.suffix!r}; load takes a directory, .npz or .pt.")
    return _wrap(model_from_state_dict(load_torch_state_dict(path)), {"source": str(path)})


def _wrap(module: nnx.Module, record: dict[str, Any]) -> Any:
    if isinstance(module, NoiseAwareUNet):
        return NoiseAwareDenoiser(module, record)
    return SuperResolver(module, record) if hasattr(module, "scale") else Denoiser(module, record)
