"""The checkpoints of a run: written without stopping the step, and the newest sound one restored.

A run keeps two kinds: *latest*, to resume from, and *best* (lowest validation MSE), to use. Each holds the
arrays and a JSON record (config, wavenumbers, preprocessing, versions), so that a checkpoint explains itself.
A checkpoint appears under its final name only when complete: a killed process leaves the one before it.
"""

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from deeper_jax.errors import InputError, NotWritten, first_line
from deeper_jax.training.digests import by_name, name_of
from deeper_jax.training.distributed import first_alone, in_all, is_first, same_text
from deeper_jax.training.sharding import place
from deeper_jax.training.step import TrainState
from deeper_jax.training.stored_checkpoints import (
    BEST,
    FOLDER,
    LATEST,
    RECORD,
    STATE,
    Damaged,
    read_arrays,
    read_record,
    sealed,
    steps_in,
)

# What goes wrong is raised too; the log would show it as a traceback.
logging.getLogger("absl").setLevel(logging.CRITICAL)


def _but_of_closed_loops(hook: Callable[[Any], object]) -> Callable[[Any], object]:
    """`hook`, less what TensorStore's other writes say once the loop of the one that failed is closed."""

    def quieter(unraisable: Any) -> None:
        if not (unraisable.exc_type is RuntimeError and "Event loop is closed" in str(unraisable.exc_value)):
            hook(unraisable)

    return quieter


def _of_something_else(record: logging.LogRecord) -> bool:
    """Whether a record of asyncio tells other than that a write failed beside the one whose error was raised."""
    error = record.exc_info[1] if record.exc_info else None
    return "never retrieved" not in record.getMessage() or "Error writing" not in str(error)


sys.unraisablehook = _but_of_closed_loops(sys.unraisablehook)
logging.getLogger("asyncio").addFilter(_of_something_else)
PyTree = Any
DAMAGED = "damaged"
_IS_BEST = "is_best"


class CheckpointWriter:
    """Saves the states of one run without stopping the step."""

    def __init__(self, workdir: str | Path, keep: int = 2) -> None:
        self._folder = Path(workdir).absolute() / FOLDER
        with self._written():
            self._latest, self._best = (_manager(self._folder / kind, keep) for kind in (LATEST, BEST))

    def save(self, state: TrainState, record: dict[str, Any], *, is_best: bool) -> None:
        """Write `state` as the latest checkpoint and, if `is_best`, its weights as the best one."""
        step = int(state.step)
        # The next step donates the state's buffers: what is written must be a copy of its own.
        state = jax.tree.map(jnp.copy, state)
        record = {**record, _IS_BEST: is_best}
        with self._written():
            first = not self._latest.all_steps()
            if step not in self._latest.all_steps():
                self._write(self._latest, step, state._asdict(), record)
            if is_best and step not in self._best.all_steps():
                if first:
                    # So that a best without a latest always means that the latest was lost.
                    self._latest.wait_until_finished()
                self._write(self._best, step, {"params": state.weights, "stats": state.stats}, record)

    def _write(self, manager: ocp.CheckpointManager, step: int, tree: PyTree, record: dict) -> None:
        items = {STATE: ocp.args.StandardSave(tree), RECORD: ocp.args.JsonSave(sealed(record, tree))}
        manager.save(step, args=ocp.args.Composite(**items), force=True)

    def complete(self, state: TrainState, record: dict[str, Any]) -> None:
        """Write the best checkpoint that a restored latest one says it is, if a kill came before it or it was lost."""
        if record[_IS_BEST]:
            self.save(state, record, is_best=True)

    def close(self) -> None:
        """Wait until everything is written."""
        for manager in (self._best, self._latest):
            with self._written():
                manager.wait_until_finished()
                manager.close()

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a full disk and the like: Orbax and TensorStore raise all kinds
            raise NotWritten(
                f"{self._folder}: a checkpoint could not be written ({first_line(error)}); once there is room "
                "to write, the same command resumes from the one before it."
            ) from error


def _manager(folder: Path, keep: int) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep,
        enable_async_checkpointing=True,
        cleanup_tmp_directories=True,  # what a killed process left half written
        # Both kinds are written at once: processes must not wait for each other's other kind.
        multiprocessing_options=ocp.options.MultiprocessingOptions(barrier_sync_key_prefix=folder.name),
    )
    return ocp.CheckpointManager(folder, options=options)


def restore(workdir: Path, like: TrainState) -> tuple[TrainState, dict[str, Any]] | None:
    """The newest sound state of a run, and its record; None if nothing was saved. The writer is made after it.

    Damaged checkpoints newer than it, and damaged best ones, are moved to `checkpoints/damaged`, with a warning. All
    processes take the same. It does not matter on how many devices, or by how many processes, it was written.

    Args:
      workdir: the run's directory.
      like: arrays, or shapes, with the shardings to place the state with.

    Raises:
      InputError: something was saved but nothing is sound, or it is of another structure.
    """
    latest, best = (workdir.absolute() / FOLDER / kind for kind in (LATEST, BEST))
    damaged: dict[Path, str] = {}
    steps = same_text(" ".join(path.name for path in steps_in(latest))).split()
    for checkpoint in (latest / step for step in steps):
        try:
            record, problem = read_record(checkpoint), ""
            arrays = read_arrays(checkpoint, record)
        except Damaged as error:
            problem = str(error)
        if in_all(not problem):
            break
        damaged[checkpoint] = problem or "another process cannot read it"
    else:
        _refuse_to_start_over(workdir, damaged, steps_in(best))
        return None
    state = _placed(arrays, like, checkpoint)
    damaged |= {path: problem for path in steps_in(best) if (problem := _problem(path))}
    for path, problem in damaged.items() if is_first() else ():
        instead = f"; the run goes on from {checkpoint}" if path.parent == latest else ""
        warnings.warn(
            f"{path} is damaged: {problem}. It was moved to {latest.parent / DAMAGED}{instead}.", stacklevel=2
        )
    first_alone(lambda: _set_aside(list(damaged)))
    return state, record


def _refuse_to_start_over(workdir: Path, damaged: dict[Path, str], best: list[Path]) -> None:
    if not damaged and not best:
        return
    found = "; ".join(f"{path} is damaged: {problem}" for path, problem in damaged.items())
    use = f", or go on from its best weights with --config.init_from={workdir} and another --workdir" if best else ""
    raise InputError(
        f"{found or f'{workdir / FOLDER / LATEST} is gone while {best[0]} is there'}; there is nothing to resume this "
        f"run from: put a backup there{use}, or give another --workdir to start over."
    )


def _problem(checkpoint: Path) -> str:
    try:
        read_arrays(checkpoint, read_record(checkpoint))
    except Damaged as error:
        return str(error)
    return ""


def _set_aside(checkpoints: list[Path]) -> None:
    """Rename them, deleting nothing."""
    for path in checkpoints:
        aside = path.parents[1] / DAMAGED
        aside.mkdir(exist_ok=True)
        taken = len(list(aside.glob(f"{path.parent.name}-{path.name}-*")))
        path.rename(aside / f"{path.parent.name}-{path.name}-{taken + 1}")


def _placed(found: dict[str, np.ndarray], like: TrainState, checkpoint: Path) -> TrainState:
    wanted = by_name(like._asdict())
    if {k: (v.shape, v.dtype) for k, v in found.items()} != {k: (v.shape, v.dtype) for k, v in wanted.items()}:
        raise InputError(
            f"{checkpoint}: was written by another version of the package; resume with the version that its record "
            "names, or go on from its weights with --config.init_from and another --workdir."
        )
    tree = jax.tree_util.tree_map_with_path(lambda path, _: found[name_of(path)], like._asdict())
    return place(TrainState(**tree), jax.tree.map(lambda leaf: leaf.sharding, like))
