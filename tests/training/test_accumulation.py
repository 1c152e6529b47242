"""Gradient accumulation against the large batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from training_examples import LENGTH, ONE_DEVICE, OneStage, largest_difference, noise_job, small_config

from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.resunet1d import ResUNet1D
from deeper_jax.training.loop import train
from deeper_jax.training.sharding import data_mesh, place, shard_batch, state_shardings
from deeper_jax.training.step import create_state, make_train_step

EIGHT = data_mesh()


def denoiser(
    batch_norm: bool, axis_name: str | None = "data", network: type = ResUNet1D
) -> tuple[FunctionalModel, dict]:
    """A network, and a batch of 32 whose parts differ much, so that the wrong weights of parts would show."""
    model = FunctionalModel(network(LENGTH, 4, batch_norm, axis_name=axis_name, rngs=nnx.Rngs(0)))
    rng = np.random.default_rng(0)
    spectra = rng.normal(size=(32, LENGTH)) * np.arange(1, 33)[:, None]
    return model, {"input": spectra.astype(np.float32), "target": (0.5 * spectra).astype(np.float32)}


def upsampler() -> tuple[FunctionalModel, dict]:
    model = FunctionalModel(HyRISR(2, length=6, width=8, groups=1, blocks=1, reduction=2, rngs=nnx.Rngs(0)))
    rng = np.random.default_rng(0)
    shapes = {"input": (32, 4, 4, 6), "target": (32, 8, 8, 6)}
    return model, {name: rng.uniform(size=shape).astype(np.float32) for name, shape in shapes.items()}


def one_step(model: FunctionalModel, batch: dict, mesh, parts: int, *, split: bool = False):
    # The step is the gradient, times one.
    optimizer = optax.sgd(1.0)
    state = create_state(model, optimizer)
    shardings = state_shardings(state, mesh, split=split)
    step = make_train_step(
        model,
        optimizer,
        accumulate_steps=parts,
        shardings=shardings,
    )
    return step(place(jax.tree.map(jnp.copy, state), shardings), shard_batch(batch, mesh))


def one_stage(batch_norm: bool) -> tuple[FunctionalModel, dict]:
    return denoiser(batch_norm, network=OneStage)


@pytest.mark.parametrize(
    ("network", "parts"), [(one_stage, 4), (upsampler, 2), pytest.param(denoiser, 4, marks=pytest.mark.slow)]
)
def test_parts_give_the_gradient_of_the_large_batch_without_batch_norm(network, parts):
    model, batch = network() if network is upsampler else network(False)
    whole, metrics = one_step(model, batch, EIGHT, 1)
    gradient = largest_difference(whole.params, model.params)
    assert gradient > 1e-3
    state, others = one_step(model, batch, EIGHT, parts)
    assert largest_difference(whole.params, state.params) < 1e-6 * max(1, gradient)
    for name, value in metrics.items():
        assert float(others[name]) == pytest.approx(float(value), rel=1e-5)


@pytest.mark.slow
def test_batch_norm_normalises_each_part_by_itself():
    """Against the parts made by hand: the mean of their gradients, the statistics moved part by part."""
    model, batch = denoiser(True)
    state, metrics = one_step(model, batch, ONE_DEVICE, 2)

    alone, _ = denoiser(True, axis_name=None)

    def loss(params, stats, part):
        output, stats = alone.train(params, stats, part["input"])
        return jnp.abs(output - part["target"]).mean(), stats

    stats, gradients, values = model.stats, [], []
    for first in (0, 1):
        part = {name: array[first::2] for name, array in batch.items()}
        (value, stats), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(model.params, stats, part)
        gradients.append(gradient)
        values.append(float(value))
    expected = jax.tree.map(lambda p, a, b: p - (a + b) / 2, model.params, *gradients)
    assert largest_difference(state.params, expected) < 1e-4
    assert largest_difference(state.stats, stats) < 1e-3  # of values up to hundreds
    assert float(metrics["loss"]) == pytest.approx(np.mean(values), rel=1e-5)
    whole, _ = one_step(model, batch, ONE_DEVICE, 1)
    assert largest_difference(whole.params, expected) > 1e-3  # which the large batch does not give


@pytest.mark.slow
def test_a_run_in_parts_ends_where_the_large_batch_does(tmp_path):
    configs = [small_config(batch_size=32, accumulate_steps=parts, steps=6, evaluate_every=6) for parts in (1, 4)]
    ends = []
    for config in configs:
        config.model.batch_norm = False
        ends.append(train(config, noise_job(config), tmp_path / str(config.train.accumulate_steps), EIGHT))
    assert largest_difference(ends[0].params, ends[1].params) < 1e-5


def test_a_batch_that_does_not_divide_is_refused(tmp_path):
    config = small_config(batch_size=24, accumulate_steps=2)
    with pytest.raises(InputError, match="batch_size is 24.*over 8 devices in 2 accumulated parts.*multiple of 16"):
        train(config, noise_job(config), tmp_path, EIGHT)
    config.train.accumulate_steps = 0
    with pytest.raises(InputError, match="accumulate_steps is 0; give 1"):
        train(config, noise_job(config), tmp_path, EIGHT)
    assert not (tmp_path / "config.json").exists()
