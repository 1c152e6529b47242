"""Runs that diverge: the step is named, what is finite is kept, and no checkpoint holds anything else."""

import re
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from training_examples import LENGTH, ONE_DEVICE, noise_job, small_config

from deeper_jax.errors import InputError
from deeper_jax.training.job import TrainingJob
from deeper_jax.training.loop import train
from deeper_jax.training.sharding import data_mesh
from deeper_jax.training.stored_checkpoints import read_arrays, read_record, steps_in

BAD = 12


def config_of(**settings):
    config = small_config(**{"log_every": 5, "evaluate_every": 10, "checkpoint_every": 5, "ema_decay": 0.5} | settings)
    config.schedule.learning_rate = 1e-3
    return config


def job_of(config, bad_steps: tuple[int, ...] = (), value: float = np.nan) -> TrainingJob:
    """One layer; the batches of `bad_steps` have `value` in row 3."""
    job = noise_job(config)

    def train_batches(start: int, total: int):
        for step, batch in enumerate(job.train_batches(start, total), start + 1):
            if step in bad_steps:
                batch["input"][3, 5] = value
            yield batch

    return replace(job, train_batches=train_batches, model=nnx.Linear(LENGTH, LENGTH, rngs=nnx.Rngs(0)))


def states(workdir: Path, kind: str = "latest") -> dict[int, dict[str, np.ndarray]]:
    steps = steps_in(workdir / "checkpoints" / kind)
    return {int(path.name): read_arrays(path, read_record(path)) for path in steps}


def assert_finite(workdir: Path) -> None:
    found = [states(workdir, kind) for kind in ("latest", "best")]
    for arrays in (arrays for each in found for arrays in each.values()):
        assert all(np.isfinite(array).all() for name, array in arrays.items() if name != "best")


@pytest.mark.parametrize("split", [False, True])
def test_a_run_stops_at_the_step_with_the_state_before_it_saved(tmp_path, split):
    mesh = data_mesh() if split else ONE_DEVICE
    config = config_of(shard_parameters=split)
    with pytest.raises(
        InputError, match=rf"diverged at step {BAD}: .*batch 2 of epoch 2, whose input is not finite in"
    ) as error:
        train(config, job_of(config, (BAD,)), tmp_path, mesh)
    assert "rows [3]" in str(error.value) and f"the latest that of step {BAD - 1}" in str(error.value)
    kept = states(tmp_path)
    assert_finite(tmp_path)
    # It is the state of a run that saves there, to the bit.
    other = config_of(shard_parameters=split, checkpoint_every=BAD - 1, log_every=1)
    train(other, job_of(other), tmp_path / "sound", mesh)
    sound = states(tmp_path / "sound")[BAD - 1]
    assert max(kept) == BAD - 1 and kept[BAD - 1].keys() == sound.keys()
    for name, array in sound.items():
        np.testing.assert_array_equal(kept[BAD - 1][name], array, err_msg=name)
    # Resumed as it is it ends there again; with the data mended it goes on to the same end.
    with pytest.raises(InputError, match=rf"diverged at step {BAD}"):
        train(config, job_of(config, (BAD,)), tmp_path, mesh)
    assert int(train(config, job_of(config), tmp_path, mesh).step) == 20


def test_skipping_leaves_the_step_out_and_is_resumed_exactly(tmp_path, caplog):
    bad = (3, BAD, BAD + 1)
    config = config_of(on_divergence="skip")
    whole = train(config, job_of(config, bad), tmp_path / "whole", ONE_DEVICE)
    said = [record.getMessage() for record in caplog.records if "Left out" in record.getMessage()]
    assert [re.findall(r"\d+", text) for text in said] == [["1", "3"], ["2", "12", "13"]]
    stopped = config_of()
    for _ in range(2):
        with pytest.raises(InputError, match="diverged at step 3"):
            train(stopped, job_of(stopped, bad), tmp_path / "resumed", ONE_DEVICE)
    resumed = train(config, job_of(config, bad), tmp_path / "resumed", ONE_DEVICE)
    assert int(whole.step) == int(resumed.step) == 20
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(resumed), strict=True):
        np.testing.assert_array_equal(one, other)
    assert_finite(tmp_path / "whole")


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 1e6), ("adam", 3e38), ("sgd", 1e30), ("adamw", 1e25)])
@pytest.mark.parametrize("what", ["stop", "skip"])
def test_learning_rates_too_high_leave_no_checkpoint_that_is_not_finite(tmp_path, optimizer, rate, what):
    config = config_of(on_divergence=what, steps=30)
    config.optimizer.name, config.schedule = optimizer, {"name": "constant", "learning_rate": rate}
    layers = nnx.Sequential(*(nnx.Linear(LENGTH, LENGTH, rngs=nnx.Rngs(seed)) for seed in range(7)))
    with pytest.raises(InputError, match=r"diverged at step \d+: .*whose input is from -\d.* to \d"):
        train(config, replace(job_of(config), model=layers), tmp_path, ONE_DEVICE)
    assert_finite(tmp_path)


@pytest.mark.slow
def test_running_statistics_stay_finite_too(tmp_path):
    config = config_of()
    config.schedule.learning_rate = 1e30
    with pytest.raises(InputError, match="diverged at step"):
        train(config, noise_job(config), tmp_path, ONE_DEVICE)
    assert_finite(tmp_path)


def test_what_to_do_is_checked(tmp_path):
    config = config_of(on_divergence="pray")
    with pytest.raises(InputError, match="train.on_divergence is 'pray'; choose one of stop, skip"):
        train(config, job_of(config), tmp_path, ONE_DEVICE)
