"""Every implementation of the convolution against JAX's own, SciPy and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from deeper_jax.kernels.convolution import conv_general_dilated

DIMENSIONS = {3: ("NWC", "WIO", "NWC"), 4: ("NHWC", "HWIO", "NHWC")}


def case(shape: tuple[int, ...], inputs: int, outputs: int, size: int = 3) -> tuple[jax.Array, ...]:
    rng = np.random.default_rng(inputs + outputs)
    kernel = (size,) * (len(shape) - 1) + (inputs, outputs)
    shapes = ((*shape, inputs), kernel, (*shape, outputs))
    return tuple(jnp.asarray(rng.normal(size=each), jnp.float32) for each in shapes)


def convolve(x, kernel, implementation=None, strides=None, padding="SAME", **settings):
    strides = strides or (1,) * (x.ndim - 2)
    numbers = DIMENSIONS[x.ndim]
    return conv_general_dilated(
        x, kernel, strides, padding, dimension_numbers=numbers, implementation=implementation, **settings
    )


@pytest.mark.parametrize("implementation", [None, "taps", "winograd"])
@pytest.mark.parametrize(
    "arguments",
    [((4, 100), 64, 64), ((2, 24, 24), 64, 64), ((3, 33), 4, 6), ((2, 7, 5), 3, 4), ((3, 4, 9), 5, 2, 5)],
)
def test_values_and_gradients_are_those_of_xla(arguments, implementation):
    x, kernel, gradient = case(*arguments)
    if implementation == "winograd" and kernel.shape[0] != 3:
        with pytest.raises(ValueError, match="winograd"):
            convolve(x, kernel, implementation)
        return

    def everything(name):
        y, vjp = jax.vjp(jax.jit(lambda x, k: convolve(x, k, name)), x, kernel)
        return (y, *vjp(gradient))

    for found, expected in zip(everything(implementation), everything("xla"), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.ptp(expected))


def test_wide_ones_run_as_winograd_and_images_gradients_by_taps():
    def text(x, kernel):
        return str(jax.make_jaxpr(jax.grad(lambda k: convolve(x, k).sum()))(kernel))

    wide, narrow, image = case((4, 100), 64, 64), case((4, 100), 16, 16), case((2, 8, 8), 16, 16)
    assert "conv_general_dilated" not in text(*wide[:2])
    assert "conv_general_dilated" in text(*narrow[:2]) and "dot_general" not in text(*narrow[:2])
    assert "dot_general" in text(*image[:2])


@pytest.mark.parametrize(
    "settings",
    [
        {"strides": (2,)},
        {"padding": "VALID"},
        {"padding": [(2, 0)]},
        {"rhs_dilation": (2,)},
        {"lhs_dilation": (2,), "padding": [(1, 1)]},
        {"feature_group_count": 2},
    ],
)
def test_other_convolutions_are_left_to_xla(settings):
    x, kernel, _ = case((4, 100), 128, 128)
    if "feature_group_count" in settings:
        kernel = kernel[:, :64]
    strides, padding = settings.pop("strides", (1,)), settings.pop("padding", "SAME")
    expected = jax.lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=DIMENSIONS[3], **settings)
    np.testing.assert_array_equal(convolve(x, kernel, None, strides, padding, **settings), expected)
    with pytest.raises(ValueError, match="winograd"):
        convolve(x, kernel, "winograd", strides, padding, **settings)


def test_explicit_padding_of_one_is_same():
    x, kernel, _ = case((4, 100), 64, 64)
    np.testing.assert_array_equal(convolve(x, kernel, "winograd", padding=[(1, 1)]), convolve(x, kernel, "winograd"))


def test_forward_equals_scipy():
    x, kernel, _ = case((2, 7, 5), 3, 4)
    expected = np.zeros((*x.shape[:3], 4))
    for image, i, o in np.ndindex(2, 3, 4):
        pair = np.asarray(x[image, ..., i], float), np.asarray(kernel[..., i, o], float)
        expected[image, ..., o] += scipy.signal.correlate2d(*pair, mode="same")
    np.testing.assert_allclose(convolve(x, kernel), expected, atol=1e-4)


def test_gradient_inside_a_scan_equals_finite_differences():
    x, kernel, _ = case((1, 5, 4), 2, 2)
    kernels = jnp.stack([0.1 * kernel, 0.2 * kernel])

    @jax.jit
    def loss(kernels):
        return jnp.square(jax.lax.scan(lambda y, k: (jnp.tanh(convolve(y, k)), None), x, kernels)[0]).sum()

    gradient = jax.jit(jax.grad(loss))(kernels)
    for place in [(0, 0, 0, 0, 0), (1, 2, 1, 1, 0), (0, 1, 1, 0, 1)]:
        step = jnp.zeros_like(kernels).at[place].set(1e-2)
        slope = (loss(kernels + step) - loss(kernels - step)) / 2e-2
        assert gradient[place] == pytest.approx(float(slope), rel=2e-2, abs=1e-3)
