"""A trained network in one small file: weights and record without the optimizer's state, for passing on."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from deeper_jax.errors import InputError
from deeper_jax.models.functional import check_finite

SUFFIX = ".npz"
_RECORD = "record"
_DTYPES = (np.float32, np.float16)


def write_weights_file(
    path: str | Path, params: Any, stats: Any, record: dict[str, Any], *, half: bool = False
) -> None:
    """Write weights and the JSON-able `record` (its `config` says how to build the network).

    The weights are float32, or with `half` float16: half as large, and 2^-11 of themselves off.

    Raises:
        InputError: `path` does not end in .npz or exists.
    """
    path = Path(path)
    check_new_weights_file(path)
    weights = flatten_dict({"params": params, "stats": stats}, sep="/")
    contents: dict[str, Any] = {
        name: np.asarray(leaf, np.float16 if half else np.float32) for name, leaf in weights.items()
    }
    contents[_RECORD] = json.dumps(record)
    buffer = io.BytesIO()
    np.savez(buffer, **contents)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())


def check_new_weights_file(path: Path) -> None:
    """Raise InputError if `path` does not end in .npz or exists."""
    if path.suffix != SUFFIX:
        raise InputError(f"{path}: a file of weights ends in {SUFFIX}; give it such a name.")
    if path.exists():
        raise InputError(f"{path}: exists already; delete it or give another name.")


def read_weights_file(path: str | Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The (params, stats, record) of a file of `write_weights_file`.

    Raises:
        InputError: no such file, not one of these, or weights that are NaN or infinite.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        record = json.loads(str(arrays.pop(_RECORD)))
    # Damaged bytes raise a dozen kinds, in zipfile, zlib, NumPy and json.
    except Exception as error:
        raise InputError(f"{path}: is not a file of weights that `deeper-jax pack` wrote ({error}).") from error
    _check_record(path, record)
    for name, array in arrays.items():
        if name.split("/")[0] not in ("params", "stats") or "/" not in name or array.dtype not in _DTYPES:
            raise InputError(
                f"{path}: is not a file of weights that `deeper-jax pack` wrote (it holds {name!r}, {array.dtype})."
            )
    check_finite(path, arrays)
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    trees = unflatten_dict(arrays, sep="/")
    return trees.get("params", {}), trees.get("stats", {}), record


def _check_record(path: str | Path, record: Any) -> None:
    """Raise InputError unless a record has the form of one that a run leaves."""
    problem = ""
    if not isinstance(record, dict):
        problem = f"a {type(record).__name__}"
    elif not isinstance(record.get("config", {}), dict):
        problem = f"the config {record['config']!r}"
    elif (axis := record.get("wavenumbers")) is not None:
        numbers = isinstance(axis, list) and all(isinstance(value, int | float) for value in axis)
        problem = "" if numbers and len(axis) > 1 else f"the wavenumbers {str(axis)[:60]}"
    if problem:
        raise InputError(
            f"{path}: found {problem} in its record, expected what `deeper-jax pack` writes; pack it again."
        )


def check_same_shapes(path: str | Path, found: Any, wanted: Any) -> None:
    """Raise InputError unless the weights of a file have the names and shapes of a model's."""
    shapes = [
        {name: tuple(leaf.shape) for name, leaf in flatten_dict(tree, sep="/").items()} for tree in (found, wanted)
    ]
    strange = sorted(name for name in shapes[0].keys() | shapes[1].keys() if shapes[0].get(name) != shapes[1].get(name))
    if strange:
        raise InputError(
            f"{path}: its weights do not fit the network that it describes ({', '.join(strange[:5])} differ); pack the "
            "run again."
        )
