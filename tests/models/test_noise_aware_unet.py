"""NoiseAwareUNet against a PyTorch twin, and what its contract promises."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.models.noise_aware_unet import NoiseAwareUNet, moving_average
from deeper_jax.models.registry import build_model, describe_model

answers = nnx.jit(NoiseAwareUNet.__call__)


def network(length=64, width=4, seed=0):
    """A network whose head answers something: at the start it answers nothing."""
    model = NoiseAwareUNet(length, width, rngs=nnx.Rngs(seed))
    generator = np.random.default_rng(seed)
    model.head.kernel[...] = 0.3 * generator.standard_normal(model.head.kernel.shape).astype(np.float32)
    model.head.bias[...] = 0.3 * generator.standard_normal(model.head.bias.shape).astype(np.float32)
    return model


def example(count=3, length=64, seed=1):
    generator = np.random.default_rng(seed)
    spectra = 5 * generator.standard_normal((count, length)) + 20
    return np.stack([spectra, generator.uniform(0.5, 2.0, spectra.shape)], 1).astype(np.float32)


def twin(model, x):
    """The same function in PyTorch, float64, channels first."""
    spectra, noise = (torch.tensor(x[:, row].astype(np.float64)) for row in (0, 1))

    def array(parameter):
        return torch.tensor(np.asarray(parameter[...], np.float64))

    def convolve(layer, values):
        kernel = array(layer.kernel).permute(2, 1, 0)
        return F.conv1d(values, kernel, array(layer.bias), padding=kernel.shape[2] // 2)

    def block(layer, values):
        identity = values if layer.shortcut is None else convolve(layer.shortcut, values)
        slopes = [array(activation.slope).reshape(1) for activation in layer.activations]
        inside = F.prelu(convolve(layer.first, values), slopes[0])
        return F.prelu(convolve(layer.second, inside) + identity, slopes[1])

    def average(values, size):
        padded = F.pad(values[:, None], (size // 2, size // 2), mode="replicate")
        return F.avg_pool1d(padded, size, stride=1)[:, 0]

    centred = spectra - spectra.mean(1, keepdim=True)
    scale = (centred**2 + 0.01 * noise**2).mean(1, keepdim=True).sqrt()
    rows = [centred / scale, 0.5 * torch.log(noise / scale)]
    rows += [torch.asinh((spectra - average(spectra, size)) / noise) for size in (5, 21)]
    features = torch.stack(rows, -1)
    out = features.reshape(len(x), features.shape[1] // 2, -1).permute(0, 2, 1)
    skips = []
    for level, layer in enumerate(model.down):
        out = block(layer, out)
        if level < 3:
            skips.append(out)
            out = F.avg_pool1d(out, 2)
    for layer in model.up:
        out = block(layer, torch.cat([skips.pop(), F.interpolate(out, scale_factor=2, mode="nearest")], 1))
    answer = convolve(model.head, out).permute(0, 2, 1).reshape(len(x), -1, 2)
    return torch.stack(
        [spectra - noise * answer[..., 0], torch.log(noise) + 5 * torch.tanh(answer[..., 1] / 5)], 1
    ).numpy()


@pytest.mark.parametrize(("length", "width"), [(64, 4), (512, 8)])
def test_it_is_what_the_pytorch_twin_computes(length, width):
    model, x = network(length, width), example(length=length)
    expected = twin(model, x)
    found = np.asarray(answers(model, x))
    assert np.abs(found - expected).max() < 2e-4 * np.ptp(expected[:, 0])


def test_at_the_start_it_changes_nothing_and_is_as_sure_as_its_input():
    x = example()
    output = np.asarray(answers(NoiseAwareUNet(64, 4, rngs=nnx.Rngs(0)), x))
    np.testing.assert_array_equal(output[:, 0], x[:, 0])
    np.testing.assert_allclose(output[:, 1], np.log(x[:, 1]), atol=1e-6)


def test_scaled_and_shifted_spectra_give_scaled_and_shifted_answers():
    model, x = network(), example()
    moved = np.stack([8 * x[:, 0] + 100, 8 * x[:, 1]], 1)
    plain, found = np.asarray(answers(model, x)), np.asarray(model(moved))
    np.testing.assert_allclose(found[:, 0], 8 * plain[:, 0] + 100, rtol=1e-4)
    np.testing.assert_allclose(found[:, 1], plain[:, 1] + np.log(8), atol=1e-3)


def test_less_noise_changes_less():
    model, x = network(), example()
    quiet = np.stack([x[:, 0], 1e-4 * x[:, 1]], 1)
    change = np.abs(np.asarray(answers(model, quiet))[:, 0] - x[:, 0]).max()
    assert change < 0.05


def test_any_multiple_of_sixteen_channels_works_and_nothing_else():
    model = network(length=64)
    assert answers(model, example(length=96)).shape == (3, 2, 96)
    with pytest.raises(InputError, match="pad the spectra to 80 channels"):
        model(example(length=70))
    with pytest.raises(InputError, match=r"\[N, 2, L\]"):
        model(example()[:, 0])
    with pytest.raises(InputError, match="width"):
        NoiseAwareUNet(64, 0, rngs=nnx.Rngs(0))


def test_moving_average_repeats_the_ends():
    spectra = np.random.default_rng(0).random((2, 40)).astype(np.float32)
    padded = np.pad(spectra.astype(np.float64), ((0, 0), (2, 2)), mode="edge")
    expected = np.stack([np.convolve(row, np.full(5, 0.2), "valid") for row in padded])
    np.testing.assert_allclose(np.asarray(moving_average(spectra, 5)), expected, atol=2e-6)


def test_the_registry_knows_it():
    model = build_model("noise_aware_unet", length=32, width=3, rngs=nnx.Rngs(0))
    assert describe_model(model) == ("noise_aware_unet", {"length": 32, "width": 3, "dtype": "float32"})
