"""The bytes read from compiled programs, against programs whose exchange is known."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec
from training_examples import small_config

from benchmarks.collectives import moved_bytes
from deeper_jax.models.registry import DATA_AXIS
from deeper_jax.tasks.memory import compile_step
from deeper_jax.training.sharding import data_mesh

EIGHT = data_mesh()
SPLIT = PartitionSpec(DATA_AXIS)


def program(function, *shapes, mesh=EIGHT, split=SPLIT) -> str:
    mapped = jax.shard_map(function, mesh=mesh, in_specs=split, out_specs=split, check_vma=False)
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return jax.jit(mapped).lower(*arrays).compile().as_text()


def test_each_kind_is_counted_by_its_operand():
    # Each device has [100, 8] float32: 3200 bytes.
    moved = moved_bytes(program(lambda x: jax.lax.psum(x, DATA_AXIS), (800, 8)), 8)
    assert moved.bytes == {"all-reduce": 3200} and moved.sent == {"all-reduce": 2 * 7 / 8 * 3200}
    moved = moved_bytes(program(lambda x: jax.lax.all_gather(x, DATA_AXIS).sum(0), (800, 8)), 8)
    assert moved.bytes == {"all-gather": 3200} and moved.sent == {"all-gather": 7 * 3200}
    scatter = program(lambda x: jax.lax.psum_scatter(x, DATA_AXIS, scatter_dimension=1, tiled=True), (800, 8))
    moved = moved_bytes(scatter, 8)
    assert moved.bytes == {"reduce-scatter": 3200} and moved.sent == {"reduce-scatter": 7 / 8 * 3200}


def test_loops_count_each_time_and_groups_by_their_size():
    def repeated(x):
        return jax.lax.scan(lambda c, _: (jax.lax.psum(jnp.sin(c), DATA_AXIS), None), x, length=5)[0]

    moved = moved_bytes(program(repeated, (800, 8)), 8)
    assert moved.bytes == {"all-reduce": 5 * 3200} and moved.count == {"all-reduce": 5}
    pairs = jax.make_mesh((4, 2), ("other", DATA_AXIS), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    text = program(
        lambda x: jax.lax.psum(x, DATA_AXIS), (800, 8), mesh=pairs, split=PartitionSpec(("other", DATA_AXIS))
    )
    assert moved_bytes(text, 8).sent == {"all-reduce": 2 / 2 * 3200}


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_training_step_moves_its_gradients_once(batch_norm):
    config = small_config()
    config.model.batch_norm = batch_norm
    compiled, state = compile_step(config, 16, EIGHT)
    gradients = 4 * sum(leaf.size for leaf in jax.tree.leaves(state.params))
    # Loss and its other mean; BatchNorm: two sums and two gradients of them a channel.
    sums = 4 * 2 * sum(leaf.size for leaf in jax.tree.leaves(state.stats)) + 8
    moved = moved_bytes(compiled.as_text(), 8)
    assert set(moved.bytes) == {"all-reduce"}
    assert gradients + 8 <= moved.bytes["all-reduce"] <= gradients + sums
    if not batch_norm:
        assert moved.count == {"all-reduce": 1}
