"""Winograd convolution against the direct one: values, both gradients, odd sizes, chunks, and when it is used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from deeper_jax.kernels import winograd


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
    monkeypatch.setattr(winograd, "_CHUNK", chunk)
    x, kernel, gradient = case(shape, inputs, outputs)
    expected = direct(x, kernel, gradient)

    @jax.jit  # anew each time: the chunk is not among its arguments
    def all_three(x, kernel, gradient):
        return winograd.convolve(x, kernel), *winograd.gradients(x, kernel, gradient)

    for found, wanted in zip(all_three(x, kernel, gradient), expected, strict=True):
        assert_near(found, wanted)


def test_it_is_for_wide_float32_convolutions_of_three_taps():
    x, kernel, _ = map(jnp.asarray, case((4, 100), 64, 64))
    assert winograd.pays(x, kernel)
    half = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    for arguments in (half, (x[..., :1], kernel[:, :1]), (x[:1, :8], kernel), (x, kernel[:1])):
        assert not winograd.pays(*arguments)
