"""Checkpoints as they lie on the disk: which there are, and what is in them, checked before it is used."""

import hashlib
import json
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tensorstore
from flax.traverse_util import unflatten_dict

from deeper_jax.errors import InputError, first_line
from deeper_jax.models.functional import check_finite
from deeper_jax.models.weights_file import SUFFIX, read_weights_file
from deeper_jax.training.digests import described, digests

PyTree = Any
FOLDER, LATEST, BEST = "checkpoints", "latest", "best"
STATE, RECORD = "state", "record"
_DIGESTS, _CHECKSUM = "digests", "checksum"


class Damaged(Exception):
    """A checkpoint is not what was written; the text says what is wrong with it."""


@dataclass(frozen=True)
class StoredWeights:
    """What a checkpoint gives to use: where it lies, its record, its parameters and statistics (nested dicts)."""

    path: Path
    record: dict[str, Any]
    params: PyTree
    stats: PyTree


def sealed(record: dict[str, Any], tree: PyTree) -> dict[str, Any]:
    """The record to be stored beside the arrays of `tree`: with their digests, and a checksum of its own text."""
    whole = json.loads(json.dumps({**record, _DIGESTS: digests(tree)}))
    return {**whole, _CHECKSUM: _checksum(whole)}


def _checksum(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def steps_in(folder: Path) -> list[Path]:
    """The checkpoints of a folder, sound or not, from the newest to the oldest."""
    steps = [path for path in folder.glob("*") if path.name.isdigit() and path.is_dir()]
    return sorted(steps, key=lambda path: -int(path.name))


def read_record(checkpoint: Path) -> dict[str, Any]:
    """The record of a checkpoint: config, wavenumbers, preprocessing, versions, and the digests of its arrays.

    Raises:
      Damaged: it is not there or not what was written.
    """
    try:
        record = json.loads((checkpoint / RECORD / "metadata").read_bytes())
        sound = record.pop(_CHECKSUM) == _checksum(record)
    except Exception as error:
        raise Damaged(f"its record cannot be read ({first_line(error)})") from error
    if not sound:
        raise Damaged("its record is not what was written")
    return record


def newest_record(folders: list[Path]) -> dict[str, Any] | None:
    """The newest sound record in the first of these folders that has one; None if none has."""
    for checkpoint in (step for folder in folders for step in steps_in(folder)):
        try:
            return read_record(checkpoint)
        except Damaged:
            continue
    return None


def read_arrays(checkpoint: Path, record: dict[str, Any], parts: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint by name, whole, as NumPy's: of these parts of the tree, or all.

    Each process reads by itself, however many wrote, and whatever the sharding that was written with.

    Raises:
      Damaged: they cannot be read, or are not those whose digests are in the record.
    """
    stored = {name: digest for name, digest in record[_DIGESTS].items() if not parts or name.partition(".")[0] in parts}
    try:
        # Orbax writes this layout. It could read it too, but leaves tracebacks of its own where an array is damaged.
        base = {"driver": "file", "path": f"{checkpoint / STATE}/"}
        specs = {name: {"driver": "ocdbt", "base": base, "path": f"{name}/"} for name in stored}
        opened = {name: tensorstore.open({"driver": "zarr", "kvstore": spec}) for name, spec in specs.items()}
        stores = {name: store.result() for name, store in opened.items()}
        for name, store in stores.items():  # before anything is sized by it
            if not stored[name].startswith(described(store.dtype.name, store.shape)):
                raise ValueError(f"{name} has the shape {list(store.shape)}")
        reading = {name: store.read() for name, store in stores.items()}
        arrays = {name: np.asarray(array.result()) for name, array in reading.items()}
        found = digests(arrays)
    except MemoryError as error:
        raise InputError(f"{checkpoint}: its arrays do not fit into the memory of this machine.") from error
    except Exception as error:  # TensorStore raises all kinds
        raise Damaged(f"its arrays cannot be read ({first_line(error)})") from error
    wrong = sorted(name for name in stored if found[name] != stored[name])
    if wrong:
        raise Damaged(f"{len(wrong)} of its arrays are not what was written, such as {wrong[0]}")
    return arrays


def read_weights(path: str | Path) -> StoredWeights:
    """The best weights of a run's directory that are sound, else the latest; or those of the checkpoint at `path`.

    A file of `deeper-jax pack` is read likewise.

    Of a latest checkpoint with a moving average of the parameters, the average is taken. A damaged checkpoint is
    passed over with a warning that names it and the one used instead.

    Raises:
      InputError: there is no checkpoint at `path`, no sound one, or weights that are not finite.
    """
    path, damaged = Path(path).absolute(), []
    if path.suffix == SUFFIX and path.is_file():
        params, stats, record = read_weights_file(path)
        return StoredWeights(path, record, *jax.device_put((params, stats)))
    for checkpoint in _meant_by(path):
        try:
            record = read_record(checkpoint)
            averaged = any(name.startswith("ema.") for name in record[_DIGESTS])
            arrays = read_arrays(checkpoint, record, ["ema" if averaged else "params", "stats"])
        except Damaged as problem:
            damaged.append(f"{checkpoint} is damaged: {problem}")
            continue
        if damaged:
            warnings.warn(f"{'; '.join(damaged)}. {checkpoint} is used instead.", stacklevel=2)
        check_finite(checkpoint, arrays)
        trees = jax.device_put(unflatten_dict(arrays, sep="."))
        record = {name: value for name, value in record.items() if name != _DIGESTS}
        return StoredWeights(checkpoint, record, trees["ema" if averaged else "params"], trees.get("stats", {}))
    if damaged:
        raise InputError(f"{'; '.join(damaged)}; there is no sound checkpoint: give another one or a backup.")
    found = "does not exist" if not path.exists() else "holds no complete checkpoint"
    raise InputError(
        f"{path}: {found}; give a run's directory (train.py --workdir), one of its checkpoints, a file of `deeper-jax "
        "pack`, or a .pt file."
    )


def _meant_by(path: Path) -> list[Path]:
    """The checkpoints that a user may mean by `path`, in the order of preference."""
    if (path / STATE).is_dir() or (path.is_dir() and path.name.isdigit() and path.parent.name in (LATEST, BEST)):
        return [path]
    own = [step for step in steps_in(path) if path.name in (LATEST, BEST) or (step / STATE).is_dir()]
    folders = (path / FOLDER / BEST, path / FOLDER / LATEST, path / BEST, path / LATEST)
    return [step for folder in folders for step in steps_in(folder)] + own
