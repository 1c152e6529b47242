"""HyRISR: sizes, the pixel shuffle's order, rematerialisation, and what the full network costs to compile."""

import math
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from torch_twins import TorchHyRISR, numpy_state_dict

from deeper_jax.errors import InputError
from deeper_jax.models.hyrisr import HyRISR, ResidualGroups, pixel_shuffle
from deeper_jax.models.torch_import import hyrisr_from_state_dict

SMALL = {"length": 12, "width": 8, "groups": 2, "blocks": 3, "reduction": 4}


def count(model: nnx.Module) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


def twin_state_dict(scale: int, seed: int = 0) -> dict[str, np.ndarray]:
    torch.manual_seed(seed)
    return numpy_state_dict(TorchHyRISR(scale, **SMALL))


def value_and_gradient(model: nnx.Module, x: np.ndarray, target: np.ndarray) -> tuple[jax.Array, dict]:
    graph, state = nnx.split(model)

    def loss(state):
        return jnp.abs(nnx.merge(graph, state)(x) - target).mean()

    value, gradient = jax.jit(jax.value_and_grad(loss))(state)
    return value, nnx.to_pure_dict(gradient)


@pytest.mark.parametrize(
    ("blocks", "scale", "parameters"),
    [
        (6, 2, 147_150_870),
        (6, 3, 158_403_370),
        (6, 4, 156_152_870),
        (16, 2, 351_138_570),
        (16, 3, 362_391_070),
        (16, 4, 360_140_570),
    ],
)
def test_parameter_counts_of_the_reference(blocks: int, scale: int, parameters: int) -> None:
    """Counted without allocating any of them."""
    assert count(nnx.eval_shape(lambda: HyRISR(scale, blocks=blocks, rngs=nnx.Rngs(0)))) == parameters


@pytest.mark.parametrize("factor", [2, 3])
def test_pixel_shuffle_is_torchs(factor: int) -> None:
    x = np.random.default_rng(factor).normal(size=(2, 3, 4, 5 * factor**2)).astype(np.float32)
    expected = torch.pixel_shuffle(torch.from_numpy(x).permute(0, 3, 1, 2), factor).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(pixel_shuffle(jnp.asarray(x), factor), expected.numpy())


def test_pixel_shuffle_by_hand() -> None:
    """Channels 0-3 are the four pixels of the first feature, not the first of each feature."""
    shuffled = pixel_shuffle(jnp.arange(8.0).reshape(1, 1, 1, 8), 2)
    np.testing.assert_array_equal(shuffled[0, :, :, 0], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(shuffled[0, :, :, 1], [[4, 5], [6, 7]])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shapes_and_dtypes(scale: int, dtype: type) -> None:
    model = nnx.eval_shape(lambda: HyRISR(scale, **SMALL, dtype=dtype, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(model)
    image = jax.ShapeDtypeStruct((2, 5, 7, 12), jnp.float32)
    output = jax.eval_shape(lambda state, x: nnx.merge(graph, state)(x), state, image)
    assert output.shape == (2, 5 * scale, 7 * scale, 12) and output.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(state))


def test_initial_values_fill_their_bounds_and_differ_between_blocks() -> None:
    body = ResidualGroups(2, 3, 8, 4, "none", rngs=nnx.Rngs(5))
    fan_ins = {"first": 72, "second": 72, "squeeze": 8, "excite": 2}
    for part, fan_in in fan_ins.items():
        for kind in ("kernel", "bias"):
            values = np.asarray(getattr(body.blocks, f"{part}_{kind}")[...])
            assert values.shape[:2] == (2, 3)
            assert 0.7 / math.sqrt(fan_in) < np.abs(values).max() <= 1 / math.sqrt(fan_in)
            flat = values.reshape(6, -1)
            assert len(np.unique(flat, axis=0)) == 6
    assert 0.9 / math.sqrt(72) < np.abs(body.kernel[...]).max() <= 1 / math.sqrt(72)


@pytest.mark.parametrize(
    "remat", ["none", "both", *(pytest.param(remat, marks=pytest.mark.slow) for remat in ("blocks", "groups"))]
)
def test_gradients_are_torchs_and_the_same_with_every_remat(remat: str) -> None:
    """The stacked body's gradient, compared in the released layout through the import's own slots."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (2, 3, 4, 12)).astype(np.float32)
    target = rng.uniform(0, 1, (2, 6, 8, 12)).astype(np.float32)
    torch.manual_seed(0)
    net = TorchHyRISR(2, **SMALL)
    (net(torch.from_numpy(x)) - torch.from_numpy(target)).abs().mean().backward()
    gradients = {name: parameter.grad.numpy() for name, parameter in net.named_parameters()}
    expected = nnx.to_pure_dict(nnx.state(hyrisr_from_state_dict(gradients)))
    model = hyrisr_from_state_dict(numpy_state_dict(net), remat=remat)
    _, gradient = value_and_gradient(model, x, target)
    pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(expected), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, atol=2e-5 * np.abs(theirs).max())


def test_bfloat16_is_near_float32() -> None:
    x = np.random.default_rng(0).uniform(0, 1, (1, 4, 4, 12)).astype(np.float32)
    weights = twin_state_dict(3)
    exact, rounded = (
        np.asarray(hyrisr_from_state_dict(weights, dtype=dtype)(x)) for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert 1e-5 < np.abs(exact - rounded).max() / np.ptp(exact) < 0.05


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scale": 5}, "2, 3 or 4"),
        ({"width": 8, "reduction": 9}, "reduction"),
        ({"blocks": 0}, "blocks"),
        ({"remat": "all"}, "none, blocks, groups, both"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        HyRISR(**arguments, rngs=nnx.Rngs(0))


def test_wrong_inputs_are_refused() -> None:
    model = nnx.eval_shape(lambda: HyRISR(2, **SMALL, rngs=nnx.Rngs(0)))
    for shape in ((1, 4, 4, 10), (4, 4, 12)):
        with pytest.raises(InputError, match=r"\[N, h, w, 12\]"):
            model(jnp.ones(shape))


def compile_training_step(blocks: int, batch: int) -> tuple[float, int]:
    """Processor seconds to compile the full-size 4x training step, and its temporary memory in bytes."""
    model = nnx.eval_shape(lambda: HyRISR(4, blocks=blocks, remat="both", rngs=nnx.Rngs(0)))
    graph, state = nnx.split(model)
    image = jax.ShapeDtypeStruct((batch, 16, 16, 500), jnp.float32)
    target = jax.ShapeDtypeStruct((batch, 64, 64, 500), jnp.float32)

    def loss(state, image, target):
        return jnp.abs(nnx.merge(graph, state)(image) - target).mean()

    start = time.process_time()
    compiled = jax.jit(jax.value_and_grad(loss)).lower(state, image, target).compile()
    return time.process_time() - start, compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.slow
def test_depth_costs_neither_compile_time_nor_memory() -> None:
    compile_training_step(6, 1)  # what the process does once only
    shallow_seconds, _ = compile_training_step(6, 16)
    deep_seconds, deep_bytes = compile_training_step(16, 16)
    assert deep_seconds < 10
    assert deep_seconds <= 1.5 * shallow_seconds
    assert deep_bytes <= 6e9
