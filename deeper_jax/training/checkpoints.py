"""Checkpoints, the only module that knows Orbax.

A run keeps two kinds: *latest*, to resume from, and *best* (lowest validation MSE), to use. Each holds the
arrays and a JSON record (config, wavenumbers, preprocessing, versions), so that a checkpoint explains itself.
A checkpoint appears under its final name only when complete: a killed process leaves the one before it.
"""

import json
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from deeper_jax.errors import InputError
from deeper_jax.models.functional import check_finite
from deeper_jax.training.step import TrainState

logging.getLogger("absl").setLevel(logging.ERROR)

PyTree = Any
FOLDER = "checkpoints"
_STATE, _RECORD = "state", "record"


class CheckpointWriter:
    """Saves the states of one run without stopping the step."""

    def __init__(self, workdir: str | Path, keep_latest: int = 2) -> None:
        folder = Path(workdir).absolute() / FOLDER
        self._latest = _manager(folder / "latest", keep_latest)
        self._best = _manager(folder / "best", 1)

    def save(self, state: TrainState, record: dict[str, Any], *, is_best: bool) -> None:
        """Write `state` as the latest checkpoint and, if `is_best`, its weights as the best one."""
        step = int(state.step)
        # The next step donates the state's buffers: what is written must be a copy of its own.
        state = jax.tree.map(jnp.copy, state)
        if is_best and step not in self._best.all_steps():
            self._write(self._best, step, {"params": state.weights, "stats": state.stats}, record)
        if step not in self._latest.all_steps():
            self._write(self._latest, step, state._asdict(), record)

    def _write(self, manager: ocp.CheckpointManager, step: int, tree: PyTree, record: dict) -> None:
        items = {_STATE: ocp.args.StandardSave(tree), _RECORD: ocp.args.JsonSave(record)}
        manager.save(step, args=ocp.args.Composite(**items), force=True)

    def restore(self, like: TrainState) -> TrainState | None:
        """The latest complete state of the run; None if there is none.

        It is placed as `like`, of arrays or of shapes with shardings. It does not matter on how many devices, or by
        how many processes, it was written.
        """
        step = self._latest.latest_step()
        if step is None:
            return None
        tree = _restore(self._latest.directory / str(step), like._asdict())
        return TrainState(**tree)

    def close(self) -> None:
        """Wait until everything is written."""
        for manager in (self._best, self._latest):
            manager.wait_until_finished()
            manager.close()


def _manager(folder: Path, keep: int) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep,
        enable_async_checkpointing=True,
        cleanup_tmp_directories=True,  # what a killed process left half written
    )
    return ocp.CheckpointManager(folder, options=options)


def _restore(checkpoint: Path, like: PyTree) -> PyTree:
    target = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(Path(checkpoint) / _STATE, target)


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint that `path` means: itself, or the best (else the latest) one of a run's directory.

    Raises:
      InputError: there is no checkpoint at `path`.
    """
    path = Path(path).absolute()
    if (path / _STATE).is_dir():
        return path
    for folder in (path / FOLDER / "best", path / FOLDER / "latest", path / "best", path / "latest", path):
        steps = [p for p in folder.glob("*") if p.name.isdigit() and (p / _STATE).is_dir()]
        if steps:
            return max(steps, key=lambda p: int(p.name))
    found = "does not exist" if not path.exists() else "holds no complete checkpoint"
    raise InputError(
        f"{path}: {found}; give a run's directory (train.py --workdir), one of its checkpoints, or a .pt file."
    )


def read_record(checkpoint: str | Path) -> dict[str, Any]:
    """The JSON record of a checkpoint: config, task, wavenumbers, preprocessing, versions."""
    files = list((Path(checkpoint) / _RECORD).glob("*"))
    if not files:
        raise InputError(f"{checkpoint}: holds no record of its config; it was not written by train.py.")
    return json.loads(files[0].read_text())


def read_weights(checkpoint: str | Path, params: PyTree, stats: PyTree) -> tuple[PyTree, PyTree]:
    """Parameters and statistics of a checkpoint, best or latest, shaped as the given ones.

    Of a latest checkpoint with a moving average of the parameters, the average is taken.

    Raises:
      InputError: names or shapes differ; the message lists what is missing, left over and mis-shaped.
    """
    stored = _stored_weights(checkpoint)
    _check_same(stored, {"params": params, "stats": stats}, Path(checkpoint))
    return stored["params"], stored["stats"]


def read_fitting_weights(
    checkpoint: str | Path, params: PyTree, stats: PyTree, without: Collection[str] = ()
) -> tuple[PyTree, PyTree, list[str]]:
    """As `read_weights`, but what is missing in the checkpoint or has another shape there keeps the given values.

    Args:
      checkpoint, params, stats: as for `read_weights`.
      without: parts of the network (the first name of a parameter's path) that keep them in any case.

    Returns:
      Parameters, statistics, and in words what kept its values and what of the checkpoint was left.

    Raises:
      InputError: nothing fits.
    """
    stored, like = _stored_weights(checkpoint), {"params": params, "stats": stats}
    found, wanted = _by_name(stored), _by_name(like)
    kept = {name for name in wanted if name.split(".")[1] in without}
    unknown = sorted(set(without) - {name.split(".")[1] for name in wanted})
    if unknown:
        raise InputError(f"init_without names {', '.join(map(repr, unknown))}, which the network does not have.")
    fitting = {name for name in wanted.keys() - kept if name in found and found[name].shape == wanted[name].shape}
    if not fitting:
        raise InputError(f"{checkpoint}: none of its weights fits the model; use a checkpoint of the same network.")
    words = [
        f"{name} {wanted[name].shape}: " + _why_not(name in kept, found.get(name))
        for name in sorted(wanted.keys() - fitting)
    ]
    words += [f"{name} {found[name].shape}: not in the model" for name in sorted(found.keys() - wanted.keys())]
    merged = jax.tree_util.tree_map_with_path(
        lambda path, leaf: found[_name(path)] if _name(path) in fitting else leaf, like
    )
    return merged["params"], merged["stats"], words


def _why_not(kept: bool, found: Any) -> str:
    if kept:
        return "kept, as asked"
    return "not in the checkpoint" if found is None else f"the checkpoint has shape {found.shape}"


def _stored_weights(checkpoint: str | Path) -> dict[str, PyTree]:
    """{'params', 'stats'} of a checkpoint as they were stored, on one device; InputError if some are no numbers."""
    folder = Path(checkpoint) / _STATE
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        metadata = checkpointer.metadata(folder)
        stored = getattr(metadata, "item_metadata", metadata).tree
        name = "ema" if stored.get("ema") else "params"
        wanted = {name: stored[name], **({"stats": stored["stats"]} if stored.get("stats") else {})}
        # A checkpoint of eight devices must open on one: never the sharding it was written with.
        sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        target = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(tuple(leaf.shape), leaf.dtype, sharding=sharding), wanted
        )
        restore_args = ocp.checkpoint_utils.construct_restore_args(target)
        arguments = ocp.args.PyTreeRestore(item=target, restore_args=restore_args, partial_restore=True)
        restored = checkpointer.restore(folder, args=arguments)
    weights = {"params": restored[name], "stats": restored.get("stats") or {}}
    check_finite(checkpoint, weights)
    return weights


def _by_name(tree: PyTree) -> dict[str, Any]:
    return {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _check_same(stored: PyTree, like: PyTree, checkpoint: Path) -> None:
    found = {name: tuple(leaf.shape) for name, leaf in _by_name(stored).items()}
    wanted = {name: tuple(leaf.shape) for name, leaf in _by_name(like).items()}
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    shapes = [f"{k}: {found[k]}, not {wanted[k]}" for k in sorted(found.keys() & wanted) if found[k] != wanted[k]]
    if missing or extra or shapes:
        raise InputError(
            f"{checkpoint}: the weights do not fit the model (missing: {missing[:5] or 'none'}; "
            f"left over: {extra[:5] or 'none'}; other shapes: {shapes[:5] or 'none'}): "
            "use the config that the checkpoint was trained with, or to fine-tune what fits --config.init_partial=true."
        )
