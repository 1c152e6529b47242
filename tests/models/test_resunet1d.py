"""ResUNet1D and the shared layers: sizes, initial values, BatchNorm's statistics and the pure step."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from flax import nnx
from torch_twins import TorchResUNet1D, numpy_state_dict

from deeper_jax.errors import InputError
from deeper_jax.models.layers import BatchNorm, PReLU, convolution, linear
from deeper_jax.models.registry import build_model, describe_model
from deeper_jax.models.resunet1d import ResUNet1D, double, halve
from deeper_jax.models.torch_import import resunet1d_from_state_dict


def run(model: nnx.Module, x: jax.Array) -> jax.Array:
    """The model's answer, compiled whole (layer by layer would be slow here)."""
    graph, state = nnx.split(model)
    return jax.jit(lambda state, x: nnx.merge(graph, state)(x))(state, x)


def count(model: nnx.Module) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


@pytest.mark.parametrize(("batch_norm", "parameters"), [(True, 2_087_273), (False, 2_081_767)])
def test_parameter_counts_of_the_reference(batch_norm: bool, parameters: int) -> None:
    model = nnx.eval_shape(lambda: ResUNet1D(batch_norm=batch_norm, rngs=nnx.Rngs(0)))
    assert count(model) == parameters
    twin = TorchResUNet1D(batch_norm=batch_norm)
    assert sum(parameter.numel() for parameter in twin.parameters()) == parameters


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(("n", "length", "width"), [(3, 500, 4), (1, 4, 2), (2, 132, 8)])
def test_shapes_and_dtypes(n: int, length: int, width: int, dtype: type) -> None:
    model = nnx.eval_shape(lambda: ResUNet1D(length, width, dtype=dtype, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(model)
    spectra = jax.ShapeDtypeStruct((n, length), jnp.float32)
    output = jax.eval_shape(lambda state, x: nnx.merge(graph, state)(x), state, spectra)
    assert output.shape == (n, length) and output.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(state))


def test_bfloat16_is_near_float32() -> None:
    torch.manual_seed(0)
    x = jax.random.uniform(jax.random.key(1), (8, 64))
    weights = numpy_state_dict(TorchResUNet1D(64, 8))
    exact, rounded = (run(resunet1d_from_state_dict(weights, dtype=dtype), x) for dtype in (jnp.float32, jnp.bfloat16))
    difference = float(jnp.abs(exact - rounded).max() / jnp.ptp(exact))
    assert 1e-5 < difference < 0.1


@pytest.mark.parametrize("length", [501, 502, 503, 2, 0])
def test_lengths_that_cannot_be_halved_twice_are_refused(length: int) -> None:
    with pytest.raises(InputError, match="multiple of 4"):
        ResUNet1D(length, rngs=nnx.Rngs(0))


def test_wrong_inputs_are_refused() -> None:
    model = nnx.eval_shape(lambda: ResUNet1D(16, 2, rngs=nnx.Rngs(0)))
    for shape in ((3, 20), (16,), (1, 3, 16)):
        with pytest.raises(InputError, match=r"\[N, 16\]"):
            model(jnp.ones(shape))
    with pytest.raises(InputError, match="width"):
        ResUNet1D(16, 0, rngs=nnx.Rngs(0))


def test_pooling_and_upsampling_by_hand() -> None:
    x = jnp.array([[1.0, 5.0, -3.0, -2.0]])[..., None]
    np.testing.assert_array_equal(halve(x)[0, :, 0], [5, -2])
    np.testing.assert_array_equal(double(halve(x))[0, :, 0], [5, 5, -2, -2])


def test_prelu_has_one_slope_of_a_quarter() -> None:
    layer = PReLU()
    assert count(layer) == 1
    np.testing.assert_array_equal(layer(jnp.array([-4.0, 0.0, 3.0])), [-1, 0, 3])


@pytest.mark.parametrize("kind", ["conv1d", "conv2d", "linear"])
def test_initial_values_are_distributed_as_torchs(kind: str) -> None:
    """Same bounds, mean, spread and flatness, for weights and for biases, as many draws as torch's layer."""
    torch.manual_seed(0)
    rngs = nnx.Rngs(1)
    if kind == "conv1d":
        theirs: torch.nn.Module = torch.nn.Conv1d(20, 3000, 3)
        ours: nnx.Module = convolution(20, 3000, (3,), dtype=jnp.float32, rngs=rngs)
    elif kind == "conv2d":
        theirs = torch.nn.Conv2d(7, 3000, 3)
        ours = convolution(7, 3000, (3, 3), dtype=jnp.float32, rngs=rngs)
    else:
        theirs, ours = torch.nn.Linear(60, 3000), linear(60, 3000, dtype=jnp.float32, rngs=rngs)
    fan_in = {"conv1d": 60, "conv2d": 63, "linear": 60}[kind]
    bound = 1 / math.sqrt(fan_in)
    for mine, other in ((ours.kernel[...], theirs.weight), (ours.bias[...], theirs.bias)):
        mine, other = np.asarray(mine).ravel(), other.detach().numpy().ravel()
        assert mine.size == other.size and mine.dtype == np.float32
        for values in (mine, other):
            assert np.abs(values).max() <= bound * (1 + 1e-6)
            assert np.abs(values).max() > 0.99 * bound
            assert abs(values.mean()) < 5 * bound / math.sqrt(3 * values.size)
        quantiles = np.linspace(0, 1, 11)
        np.testing.assert_allclose(np.quantile(mine, quantiles), np.quantile(other, quantiles), atol=0.12 * bound)


def test_all_convolutions_of_the_network_start_within_their_bounds() -> None:
    state = nnx.to_pure_dict(nnx.state(ResUNet1D(64, 16, rngs=nnx.Rngs(3)), nnx.Param))
    flat = jax.tree_util.tree_flatten_with_path(state)[0]
    kernels = {path[:-1]: leaf for path, leaf in flat if path[-1].key == "kernel"}
    biases = {path[:-1]: leaf for path, leaf in flat if path[-1].key == "bias" and path[:-1] in kernels}
    assert len(kernels) == len(biases) == 26
    for path, kernel in kernels.items():
        bound = 1 / math.sqrt(math.prod(kernel.shape[:-1]))
        assert 0.8 * bound < np.abs(kernel).max() <= bound
        assert 0 < np.abs(biases[path]).max() <= bound


@pytest.mark.parametrize(("n", "length"), [(6, 5), (1, 2), (40, 1)])
def test_batch_norm_trains_and_evaluates_as_torchs(n: int, length: int) -> None:
    """Outputs at each of five steps, the running statistics after them, and the evaluation that uses them.

    The statistics tell the unbiased variance from the biased one: with 2 values they differ by half.
    """
    rng = np.random.default_rng(n)
    ours, theirs = BatchNorm(3), torch.nn.BatchNorm1d(3)
    scale, bias = rng.uniform(0.5, 2, 3).astype(np.float32), rng.normal(size=3).astype(np.float32)
    ours.scale[...], ours.bias[...] = jnp.asarray(scale), jnp.asarray(bias)
    theirs.weight.data, theirs.bias.data = torch.from_numpy(scale), torch.from_numpy(bias)
    for _ in range(5):
        x = (3 * rng.normal(size=(n, length, 3)) + [1, -2, 30]).astype(np.float32)
        expected = theirs(torch.from_numpy(x).permute(0, 2, 1)).permute(0, 2, 1).detach().numpy()
        np.testing.assert_allclose(ours(jnp.asarray(x)), expected, atol=3e-5)
    np.testing.assert_allclose(ours.mean[...], theirs.running_mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.variance[...], theirs.running_var.numpy(), rtol=1e-5)
    ours.eval(), theirs.eval()
    expected = theirs(torch.from_numpy(x).permute(0, 2, 1)).permute(0, 2, 1).detach().numpy()
    before = np.asarray(ours.mean[...])
    np.testing.assert_allclose(ours(jnp.asarray(x)), expected, atol=3e-5)
    np.testing.assert_array_equal(ours.mean[...], before)


def test_steps_through_plain_jit_and_learns() -> None:
    """Split once, then pure state through jax.jit: the loss falls and the running statistics move."""
    torch.manual_seed(0)
    model = resunet1d_from_state_dict(numpy_state_dict(TorchResUNet1D(32, 4)))
    model.train()
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    optimizer = optax.adam(1e-3)
    noisy = jax.random.uniform(jax.random.key(0), (16, 32))
    target = jnp.sin(jnp.linspace(0, 3, 32)) * noisy.mean(1, keepdims=True)

    def loss_of(params, rest):
        # A copy: the module writes its new statistics inside the gradient's trace.
        module = nnx.merge(graph, params, jax.tree.map(jnp.asarray, rest))
        loss = jnp.abs(module(noisy) - target).mean()
        return loss, nnx.split(module, nnx.Param, ...)[2]

    @jax.jit
    def step(params, rest, state):
        (loss, rest), gradient = jax.value_and_grad(loss_of, has_aux=True)(params, rest)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), rest, state, loss

    state, start, losses = optimizer.init(params), rest, []
    for _ in range(30):
        params, rest, state, loss = step(params, rest, state)
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]
    moved = [np.abs(a - b).max() for a, b in zip(*map(jax.tree.leaves, (start, rest)), strict=True)]
    assert len(moved) == 2 * 23 and min(moved) > 0


def test_registry_builds_by_name() -> None:
    model = nnx.eval_shape(lambda: build_model("resunet1d", rngs=nnx.Rngs(0), length=8, width=2, batch_norm=False))
    assert isinstance(model, ResUNet1D) and (model.length, model.width, model.batch_norm) == (8, 2, False)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("unet", {}, "hyrisr, map_restorer, noise_aware_unet, resunet1d"),
        ("resunet1d", {"scale": 4}, "length, width, batch_norm, dtype"),
        ("hyrisr", {"batch_norm": True}, "scale, length, width, groups, blocks, reduction, dtype, remat"),
    ],
)
def test_registry_lists_what_exists(name: str, arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build_model(name, rngs=nnx.Rngs(0), **arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("resunet1d", {"length": 12, "width": 3, "batch_norm": False, "dtype": jnp.bfloat16}),
        (
            "hyrisr",
            {"scale": 3, "length": 6, "width": 4, "groups": 2, "blocks": 3, "reduction": 2, "remat": "both"}
            | {"padding": "edge"},
        ),
    ],
)
def test_a_description_builds_the_same_network_again(name: str, arguments: dict) -> None:
    model = nnx.eval_shape(lambda: build_model(name, rngs=nnx.Rngs(0), **arguments))
    described, found = describe_model(model)
    assert described == name and found == {"dtype": "float32", **arguments} | {"dtype": found["dtype"]}
    assert found["dtype"] == ("bfloat16" if "dtype" in arguments else "float32")
    json.dumps(found)
    again = nnx.eval_shape(lambda: build_model(name, rngs=nnx.Rngs(0), **found))
    assert jax.tree.map(lambda leaf: leaf.shape, nnx.to_pure_dict(nnx.state(again))) == jax.tree.map(
        lambda leaf: leaf.shape, nnx.to_pure_dict(nnx.state(model))
    )
    graph, state = nnx.split(again)
    shape = (1, 12) if name == "resunet1d" else (1, 2, 2, 6)
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    assert jax.eval_shape(lambda state, x: nnx.merge(graph, state)(x), state, x).dtype == jnp.float32


def test_pooling_gradient_goes_to_the_first_of_equals_and_not_a_number_stays() -> None:
    x = jnp.array([[1.0, 1.0, -3.0, -2.0]])[..., None]
    np.testing.assert_array_equal(jax.grad(lambda x: halve(x).sum())(x)[0, :, 0], [1, 0, 0, 1])
    assert jnp.isnan(halve(x.at[0, 1, 0].set(jnp.nan))[0, 0, 0])
