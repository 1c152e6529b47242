import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.resunet1d import ResUNet1D
from deeper_jax.training.ordered_gradient import shard_count
from deeper_jax.training.sharding import data_mesh, replicate, shard_batch
from deeper_jax.training.state import create_state, make_train_step

LENGTH = 32


def one_step(dtype, ordered: bool, devices: int, batch_size: int = 16):
    """Running statistics and metrics after one step of plain gradient descent: parameters move by the gradient."""
    mesh = data_mesh(jax.devices()[:devices])
    model = FunctionalModel(ResUNet1D(LENGTH, width=4, batch_norm=True, dtype=dtype, rngs=nnx.Rngs(0)))
    optimizer = optax.sgd(1.0)
    rng = np.random.default_rng(0)
    batch = {name: rng.normal(size=(batch_size, LENGTH)).astype(np.float32) for name in ("input", "target")}
    state = replicate(create_state(model, optimizer), mesh)
    before = jax.device_get(state.params)
    step = make_train_step(model, optimizer, ordered_on=mesh if ordered else None)
    state, metrics = step(state, shard_batch(batch, mesh))
    gradient = jax.tree.map(lambda a, b: a - b, before, jax.device_get(state.params))
    return gradient, jax.device_get(state.stats), jax.device_get(metrics)


@pytest.mark.parametrize("devices", [1, 8])
def test_ordered_gradient_is_that_of_autodiff(devices):
    ordered, plain = one_step(jnp.float32, True, devices), one_step(jnp.float32, False, 1)
    for found, expected in zip(ordered, plain, strict=True):
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=3e-7), found, expected)


def test_bfloat16_stays_near_float32_and_keeps_parameters_float32():
    half, single = one_step(jnp.bfloat16, True, 1), one_step(jnp.float32, False, 1)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(half))
    assert half[2]["loss"] == pytest.approx(single[2]["loss"], rel=0.02)
    assert half[2]["gradient_norm"] == pytest.approx(single[2]["gradient_norm"], rel=0.2)


@pytest.mark.parametrize(
    ("batch_size", "devices", "shards"),
    [(16, 8, 16), (256, 1, 16), (24, 8, 8), (8, 8, 8), (8, 16, 0), (6, 1, 2), (7, 1, 0), (48, 3, 0)],
)
def test_shards_divide_the_batch_and_the_devices(batch_size, devices, shards):
    assert shard_count(batch_size, devices) == shards


def test_either_loss_is_stepped_on():
    model = FunctionalModel(ResUNet1D(LENGTH, width=2, batch_norm=False, rngs=nnx.Rngs(0)))
    rng = np.random.default_rng(0)
    batch = {name: rng.normal(size=(8, LENGTH)).astype(np.float32) for name in ("input", "target")}
    error = np.asarray(model.train(model.params, model.stats, batch["input"])[0]) - batch["target"]
    for loss, expected in (("l1", np.abs(error).mean()), ("mse", np.square(error).mean())):
        step = make_train_step(model, optax.sgd(0.0), loss=loss)
        state = jax.tree.map(jnp.copy, create_state(model, optax.sgd(0.0)))
        assert step(state, batch)[1]["loss"] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(InputError, match="train.loss is 'huber'; choose one of l1, mse"):
        make_train_step(model, optax.sgd(0.0), loss="huber")


@pytest.mark.slow
def test_a_network_wide_enough_for_minimal_filtering_gives_the_same_bits_on_any_devices():
    found = []
    for devices in (1, 8):
        mesh = data_mesh(jax.devices()[:devices])
        model = FunctionalModel(ResUNet1D(256, width=32, batch_norm=True, rngs=nnx.Rngs(0)))
        rng = np.random.default_rng(0)
        batch = {name: rng.normal(size=(64, 256)).astype(np.float32) for name in ("input", "target")}
        state = replicate(create_state(model, optax.adam(1e-3)), mesh)
        step = make_train_step(model, optax.adam(1e-3), ordered_on=mesh)
        for _ in range(2):
            state, _ = step(state, shard_batch(batch, mesh))
        found.append(jax.device_get((state.params, state.stats)))
    jax.tree.map(np.testing.assert_array_equal, *found)
