"""The training loop, the same for every network."""

import contextlib
import functools
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.training.checkpoints import CheckpointWriter, restore
from deeper_jax.training.distributed import all_do, first_alone, is_first, same_everywhere
from deeper_jax.training.divergence import DivergenceWatch, batch_in_words
from deeper_jax.training.fitting_weights import check_fit, fitting_weights
from deeper_jax.training.job import TrainingJob
from deeper_jax.training.optimizers import make_optimizer
from deeper_jax.training.provenance import check_same_data, provenance
from deeper_jax.training.run_directory import claim, held
from deeper_jax.training.run_log import RunLog, SilentLog
from deeper_jax.training.schedules import make_schedule
from deeper_jax.training.sharding import (
    check_batch_size,
    data_mesh,
    place,
    replicate,
    shard_batch,
    shard_whole_batch,
    state_shardings,
)
from deeper_jax.training.step import Metrics, TrainState, make_train_step, make_validation_step, start_state
from deeper_jax.training.stop_request import StopRequest
from deeper_jax.training.stored_checkpoints import read_weights

_log = logging.getLogger(__name__)


def total_steps(config: ConfigDict, steps_per_epoch: int) -> int:
    """Steps of the whole run: `train.steps` if given, else `train.epochs` epochs."""
    return config.train.steps or config.train.epochs * steps_per_epoch


def train(config: ConfigDict, job: TrainingJob, workdir: str | Path, mesh: Mesh | None = None) -> TrainState:
    """Train `job` in `workdir`, from the latest checkpoint there if there is one; returns the final state.

    A run whose `train.steps` or `train.epochs` are more than before is extended: from where it stands, the learning
    rate is that of a run which had them from the beginning.

    Order of initialisation: the run's own latest checkpoint, else `init_from` (a source checkpoint to
    fine-tune), else random weights from `seed`. On the CPU a run that was killed and started again ends with
    the same bits as one that was not.

    Raises:
      InputError: the batch does not divide over the devices, `workdir` holds another experiment or one that is
        running, or nothing sound to resume from, or cannot be written to, or the source checkpoint does not fit.
    """
    mesh = mesh or data_mesh()
    check_batch_size(config.train.batch_size, mesh, config.train.accumulate_steps)
    with contextlib.ExitStack() as stack:
        first_alone(lambda: stack.enter_context(held(Path(workdir))))
        return _train(config, job, Path(workdir), mesh, stack)


def _train(config: ConfigDict, job: TrainingJob, workdir: Path, mesh: Mesh, stack: contextlib.ExitStack) -> TrainState:
    first_alone(lambda: claim(workdir, config))
    check_same_data(workdir, job.record)
    steps = total_steps(config, job.steps_per_epoch)
    schedule = make_schedule(**config.schedule.to_dict(), total_steps=steps, steps_per_epoch=job.steps_per_epoch)
    optimizer = make_optimizer(**config.optimizer.to_dict(), schedule=schedule)
    model = FunctionalModel(job.model)
    state, shardings, record = _initial_state(config, model, optimizer, workdir, steps, mesh)
    checkpoints = stack.enter_context(contextlib.closing(CheckpointWriter(workdir)))
    if record:
        checkpoints.complete(state, record)
    processes = f" of {jax.process_count()} processes" if jax.process_count() > 1 else ""
    _say(
        f"{model.count():,} parameters, {steps:,} steps of {config.train.batch_size} "
        f"on {mesh.size} {jax.devices()[0].platform} device(s){processes}."
    )
    extended = list(record.get("extended", []))
    if record and (before := total_steps(ConfigDict(record["config"]), job.steps_per_epoch)) < steps:
        extended.append({"at_step": int(state.step), "from_steps": before, "to_steps": steps})
        rate = float(schedule(int(state.step)))
        _say(f"Extended from {before:,} to {steps:,} steps; the learning rate goes on as theirs, from {rate:.3g}.")
    log = (RunLog if is_first() else SilentLog)(workdir, int(state.step), steps, config.train.batch_size)
    stack.enter_context(contextlib.closing(log))
    return _Run(config, job, model, optimizer, schedule, shardings, log, checkpoints, steps, extended).go(state)


def _initial_state(
    config: ConfigDict,
    model: FunctionalModel,
    optimizer: Any,
    workdir: Path,
    steps: int,
    mesh: Mesh,
) -> tuple[TrainState, Any, dict[str, Any]]:
    """The state to go on from, its shardings, and its record if it is resumed.

    Resume beats source checkpoint beats random weights.
    """
    start = functools.partial(start_state, optimizer=optimizer, ema=config.train.ema_decay > 0)
    shapes = jax.eval_shape(start, model.params, model.stats)
    shardings = state_shardings(shapes, mesh, split=config.train.shard_parameters)
    # Never whole on one device first, if it is to be split over many.
    restored = restore(workdir, jax.tree.map(lambda leaf, where: leaf.update(sharding=where), shapes, shardings))
    if restored is not None:
        state, record = restored
        _say(f"Resuming at step {int(state.step)} of {steps}.")
        return state, shardings, record
    params, stats = same_everywhere(_source_weights(config, model))
    params, stats = place(params, shardings.params), place(stats, shardings.stats)
    return jax.jit(start, out_shardings=shardings)(params, stats), shardings, {}


def _source_weights(config: ConfigDict, model: FunctionalModel) -> tuple[Any, Any]:
    """Parameters and statistics of `init_from`, or the model's own."""
    if not config.init_from:
        return model.params, model.stats
    source = read_weights(config.init_from)
    if not config.init_partial:
        check_fit(source, model.params, model.stats)
        _say(f"Starting from the weights of {source.path}.")
        return source.params, source.stats
    params, stats, words = fitting_weights(source, model.params, model.stats, tuple(config.init_without))
    _say(f"Starting from the weights of {source.path}, but for {len(words)} arrays:")
    _say("\n".join(f"  {line}" for line in words))
    return params, stats


@dataclass
class _Run:
    """One run in progress: everything that does not change from step to step."""

    config: ConfigDict
    job: TrainingJob
    model: FunctionalModel
    optimizer: Any
    schedule: Any
    shardings: Any
    log: RunLog | SilentLog
    checkpoints: CheckpointWriter
    steps: int
    extended: list[dict[str, int]]

    def __post_init__(self) -> None:
        self.record = _record(self.config, self.job)
        if self.extended:
            self.record["extended"] = self.extended
        settings = self.config.train
        self.mesh = self.shardings.step.mesh
        self.train_step = make_train_step(
            self.model,
            self.optimizer,
            loss=settings.loss,
            ema_decay=settings.ema_decay,
            accumulate_steps=settings.accumulate_steps,
            on_divergence=settings.on_divergence,
            batch_statistics=settings.batch_statistics,
            shardings=self.shardings,
        )
        self.validation_step = make_validation_step(self.model, settings.loss, self.mesh)
        self.watch = DivergenceWatch(skip=settings.on_divergence == "skip")

    def go(self, state: TrainState) -> TrainState:
        """Step from where `state` stands to the end; validate, log and save on the way."""
        every, stop = self.config.train, None
        start, clock = int(state.step), time.perf_counter()
        if start >= self.steps:
            _say("The run is finished; a larger --config.train.steps, or epochs where it counts those, extends it.")
        batches = self.job.train_batches(start, self.steps)
        for step in range(start + 1, self.steps + 1):
            batch = shard_batch(next(batches), self.mesh)
            if step == start + 1 and jax.process_count() > 1:
                # Its exchanges must not begin in one process while another still compiles.
                jitted: Any = self.train_step
                self.train_step = all_do(jitted.lower(state, batch).compile)
            state, metrics = self.train_step(state, batch)
            self.watch.add(metrics.pop("finite"))
            self.log.advance()
            # Only from here on, with the step compiled, is there something to save.
            stop = stop or StopRequest()
            last, stopping = step == self.steps, stop.at(step)
            log, evaluate = step % every.log_every == 0 or last, step % every.evaluate_every == 0 or last
            save = step % every.checkpoint_every == 0 or stopping
            # Only at these does the host wait for the device.
            if log or evaluate or save:
                self._check(step, state)
            if log:
                rate = (step - start) * every.batch_size / (time.perf_counter() - clock)
                self._log_training(step, metrics, rate)
            if evaluate:
                state = self._validate_and_save(step, state)
            elif save:
                self.checkpoints.save(state, {**self.record, "step": step}, is_best=False)
            if stopping and not last:
                self._leave(step, stop.signal_number)
        return state

    def _check(self, step: int, state: TrainState) -> None:
        """Raise InputError if the run has diverged, once the last state that is finite is saved."""
        diverged = self.watch.diverged(step)
        if not diverged:
            return
        finite, saved = int(state.step), "no checkpoint was written"
        if finite:
            saved = f"the checkpoints are finite, the latest that of step {finite}"
            state = state._replace(diverged=replicate(np.int32(0), self.mesh))
            self.checkpoints.save(state, {**self.record, "step": finite}, is_best=False)
        raise InputError(
            f"training diverged at step {diverged}: its loss, gradient or new weights are not finite; it saw "
            f"{batch_in_words(self.job, diverged)}; {saved}: mend the data, start in another --workdir "
            "with a lower --config.schedule.learning_rate, or leave such steps out by "
            "--config.train.on_divergence=skip."
        )

    def _log_training(self, step: int, metrics: Metrics, rate: float) -> None:
        values = {f"train/{name}": float(value) for name, value in metrics.items()}
        values["train/learning_rate"] = float(self.schedule(step - 1))
        values["train/examples_per_second"] = rate
        self.log.write(step, values)

    def _validate_and_save(self, step: int, state: TrainState) -> TrainState:
        validation = self._validate(state)
        improved = validation["mse"] < float(state.best)
        if improved:
            state = state._replace(best=replicate(np.float32(validation["mse"]), self.mesh))
        self.log.write(step, {f"validation/{name}": value for name, value in validation.items()})
        record = {**self.record, "step": step, "validation": validation}
        self.checkpoints.save(state, record, is_best=improved)
        return state

    def _validate(self, state: TrainState) -> dict[str, float]:
        """Mean loss and MSE over all validation examples, in evaluation mode; the padding counts nothing."""
        sums = {"loss": 0.0, "mse": 0.0, "count": 0.0}
        for batch, mask in self.job.validation_batches():
            placed = shard_whole_batch({**batch, "mask": np.asarray(mask, np.float32)}, self.mesh)
            weights = placed.pop("mask")
            for name, value in self.validation_step(state.weights, state.stats, placed, weights).items():
                sums[name] += float(value)
        return {name: sums[name] / sums["count"] for name in ("loss", "mse")}

    def _leave(self, step: int, signal_number: int) -> None:
        self.log.close()
        self.checkpoints.close()
        _say(f"Stopped at step {step} of {self.steps} on request; the same command resumes there.")
        raise SystemExit(128 + signal_number)


def _record(config: ConfigDict, job: TrainingJob) -> dict[str, Any]:
    return {"config": config.to_dict(), **provenance(), **job.record}


def _say(text: str) -> None:
    if is_first():
        _log.info(text)
