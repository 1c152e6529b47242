"""BatchNorm by each device's own statistics, against the parts of the batch made by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from training_examples import LENGTH, OneStage, largest_difference, noise_job, small_config

from benchmarks.collectives import moved_bytes
from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.resunet1d import ResUNet1D
from deeper_jax.tasks.memory import compile_step
from deeper_jax.tasks.settings import check_settings
from deeper_jax.training.loop import train
from deeper_jax.training.sharding import data_mesh, place, shard_batch, state_shardings
from deeper_jax.training.step import create_state, make_train_step

EIGHT = data_mesh()


def denoiser(axis_name: str | None = None, network: type = OneStage) -> FunctionalModel:
    return FunctionalModel(network(LENGTH, 4, True, axis_name=axis_name, rngs=nnx.Rngs(0)))


def one_step(model: FunctionalModel, batch: dict[str, np.ndarray], devices: int, statistics: str):
    optimizer = optax.sgd(1.0)  # the step is the gradient
    state = create_state(model, optimizer)
    shardings = state_shardings(state, data_mesh(jax.devices()[:devices]))
    step = make_train_step(model, optimizer, batch_statistics=statistics, shardings=shardings)
    return step(place(jax.tree.map(jnp.copy, state), shardings), shard_batch(batch, shardings.step.mesh))


@pytest.mark.parametrize("network", [OneStage, pytest.param(ResUNet1D, marks=pytest.mark.slow)])
def test_each_device_normalises_its_own_part(network):
    model, rng = denoiser(network=network), np.random.default_rng(0)
    # Parts that differ much: statistics of the whole batch would be others.
    spectra = (rng.normal(size=(16, LENGTH)) * np.arange(1, 17)[:, None]).astype(np.float32)
    batch = {"input": spectra, "target": 0.5 * spectra}
    state, metrics = one_step(model, batch, 8, "device")

    def loss(params, part):
        output, stats = model.train(params, model.stats, part["input"])
        return jnp.abs(output - part["target"]).mean(), stats

    gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))
    parts = [gradient(model.params, {name: array[i : i + 2] for name, array in batch.items()}) for i in range(0, 16, 2)]
    values, stats = zip(*(value for value, _ in parts), strict=True)

    def mean(*leaves: jax.Array) -> jax.Array:
        return sum(leaves) / 8

    gradients = jax.tree.map(mean, *(gradient for _, gradient in parts))
    assert largest_difference(state.params, jax.tree.map(jnp.subtract, model.params, gradients)) < 1e-4
    assert largest_difference(state.stats, jax.tree.map(mean, *stats)) < 1e-4
    assert float(metrics["loss"]) == pytest.approx(np.mean(values), rel=1e-5)
    whole, _ = one_step(denoiser("data", network), batch, 8, "all")
    assert largest_difference(whole.params, state.params) > 1e-3
    # One device is all devices.
    ends = [one_step(denoiser(axis, network), batch, 1, name)[0] for axis, name in (("data", "all"), (None, "device"))]
    assert largest_difference(ends[0].params, ends[1].params) == 0


def test_a_step_exchanges_once():
    counts = {}
    for statistics in ("all", "device"):
        config = small_config(batch_statistics=statistics)
        config.model.batch_norm = True
        compiled, state = compile_step(config, 16, EIGHT)
        moved = moved_bytes(compiled.as_text(), 8)
        counts[statistics] = moved.count["all-reduce"]
    assert counts["device"] == 1 < counts["all"]
    # Parameters, statistics, the loss and the other mean.
    assert moved.bytes["all-reduce"] == 4 * sum(leaf.size for leaf in jax.tree.leaves((state.params, state.stats))) + 8


def test_a_run_with_statistics_by_device_is_whole_in_every_way(tmp_path):
    config = small_config(batch_size=16, steps=4, evaluate_every=2, batch_statistics="device")
    config.model.batch_norm = True
    job = noise_job(config, model=OneStage(LENGTH, rngs=nnx.Rngs(0)))
    end = train(config, job, tmp_path, EIGHT)
    assert int(end.step) == 4 and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(end.stats))
    for leaf in jax.tree.leaves((end.params, end.stats)):
        shards = [np.asarray(shard.data) for shard in leaf.addressable_shards]
        assert len(shards) == 8 and all((shard == shards[0]).all() for shard in shards)
    config.train.batch_statistics = "all"
    with pytest.raises(InputError, match="batch_statistics was 'device', now 'all'"):
        train(config, job, tmp_path, EIGHT)


def test_what_is_not_meant_is_refused():
    config = small_config(batch_statistics="devices")
    with pytest.raises(InputError, match=r"'devices' \(did you mean 'device'\?\); choose one of all, device"):
        check_settings(config)
    batch = {"input": np.zeros((8, LENGTH), np.float32), "target": np.zeros((8, LENGTH), np.float32)}
    for axis, statistics in ((None, "all"), ("data", "device")):
        with pytest.raises(ValueError, match="on several devices BatchNorm needs"):
            one_step(denoiser(axis), batch, 8, statistics)
