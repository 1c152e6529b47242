"""MapRestorer against a PyTorch twin, and what must hold whatever it has learnt."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from numpy.testing import assert_allclose

from deeper_jax.errors import InputError
from deeper_jax.models.map_restorer import MapRestorer
from deeper_jax.training.losses import score_images

WIDTH, K, SIDE = 4, 3, 16


@pytest.fixture(scope="module")
def model():
    network = MapRestorer(WIDTH, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    network.head.kernel[...] = jnp.asarray(0.3 * rng.standard_normal(network.head.kernel.shape), jnp.float32)
    return network


def example(seed=1, count=2):
    rng = np.random.default_rng(seed)
    strength = np.array([0.5, 4.0, 60.0])[:, None, None]
    scores = strength * rng.standard_normal((count, K, 1, SIDE)) + rng.standard_normal((count, K, SIDE, SIDE)) + 30
    mask = np.zeros((count, K, SIDE, SIDE))
    mask[..., ::2, 1::2] = 1
    mask[..., 4, :] = 0
    return np.stack([scores * mask, scores + 0.3, mask], axis=1).astype(np.float32)


def twin(model, x):
    """The same network in PyTorch, float64."""
    weights = lambda layer: (  # noqa: E731
        torch.tensor(np.asarray(layer.kernel[...], np.float64)).permute(3, 2, 0, 1),
        torch.tensor(np.asarray(layer.bias[...], np.float64)),
    )

    def convolve(layer, images):
        return torch.nn.functional.conv2d(images, *weights(layer), padding="same")

    def block(layer, images, share):
        slopes = [torch.tensor(float(each.slope[...]), dtype=torch.float64) for each in layer.activations]
        inside = torch.nn.functional.prelu(convolve(layer.first, images), slopes[0])
        common = (share[:, None, None, None] * inside).sum(0, keepdim=True)
        out = convolve(layer.second, inside) + convolve(layer.shared, common) + convolve(layer.shortcut, images)
        return torch.nn.functional.prelu(out, slopes[1])

    def box(images, size):
        kernel = torch.ones(1, 1, size, size, dtype=torch.float64)
        total = torch.nn.functional.conv2d(images[:, None], kernel, padding="same")[:, 0]
        return total / torch.nn.functional.conv2d(torch.ones_like(images)[:, None], kernel, padding="same")[:, 0]

    answers = []
    for scores, interpolated, mask in torch.tensor(x, dtype=torch.float64):
        measured = [images[here > 0] for images, here in zip(scores, mask, strict=True)]
        mean = torch.stack([each.mean() for each in measured])[:, None, None]
        variance = torch.stack([each.var(correction=0) for each in measured])[:, None, None]
        strength = torch.sqrt(torch.clamp(variance - 1, min=0.05**2))
        s, i = scores - mean, interpolated - mean
        around = box(i, 5)
        contrast = torch.sqrt(1 + box((i - around) ** 2, 9))
        deviation = torch.sqrt(1 + strength**2)
        planes = [
            *(mask * s / deviation, i / deviation, mask, mask * (s - around) / contrast, (i - around) / contrast),
            *(mask * torch.asinh(s - around), torch.asinh(i - around), 0.3 * contrast.log()),
            0.3 * strength.log().expand_as(mask),
        ]
        share = torch.log1p(strength[:, 0, 0] ** 2)
        share = share / share.sum()
        first = block(model.down[0], torch.stack(planes, 1), share)
        second = block(model.down[1], torch.nn.functional.avg_pool2d(first, 2), share)
        third = block(model.down[2], torch.nn.functional.avg_pool2d(second, 2), share)
        up = block(model.up[0], torch.cat([second, third.repeat_interleave(2, 2).repeat_interleave(2, 3)], 1), share)
        up = block(model.up[1], torch.cat([first, up.repeat_interleave(2, 2).repeat_interleave(2, 3)], 1), share)
        out = convolve(model.head, up)
        power = strength**2
        unit = strength / torch.sqrt(1 + power)
        between = unit * torch.sqrt(1 + 0.09 * power)
        here = mask > 0
        value = power / (1 + power) * torch.where(here, s, i) + torch.where(here, unit * out[:, 0], between * out[:, 1])
        log_ratio = 5 * torch.tanh(torch.where(here, out[:, 2], out[:, 3]) / 5)
        spread = torch.log(0.5 * torch.where(here, unit, between))
        answers.append(torch.stack([mean + value, log_ratio + spread]))
    return torch.stack(answers).numpy()


@nnx.jit
def answer_of(model, x):
    return model(x)


def test_it_is_the_network_that_the_twin_is(model):
    x = example()
    assert_allclose(answer_of(model, x), twin(model, x), rtol=2e-4, atol=2e-3)


def test_the_order_of_the_components_does_not_matter(model):
    x, order = example(), [2, 0, 1]
    assert_allclose(answer_of(model, x[:, :, order]), np.asarray(answer_of(model, x))[:, :, order], atol=1e-3)


def test_a_component_of_nothing_changes_nothing(model):
    x = example()
    more = np.concatenate([x, np.zeros_like(x[:, :, :1])], axis=2)
    assert_allclose(np.asarray(answer_of(model, more))[:, :, :K], answer_of(model, x), rtol=1e-3, atol=2e-3)


def test_untrained_it_is_the_wiener_estimate():
    x = example(count=1)
    answer = np.asarray(answer_of(MapRestorer(WIDTH, rngs=nnx.Rngs(0)), x), np.float64)
    scores, interpolated, mask = x[0].astype(np.float64)
    for k in range(K):
        measured = scores[k][mask[k] > 0]
        power = max(measured.var() - 1, 0.05**2)
        seen = np.where(mask[k] > 0, scores[k], interpolated[k])
        expected = measured.mean() + power / (1 + power) * (seen - measured.mean())
        assert_allclose(answer[0, 0, k], expected, atol=1e-3)


def test_the_loss_is_the_log_of_each_images_error_and_a_likelihood_that_leaves_the_mean_alone():
    rng = np.random.default_rng(2)
    truth, mask = rng.standard_normal((2, K, 8, 8)) * 5, (rng.random((2, K, 8, 8)) < 0.4).astype(float)
    mean, log_deviation = truth + rng.standard_normal(truth.shape), 0.3 * rng.standard_normal(truth.shape)
    values, _ = score_images(jnp.asarray(np.stack([mean, log_deviation], 1)), jnp.asarray(np.stack([truth, mask], 1)))
    error = (mean - truth) ** 2
    likelihood = log_deviation + 0.5 * error * np.exp(-2 * log_deviation)
    expected = np.zeros((2, K))
    for n in range(2):
        for k in range(K):
            for here in (mask[n, k] > 0, mask[n, k] == 0):
                of_error, of_deviation = np.log(error[n, k][here].mean() + 0.01), likelihood[n, k][here].mean()
                expected[n, k] += 0.5 * (0.5 * of_error + 0.05 * of_deviation)
    assert_allclose(np.asarray(values)[..., 0, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 2, K, 16, 16), (1, 3, K, 18, 16), (3, K, 16, 16)])
def test_other_shapes_are_refused(model, shape):
    with pytest.raises(InputError, match="multiples of 4"):
        model(jnp.zeros(shape))


def test_a_width_of_nothing_is_refused():
    with pytest.raises(InputError, match="width"):
        MapRestorer(0, rngs=nnx.Rngs(0))
