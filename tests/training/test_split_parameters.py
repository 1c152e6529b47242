"""Parameters and optimizer state split over the devices: the same training with less memory a device."""

import functools
import math

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from training_examples import LENGTH, ONE_DEVICE, largest_difference, noise_job, small_config

import deeper_jax
from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.training.loop import train
from deeper_jax.training.optimizers import make_optimizer
from deeper_jax.training.run_directory import claim
from deeper_jax.training.sharding import batch_sharding, data_mesh, state_shardings
from deeper_jax.training.step import make_train_step, start_state
from deeper_jax.training.stored_checkpoints import read_weights

EIGHT = data_mesh()


def bytes_on(device: jax.Device, tree) -> int:
    shards = [shard for leaf in jax.tree.leaves(tree) for shard in leaf.addressable_shards]
    return sum(shard.data.nbytes for shard in shards if shard.device == device)


def config_of(split: bool, **settings):
    config = small_config(
        steps=8, evaluate_every=4, checkpoint_every=4, shard_parameters=split, ema_decay=0.9, **settings
    )
    config.model.batch_norm, config.model.width = False, 8
    config.optimizer.gradient_clip = 1.0
    return config


def two_layers() -> nnx.Module:
    """Compiles in a moment."""
    rngs = nnx.Rngs(0)
    return nnx.Sequential(nnx.Linear(LENGTH, 96, rngs=rngs), nnx.relu, nnx.Linear(96, LENGTH, rngs=rngs))


NETWORKS = {"two layers": two_layers, "ResUNet1D": lambda: None}


@pytest.fixture(scope="module", params=["two layers", pytest.param("ResUNet1D", marks=pytest.mark.slow)])
def runs(request, tmp_path_factory):
    """The run with the whole state on each device, and the one with it split: (directory, final state); the network."""
    network = NETWORKS[request.param]
    found = {"network": network}
    for split in (False, True):
        workdir, config = tmp_path_factory.mktemp(f"split_{split}"), config_of(split)
        found[split] = (workdir, train(config, noise_job(config, model=network()), workdir, EIGHT))
    return found


def test_split_training_ends_with_the_same_parameters_in_less_memory(runs):
    (_, whole), (_, split) = runs[False], runs[True]
    assert largest_difference(whole.params, split.params) < 1e-5
    assert largest_difference(whole.ema, split.ema) < 1e-5
    for device in jax.devices():
        assert bytes_on(device, split) < bytes_on(device, whole) / 2.5  # small arrays stay whole
        for part in ("params", "opt_state", "ema"):
            assert bytes_on(device, getattr(split, part)) < bytes_on(device, getattr(whole, part)) / 2.5


def test_split_and_whole_runs_resume_each_other_and_load(runs, tmp_path):
    whole, network = runs[False][1], runs["network"]
    config = config_of(True)
    task = noise_job(config, fail_at=6, model=network())
    with pytest.raises(RuntimeError, match="power cut"):
        train(config, task, tmp_path, EIGHT)
    config = config_of(False)
    resumed = train(config, noise_job(config, model=network()), tmp_path, ONE_DEVICE)
    assert largest_difference(whole.params, resumed.params) < 1e-5
    stored = read_weights(runs[True][0])
    assert largest_difference(stored.params, whole.ema) < 1e-5
    if network() is None:
        assert largest_difference(deeper_jax.load(stored.path).params, whole.ema) < 1e-5


def test_a_run_may_be_resumed_split_but_not_in_other_parts(tmp_path):
    config = config_of(False)
    claim(tmp_path, config)
    (tmp_path / "checkpoints" / "latest" / "4").mkdir(parents=True)
    config.train.shard_parameters = True
    claim(tmp_path, config)
    config.train.accumulate_steps = 2
    with pytest.raises(InputError, match=r"train.accumulate_steps was 1, now 2"):
        claim(tmp_path, config)


def test_an_array_is_split_along_the_axis_that_allows_most_parts():
    shapes = {
        # shape, parts, axis
        "longest": ((64, 128), 8, 1),
        "first": ((128, 64), 8, 0),
        "only": ((18, 16, 3, 3, 250, 250), 8, 1),
        "in groups of four": ((18, 12, 250), 4, 1),
        "in pairs": ((18, 3, 250), 2, 2),
        "odd": ((125, 125), 1, None),
        "small": ((8, 64), 1, None),
        "scalar": ((), 1, None),
    }
    tree = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, (shape, _, _) in shapes.items()}
    shardings = state_shardings(tree, EIGHT, split=True)
    for name, (shape, parts, axis) in shapes.items():
        expected = tuple(size // parts if place == axis else size for place, size in enumerate(shape))
        assert shardings[name].shard_shape(shape) == expected, name
        # Neighbours share a copy.
        slices = shardings[name].devices_indices_map(shape)
        assert len({str(slices[device]) for device in jax.devices()[:parts]}) == parts
    assert all(sharding.is_fully_replicated for sharding in state_shardings(tree, EIGHT).values())


def shapes_and_shardings(length: int, groups: int, blocks: int, width: int, split: bool):
    """The model, its optimizer, and the state as shapes that say where it lies; nothing is allocated."""
    module = nnx.eval_shape(
        lambda: HyRISR(4, length=length, width=width, groups=groups, blocks=blocks, rngs=nnx.Rngs(0))
    )
    model, optimizer = FunctionalModel(module), make_optimizer("adam", 1e-4)
    start = functools.partial(start_state, optimizer=optimizer, ema=True)
    shapes = jax.eval_shape(start, model.params, model.stats)
    shardings = state_shardings(shapes, EIGHT, split=split)
    return model, optimizer, jax.tree.map(lambda leaf, where: leaf.update(sharding=where), shapes, shardings), shardings


def state_bytes(shapes) -> int:
    return sum(4 * math.prod(leaf.sharding.shard_shape(leaf.shape)) for leaf in jax.tree.leaves(shapes))


def test_the_papers_network_needs_an_eighth_of_the_memory_on_eight_devices():
    whole, split = (shapes_and_shardings(500, 18, 16, 250, split) for split in (False, True))
    assert whole[0].count() > 359e6
    assert state_bytes(split[2]) < 0.16 * state_bytes(whole[2])


@pytest.mark.slow
def test_the_compiled_step_needs_less_memory():
    needs = {}
    for split in (False, True):
        model, optimizer, shapes, shardings = shapes_and_shardings(16, 2, 2, 64, split)
        batch = {
            name: jax.ShapeDtypeStruct((8, side, side, 16), jnp.float32, sharding=batch_sharding(EIGHT))
            for name, side in (("input", 2), ("target", 8))
        }
        step = make_train_step(model, optimizer, ema_decay=0.9, shardings=shardings)
        needs[split] = step.lower(shapes, batch).compile().memory_analysis()
        assert state_bytes(shapes) < needs[split].argument_size_in_bytes < state_bytes(shapes) + 2**17
    together = {split: need.argument_size_in_bytes + need.temp_size_in_bytes for split, need in needs.items()}
    assert together[True] < 0.7 * together[False]
