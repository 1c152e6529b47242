"""Released PyTorch weights (.pt files) into our networks.

Only plain tensors are read: a pickle that holds anything else, a whole network for instance, is refused
without being run. PyTorch itself is needed for the reading alone and imported when asked for.
"""

import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.models.functional import check_finite
from deeper_jax.models.hyrisr import HyRISR, Remat
from deeper_jax.models.resunet1d import ResUNet1D
from deeper_jax.models.torch_names import Names, hyrisr_names, resunet1d_names
from deeper_jax.models.torch_names import Path as Keys

StateDict = Mapping[str, np.ndarray]

Model = TypeVar("Model", ResUNet1D, HyRISR)

_WRAPPERS = ("state_dict", "model_state_dict")
# A counter that PyTorch keeps in BatchNorm and never uses at its default momentum.
_IGNORED = "num_batches_tracked"


def load_torch_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a .pt file by name, floating ones as float32.

    The file may hold the state dict itself or a dict with it under 'state_dict' or 'model_state_dict', and
    the names may carry the prefix 'module.' that (Distributed)DataParallel adds.

    Raises:
        InputError: if the file is missing, is not readable, holds anything but tensors or weights that are NaN or
            infinite, or PyTorch is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no weights file {path}.")
    loaded = _torch_load(path)
    for wrapper in _WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not loaded:
        raise InputError(
            f"{path} holds {_describe(loaded)} where a state dict (names and tensors) was expected: save "
            f"`net.state_dict()` with torch.save and use that file."
        )
    arrays = {str(name): _to_numpy(path, name, tensor) for name, tensor in loaded.items()}
    check_finite(path, arrays)
    if all(name.startswith("module.") for name in arrays):
        arrays = {name.removeprefix("module."): array for name, array in arrays.items()}
    return arrays


def resunet1d_from_state_dict(state_dict: StateDict, *, dtype: jax.typing.DTypeLike = jnp.float32) -> ResUNet1D:
    """ResUNet1D with these weights, in evaluation mode; length, width and BatchNorm are read off them.

    Raises:
        InputError: if names are missing or left over or have the wrong shape; the message lists them.
    """
    width = _size(state_dict, "conv1.0.body.0.weight", 0)
    length = _size(state_dict, "linear7.body.0.weight", 0)
    batch_norm = "conv1.0.body.2.running_mean" in state_dict

    def build() -> ResUNet1D:
        return ResUNet1D(length, width, batch_norm, dtype, rngs=nnx.Rngs(0))

    found = f"ResUNet1D (length {length}, width {width}, {'with' if batch_norm else 'without'} BatchNorm)"
    return _fill(build, resunet1d_names(batch_norm), state_dict, found)


def hyrisr_from_state_dict(
    state_dict: StateDict, *, dtype: jax.typing.DTypeLike = jnp.float32, remat: Remat = "none"
) -> HyRISR:
    """HyRISR with these weights, in evaluation mode; scale, length and all other sizes are read off them.

    Raises:
        InputError: if names are missing or left over or have the wrong shape; the message lists them.
    """
    length = _size(state_dict, "head1.1.weight", 0)
    width = _size(state_dict, "head2.0.weight", 0)
    squeezed = _size(state_dict, "body.0.body.0.body.3.chan_attn.0.weight", 0)
    shuffled = _size(state_dict, "head1.0.0.weight", 0)
    scale = 4 if "head1.0.2.weight" in state_dict else {4 * length: 2, 9 * length: 3}.get(shuffled, 2)
    groups = _count(state_dict, r"body\.(\d+)\.body\.")
    blocks = _count(state_dict, r"body\.0\.body\.(\d+)\.body\.")
    reduction = max(1, width // squeezed)

    def build() -> HyRISR:
        return HyRISR(scale, length, width, groups, blocks, reduction, dtype, remat, rngs=nnx.Rngs(0))

    found = f"HyRISR ({scale}x, length {length}, width {width}, {groups} groups of {blocks} blocks)"
    return _fill(build, hyrisr_names(scale, groups, blocks), state_dict, found)


def model_from_state_dict(state_dict: StateDict, *, dtype: jax.typing.DTypeLike = jnp.float32) -> ResUNet1D | HyRISR:
    """The network that the names belong to, with these weights, in evaluation mode.

    Raises:
        InputError: if the names are neither network's, or do not fit it.
    """
    if any(name.startswith("linear7.") for name in state_dict):
        return resunet1d_from_state_dict(state_dict, dtype=dtype)
    if any(name.startswith("head1.") for name in state_dict):
        return hyrisr_from_state_dict(state_dict, dtype=dtype)
    raise InputError(
        f"the weights are of neither released network: ResUNet1D has names such as 'linear7.body.0.weight' "
        f"and HyRISR 'head1.1.weight', but these are {_few(list(state_dict))}."
    )


def _torch_load(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"reading {path} needs PyTorch, which is not installed: pip install 'deeper-jax[torch]'."
        ) from error
    try:
        _check_sums(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is no file of plain tensors (it may be a whole pickled network) and is not read, since "
            f"that could run code: save `net.state_dict()` with torch.save and use that file."
        ) from error
    except Exception as error:  # damaged bytes raise a dozen kinds
        raise InputError(
            f"{path} cannot be read as a PyTorch weights file ({type(error).__name__}): a .pt file written "
            f"by torch.save(net.state_dict(), ...) was expected."
        ) from error


def _check_sums(path: Path) -> None:
    """Raise BadZipFile where an array is not what was written: PyTorch does not look at the checksums it writes."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if (damaged := archive.testzip()) is not None:
                raise zipfile.BadZipFile(damaged)


def _to_numpy(path: Path, name: object, tensor: Any) -> np.ndarray:
    import torch

    if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
        raise InputError(
            f"{path} holds {_describe(tensor)} under {name!r} where a tensor was expected: save "
            f"`net.state_dict()` with torch.save and use that file."
        )
    if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized:
        raise InputError(f"{path} holds a sparse, complex or quantized tensor under {name!r}: none is expected.")
    return (tensor.float() if tensor.is_floating_point() else tensor).detach().numpy()


def _fill(build: Callable[[], Model], names: Names, state_dict: StateDict, found: str) -> Model:
    """The built model with every array of its state taken from the state dict; nothing is initialised."""
    abstract = nnx.eval_shape(build)
    graph, state = nnx.split(abstract)
    pure = nnx.to_pure_dict(state)
    _check_names(names, pure, state_dict, found)
    for path, theirs in names.items():
        filled = [_as_ours(np.asarray(state_dict[name])) for name in theirs.flat]
        leaf = _leaf(pure, path)
        array = np.stack(filled).reshape(leaf.shape).astype(leaf.dtype)
        _leaf(pure, path[:-1])[path[-1]] = jnp.asarray(array)
    nnx.replace_by_pure_dict(state, pure)
    model = nnx.merge(graph, state)
    model.eval()
    return model


def _as_ours(array: np.ndarray) -> np.ndarray:
    """Kernels as Flax has them: positions, input features, output features."""
    return array if array.ndim < 2 else np.moveaxis(array, (0, 1), (-1, -2))


def _torch_shape(path: Keys, shape: tuple[int, ...]) -> tuple[int, ...]:
    """What PyTorch has for one of our arrays: output features, input features, positions."""
    if len(shape) < 2:
        return shape or (1,)
    # Channel attention is made of 1 x 1 convolutions there.
    positions = (1, 1) if str(path[-1]).startswith(("squeeze", "excite")) else shape[:-2]
    return (shape[-1], shape[-2], *positions)


def _check_names(names: Names, pure: dict, state_dict: StateDict, found: str) -> None:
    expected: dict[str, tuple[int, ...]] = {}
    for path, theirs in names.items():
        shape = _torch_shape(path, _leaf(pure, path).shape[theirs.ndim :])
        expected.update(dict.fromkeys(theirs.flat, shape))
    given = {name: np.shape(array) for name, array in state_dict.items() if not name.endswith(_IGNORED)}
    missing = [name for name in expected if name not in given]
    extra = [name for name in given if name not in expected]
    misshaped = [
        f"{name} {given[name]} for {shape}"
        for name, shape in expected.items()
        if name in given and given[name] != shape
    ]
    lists = {"missing names": missing, "unexpected names": extra, "wrong shapes": misshaped}
    problems = [f"{len(names)} {what} ({_few(names)})" for what, names in lists.items() if names]
    if problems:
        raise InputError(f"the weights look like {found} but do not fit it: {'; '.join(problems)}.")


def _leaf(tree: Any, path: Keys) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _size(state_dict: StateDict, name: str, axis: int) -> int:
    """One size of one array, on which the network's shape depends."""
    if name not in state_dict:
        raise InputError(
            f"the weights lack {name!r}, so they are not of this network: they hold {_few(list(state_dict))}."
        )
    shape = np.shape(state_dict[name])
    if len(shape) <= axis or shape[axis] < 1:
        raise InputError(f"the weights' {name!r} has the impossible shape {shape}.")
    return shape[axis]


def _count(state_dict: StateDict, pattern: str) -> int:
    """One more than the largest number that the pattern finds at the start of a name."""
    matches = [re.match(pattern, name) for name in state_dict]
    return 1 + max((int(match[1]) for match in matches if match), default=0)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _describe(value: object) -> str:
    return "an empty dict" if isinstance(value, dict) and not value else f"an object of type {type(value).__name__}"
