import contextlib
import json
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict
from training_examples import LENGTH, ONE_DEVICE, STEPS, largest_difference, layer, noise_job, small_config

import deeper_jax
from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.resunet1d import ResUNet1D
from deeper_jax.training.fitting_weights import fitting_weights
from deeper_jax.training.job import TrainingJob
from deeper_jax.training.loop import train
from deeper_jax.training.schedules import make_schedule
from deeper_jax.training.sharding import data_mesh
from deeper_jax.training.step import TrainState
from deeper_jax.training.stored_checkpoints import read_record, read_weights


def log(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def spectra() -> tuple[np.ndarray, np.ndarray]:
    """Positive spectra of five bands with noise and their targets, [256, LENGTH], each over its maximum."""
    rng, axis = np.random.default_rng(0), np.arange(LENGTH)
    centres, widths, heights = rng.uniform([0, 2, 0], [LENGTH, 6, 1], size=(256, 5, 3)).transpose(2, 1, 0)[..., None]
    target = 0.5 + (heights * np.exp(-(((axis - centres) / widths) ** 2))).sum(0)
    noisy = target + rng.normal(scale=0.1, size=target.shape)
    return tuple((s / s.max(1, keepdims=True)).astype(np.float32) for s in (noisy, target))


def spectra_job(config: ConfigDict, spectra: tuple[np.ndarray, np.ndarray]) -> TrainingJob:
    """As `noise_job`, of spectra."""

    def batch(step: int) -> dict:
        rows = np.random.default_rng([config.seed, step]).integers(0, len(spectra[0]), config.train.batch_size)
        return {"input": spectra[0][rows], "target": spectra[1][rows]}

    job = noise_job(config)
    return replace(job, train_batches=lambda start, total: (batch(step) for step in range(start, total)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, ConfigDict, TrainState]:
    """One run on one device that many tests look at: its directory, its config and its final state."""
    workdir, config = tmp_path_factory.mktemp("finished"), small_config()
    return workdir, config, train(config, noise_job(config), workdir, ONE_DEVICE)


def test_an_interrupted_run_ends_with_the_same_bits(finished, tmp_path):
    whole_workdir, config, whole = finished
    with pytest.raises(RuntimeError, match="power cut"):
        train(config, noise_job(config, fail_at=12), tmp_path / "halted", ONE_DEVICE)
    resumed = train(config, noise_job(config), tmp_path / "halted", ONE_DEVICE)
    assert largest_difference(whole, resumed) == 0
    for name in ("train/loss", "train/learning_rate"):
        curves = [[line[name] for line in log(path) if name in line] for path in (whole_workdir, tmp_path / "halted")]
        assert curves[0] == curves[1] and len(curves[0]) == STEPS


@pytest.mark.parametrize("stopped_at", [None, pytest.param(12, marks=pytest.mark.slow)])
def test_an_extended_run_is_the_longer_run_where_the_schedule_does_not_know_the_length(stopped_at, tmp_path, caplog):
    caplog.set_level("INFO", "deeper_jax")

    def config(steps):
        config = small_config(steps=steps, evaluate_every=5)
        config.schedule = ConfigDict({"name": "constant", "learning_rate": 1e-3})
        return config

    def job(steps, **options):
        return noise_job(config(steps), model=layer(), **options)

    whole = train(config(30), job(30), tmp_path / "whole", ONE_DEVICE)
    with contextlib.nullcontext() if stopped_at is None else pytest.raises(RuntimeError, match="power cut"):
        train(config(20), job(20, fail_at=stopped_at), tmp_path / "run", ONE_DEVICE)
    extended = train(config(30), job(30), tmp_path / "run", ONE_DEVICE)
    assert largest_difference(whole, extended) == 0
    assert "Extended from 20 to 30 steps; the learning rate goes on as theirs, from 0.001." in caplog.text
    curves = [
        [line["train/loss"] for line in log(tmp_path / name) if "train/loss" in line] for name in ("whole", "run")
    ]
    assert curves[0] == curves[1] and len(curves[0]) == 30
    # What it was is kept, and it cannot be made shorter again.
    (begun,) = read_record(tmp_path / "run" / "checkpoints" / "latest" / "30")["extended"]
    assert begun["from_steps"] == 20 and begun["to_steps"] == 30
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["steps"] == 30
    with pytest.raises(InputError, match=r"train\.steps was 30, now 20.*more of the steps or epochs.*to extend it"):
        train(config(20), job(20), tmp_path / "run", ONE_DEVICE)


def test_an_extended_run_goes_on_with_the_learning_rate_of_the_longer_one(tmp_path):
    short, longer = small_config(), small_config(steps=STEPS + 4)
    for config in (short, longer):
        train(config, noise_job(config, model=layer()), tmp_path, ONE_DEVICE)
    rates = [line["train/learning_rate"] for line in log(tmp_path) if "train/learning_rate" in line]
    schedule = make_schedule(**longer.schedule.to_dict(), total_steps=STEPS + 4, steps_per_epoch=10)
    np.testing.assert_allclose(rates[STEPS:], [schedule(step) for step in range(STEPS, STEPS + 4)], rtol=1e-6)
    assert rates[STEPS] > 100 * rates[STEPS - 1]  # up from the floor of the shorter cycle


def test_learning_reduces_the_loss_and_the_best_checkpoint_is_the_lowest_validation(tmp_path):
    config = small_config(steps=120, evaluate_every=20, checkpoint_every=1000)
    config.schedule.learning_rate = 0.01
    train(config, noise_job(config, model=layer()), tmp_path, ONE_DEVICE)
    lines = log(tmp_path)
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:10])
    validation = {line["step"]: line["validation/mse"] for line in lines if "validation/mse" in line}
    assert sorted(validation) == [20, 40, 60, 80, 100, 120]
    best = read_weights(tmp_path).path
    assert best.parent.name == "best"
    assert int(best.name) == min(validation, key=validation.get)
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_validation_is_masked_and_leaves_the_statistics_alone(finished, tmp_path):
    workdir, config, state = finished
    job = noise_job(config)
    evaluate, errors = jax.jit(FunctionalModel(job.model).evaluate), []
    for batch, mask in job.validation_batches():
        output = np.asarray(evaluate(state.params, state.stats, batch["input"]))
        errors.append(np.square(output - batch["target"]).mean(1)[mask == 1])
    expected = np.concatenate(errors)
    assert len(expected) == config.train.batch_size + 1
    assert log(workdir)[-1]["validation/mse"] == pytest.approx(expected.mean(), rel=1e-5)
    often = small_config(evaluate_every=5)
    other = train(often, noise_job(often), tmp_path, ONE_DEVICE)
    assert largest_difference(other.stats, state.stats) == 0


def test_load_gives_the_trained_network_and_its_record(finished):
    workdir, config, state = finished
    spectra = np.random.default_rng(3).normal(size=(5, LENGTH)).astype(np.float32)
    expected = jax.jit(FunctionalModel(noise_job(config).model).evaluate)(state.params, state.stats, spectra)
    for path in (workdir, read_weights(workdir).path):
        model = deeper_jax.load(path)
        np.testing.assert_allclose(model.network(spectra), expected, atol=1e-6)
        np.testing.assert_array_equal(model.wavenumbers, np.arange(LENGTH))
        assert model.config["model"]["width"] == 4
        assert model.record["preprocessing"] == [{"name": "crop"}]
    assert read_weights(workdir).record["step"] == STEPS


def test_source_checkpoint_gives_the_weights_but_not_the_steps(finished, tmp_path):
    workdir, _, source = finished
    tuned = small_config(steps=1)
    tuned.init_from = str(workdir)
    tuned.seed = 9
    tuned.schedule.learning_rate = 1e-12
    state = train(tuned, noise_job(tuned, scale=0.1), tmp_path, ONE_DEVICE)
    assert int(state.step) == 1
    assert largest_difference(source.params, state.params) < 1e-6


def test_source_checkpoint_of_another_shape_is_refused_by_name(finished, tmp_path):
    other = small_config()
    other.model.width = 8
    other.init_from = str(finished[0])
    with pytest.raises(InputError, match=r"do not fit the model.*other shapes.*\(3, 8, 4\), not \(3, 16, 8\)"):
        train(other, noise_job(other), tmp_path, ONE_DEVICE)


def test_mistakes_are_one_sentence_before_any_compute(finished, tmp_path):
    changed = small_config(steps=3)
    with pytest.raises(InputError, match=rf"config.json.*train.steps was {STEPS}, now 3.*another --workdir"):
        train(changed, noise_job(changed), finished[0], ONE_DEVICE)
    uneven = small_config(batch_size=12)
    with pytest.raises(InputError, match="batch_size is 12.*8 devices"):
        train(uneven, noise_job(uneven), tmp_path / "uneven", data_mesh())
    with pytest.raises(InputError, match="does not exist"):
        deeper_jax.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no complete checkpoint"):
        deeper_jax.load(tmp_path / "empty")


def test_functional_model_equals_the_module_in_both_modes():
    module = ResUNet1D(length=LENGTH, width=4, batch_norm=True, rngs=nnx.Rngs(0))
    spectra = np.random.default_rng(0).normal(size=(6, LENGTH)).astype(np.float32)
    model = FunctionalModel(module)
    output, stats = jax.jit(model.train)(model.params, model.stats, spectra)
    module.train()
    np.testing.assert_allclose(output, nnx.jit(ResUNet1D.__call__)(module, spectra), atol=1e-6)
    module.eval()
    evaluated = jax.jit(model.evaluate)(model.params, stats, spectra)
    np.testing.assert_allclose(evaluated, nnx.jit(ResUNet1D.__call__)(module, spectra), atol=1e-6)
    assert largest_difference(stats, model.stats) > 1e-3


def test_partial_source_keeps_what_is_asked_and_says_so(finished, tmp_path, caplog):
    caplog.set_level("INFO", "deeper_jax")
    workdir, _, source = finished
    other = small_config(steps=1)
    other.seed, other.schedule.learning_rate = 9, 1e-12
    other.init_from, other.init_partial, other.init_without = str(workdir), True, ("head",)
    state = train(other, noise_job(other), tmp_path, ONE_DEVICE)
    said = [line.strip() for line in caplog.text.splitlines() if line.endswith("kept, as asked")]
    assert largest_difference(source.params["encoder1"], state.params["encoder1"]) < 1e-6
    assert largest_difference(source.params["head"], state.params["head"]) > 1e-2
    assert len(said) == 9 and all("params.head." in line for line in said)


def test_what_does_not_fit_keeps_its_values_and_is_named(finished):
    workdir, _, source = finished
    model = FunctionalModel(ResUNet1D(length=2 * LENGTH, width=4, batch_norm=True, rngs=nnx.Rngs(3)))
    params, stats, words = fitting_weights(read_weights(workdir), model.params, model.stats)
    # The convolutions do not know the length; the layers along the spectrum do.
    assert largest_difference(params["encoder2"], source.params["encoder2"]) == 0
    assert largest_difference(stats, source.stats) == 0
    linear = params["head"][0]["linear"]["kernel"] if 0 in params["head"] else params["head"]["0"]["linear"]["kernel"]
    assert linear.shape == (2 * LENGTH, 2 * LENGTH)
    kernel = f"params.head.0.linear.kernel ({2 * LENGTH}, {2 * LENGTH}): the checkpoint has shape ({LENGTH}, {LENGTH})"
    assert len(words) == 6 and kernel in words


def test_partial_source_names_unknown_parts(finished, tmp_path):
    other = small_config(steps=1)
    other.init_from, other.init_partial, other.init_without = str(finished[0]), True, ("tail",)
    with pytest.raises(InputError, match="init_without names 'tail', which the network does not have"):
        train(other, noise_job(other), tmp_path, ONE_DEVICE)
