"""Minimal filtering against the direct convolution: values, both gradients, odd sizes, chunks, and when it is used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

from deeper_jax.kernels import winograd as minimal_filtering
from deeper_jax.kernels.convolution import convolve
from deeper_jax.models import ordered_sums
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.resunet1d import ResUNet1D


def direct(x: np.ndarray, kernel: np.ndarray, gradient: np.ndarray) -> tuple[np.ndarray, ...]:
    """PyTorch's output in float64, and the gradients to the input and the kernel."""
    dimensions = x.ndim - 2
    to_torch = (0, x.ndim - 1, *range(1, x.ndim - 1))
    back = (0, *range(2, x.ndim), 1)
    inputs = torch.from_numpy(x.astype(np.float64)).requires_grad_()
    taps = torch.from_numpy(kernel.astype(np.float64)).requires_grad_()
    weight = taps.permute(dimensions + 1, dimensions, *range(dimensions))
    operation = torch.nn.functional.conv1d if dimensions == 1 else torch.nn.functional.conv2d
    output = operation(inputs.permute(to_torch), weight, padding=1).permute(back)
    output.backward(torch.from_numpy(gradient.astype(np.float64)))
    return output.detach().numpy(), inputs.grad.numpy(), taps.grad.numpy()


def case(shape: tuple[int, ...], inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(len(shape) + inputs)
    kernel = rng.normal(size=(3,) * (len(shape) - 1) + (inputs, outputs))
    arrays = rng.normal(size=(*shape, inputs)), kernel, rng.normal(size=(*shape, outputs))
    return tuple(array.astype(np.float32) for array in arrays)


def assert_near(found: jax.Array, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize("chunk", [2**18, 300])
@pytest.mark.parametrize(
    ("shape", "inputs", "outputs"),
    [((5, 500), 7, 5), ((3, 33), 4, 6), ((2, 1), 3, 2), ((4, 64), 64, 64)]
    + [((3, 7, 9), 3, 4), ((1, 16, 20), 5, 5), ((2, 2, 3), 5, 5), ((1, 13, 1), 2, 3), ((1, 16, 16), 64, 32)],
)
def test_values_and_gradients_are_the_direct_ones(monkeypatch, shape, inputs, outputs, chunk):
    monkeypatch.setattr(minimal_filtering, "_CHUNK", chunk)
    x, kernel, gradient = case(shape, inputs, outputs)
    expected = direct(x, kernel, gradient)
    assert_near(minimal_filtering.convolve(x, kernel), expected[0])
    for found, wanted in zip(minimal_filtering.gradients(x, kernel, gradient), expected[1:], strict=True):
        assert_near(found, wanted)


@pytest.mark.parametrize("shape", [(4, 100), (2, 24, 24)])
def test_wide_convolutions_use_it_and_differentiate_through_it(shape):
    x, kernel, gradient = map(jnp.asarray, case(shape, 32, 32))
    assert minimal_filtering.pays(x, kernel)
    output, vjp = jax.vjp(jax.jit(convolve), x, kernel)
    np.testing.assert_array_equal(output, jax.jit(minimal_filtering.convolve)(x, kernel))
    for found, wanted in zip((output, *vjp(gradient)), direct(*map(np.asarray, (x, kernel, gradient))), strict=True):
        assert_near(found, wanted)


def test_gpus_bfloat16_and_small_convolutions_keep_the_native_one():
    x, kernel, _ = map(jnp.asarray, case((4, 100), 32, 32))
    half = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    for arguments in (half, (x[..., :1], kernel[:, :1]), (x[:1, :8], kernel), (x, kernel[:1])):
        assert not minimal_filtering.pays(*arguments)
        assert "conv_general_dilated" in str(jax.make_jaxpr(convolve)(*arguments))
        assert "dot_general" not in str(jax.make_jaxpr(convolve)(*arguments))
    text = jax.jit(convolve).trace(x, kernel).lower(lowering_platforms=("cuda",)).as_text()
    assert "stablehlo.convolution" in text and "dot_general" not in text


def test_ordered_sums_use_it_shard_by_shard():
    x, kernel, gradient = case((4, 100), 32, 32)
    bias = np.arange(32, dtype=np.float32)
    output, vjp = jax.vjp(ordered_sums.convolve, x, kernel, bias)
    expected = direct(x, kernel, gradient)
    assert_near(output - bias, expected[0])
    for found, wanted in zip(vjp(gradient), (*expected[1:], gradient.sum((0, 1))), strict=True):
        assert_near(found, wanted)


@pytest.mark.parametrize("count", [32, 20, 4])
def test_evaluation_in_pieces_is_that_of_the_whole(count):
    model = FunctionalModel(ResUNet1D(32, 32, rngs=nnx.Rngs(0)))
    x = np.random.default_rng(0).uniform(size=(count, 32)).astype(np.float32)
    whole = jax.jit(model.evaluate)(model.params, model.stats, x)
    pieces = jax.jit(model.evaluate_in_pieces, static_argnums=3)(model.params, model.stats, x, 8)
    np.testing.assert_allclose(pieces, whole, atol=1e-5 * np.ptp(whole))
