import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from deeper_jax.kernels.convolution import _native_gradients, _tap_gradients, convolve


def case(shape, inputs, outputs, size, seed):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(*shape, inputs)).astype(np.float32),
        rng.normal(size=(size, size, inputs, outputs)).astype(np.float32),
        rng.normal(size=(*shape, outputs)).astype(np.float32),
    )


CASES = [((2, 7, 5), 3, 4, 3, 0), ((1, 6, 6), 1, 2, 1, 1), ((3, 4, 9), 5, 2, 5, 2)]


@pytest.mark.parametrize("arguments", CASES)
def test_forward_equals_scipy(arguments):
    x, kernel, _ = case(*arguments)
    expected = np.zeros((*x.shape[:3], kernel.shape[3]))
    for image in range(len(x)):
        for i in range(kernel.shape[2]):
            for o in range(kernel.shape[3]):
                expected[image, ..., o] += scipy.signal.correlate2d(
                    x[image, ..., i].astype(float), kernel[..., i, o].astype(float), mode="same"
                )
    np.testing.assert_allclose(convolve(x, kernel), expected, atol=1e-4)


@pytest.mark.parametrize("arguments", CASES)
def test_both_ways_to_the_gradient_agree(arguments):
    for ours, native in zip(_tap_gradients(*case(*arguments)), _native_gradients(*case(*arguments)), strict=True):
        np.testing.assert_allclose(ours, native, rtol=1e-4, atol=1e-4)


def test_gradient_inside_a_scan_equals_finite_differences():
    x, kernel, _ = case((1, 5, 4), 2, 2, 3, 3)
    kernels = jnp.stack([0.1 * kernel, 0.2 * kernel])

    def loss(kernels):
        return jnp.square(jax.lax.scan(lambda y, k: (jnp.tanh(convolve(y, k)), None), x, kernels)[0]).sum()

    gradient = jax.jit(jax.grad(loss))(kernels)
    for place in [(0, 0, 0, 0, 0), (1, 2, 1, 1, 0), (0, 1, 1, 0, 1)]:
        step = jnp.zeros_like(kernels).at[place].set(1e-2)
        slope = (loss(kernels + step) - loss(kernels - step)) / 2e-2
        assert gradient[place] == pytest.approx(float(slope), rel=2e-2, abs=1e-3)
