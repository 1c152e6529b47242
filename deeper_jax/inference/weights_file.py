"""A trained network in one small file: weights and record without the optimizer's state, for passing on."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.errors import InputError

SUFFIX = ".npz"
_RECORD = "record"


def write_weights_file(path: str | Path, params: Any, stats: Any, record: dict[str, Any]) -> None:
    """Write float32 weights and the JSON-able `record` (its `config` says how to build the network).

    Raises:
        InputError: `path` does not end in .npz or exists.
    """
    path = Path(path)
    check_new_weights_file(path)
    arrays = {
        f"{kind}/{name}": value
        for kind, tree in (("params", params), ("stats", stats))
        for name, value in _flat(tree).items()
    }
    buffer = io.BytesIO()
    contents: dict[str, Any] = {**arrays, _RECORD: json.dumps(record)}
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
        InputError: no such file, or not one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        record = json.loads(str(arrays.pop(_RECORD)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is not a file of weights that `deeper-jax pack` wrote ({error}).") from error
    trees: dict[str, dict[str, Any]] = {"params": {}, "stats": {}}
    for name, value in arrays.items():
        kind, *parts = name.split("/")
        if kind not in trees or not parts:
            raise InputError(f"{path}: is not a file of weights that `deeper-jax pack` wrote (it holds {name!r}).")
        tree = trees[kind]
        for part in parts[:-1]:
            tree = tree.setdefault(part, {})
        tree[parts[-1]] = value
    return trees["params"], trees["stats"], record


def check_same_shapes(path: str | Path, found: Any, wanted: Any) -> None:
    """Raise InputError unless the weights of a file have the names and shapes of a model's."""
    shapes = [{name: tuple(leaf.shape) for name, leaf in _leaves(tree).items()} for tree in (found, wanted)]
    strange = sorted(name for name in shapes[0].keys() | shapes[1].keys() if shapes[0].get(name) != shapes[1].get(name))
    if strange:
        raise InputError(
            f"{path}: its weights do not fit the network that it describes ({', '.join(strange[:5])} differ); pack the "
            "run again."
        )


def _flat(tree: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf, np.float32) for name, leaf in _leaves(tree).items()}


def _leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {
        name: value
        for key, part in tree.items()
        for name, value in _leaves(part, f"{prefix}/{key}" if prefix else key).items()
    }
