import jax
import numpy as np
import pytest
from flax import nnx

import deeper_jax
from deeper_jax.errors import InputError
from deeper_jax.inference.denoiser import Denoiser, fit_scale_and_offset
from deeper_jax.models.resunet1d import ResUNet1D

LENGTH = 64
AXIS = np.linspace(600.0, 1800.0, LENGTH) + 5 * np.sin(np.arange(LENGTH))


@pytest.fixture(scope="module")
def model() -> Denoiser:
    module = ResUNet1D(length=LENGTH, width=4, batch_norm=True, rngs=nnx.Rngs(0))
    return Denoiser(module, {"wavenumbers": AXIS.tolist(), "config": {"seed": 0}})


class Smoother(nnx.Module):
    """Stands for a trained network: a moving average, so that the right answer is known."""

    length = LENGTH

    def __call__(self, spectra):
        kernel = np.ones(5) / 5
        padded = jax.numpy.pad(spectra, ((0, 0), (2, 2)), mode="edge")
        return jax.vmap(lambda row: jax.numpy.convolve(row, kernel, mode="valid"))(padded)


@pytest.fixture(scope="module")
def smoother() -> Denoiser:
    return Denoiser(Smoother(), {"wavenumbers": AXIS.tolist()})


def spectra(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 9, size=(*shape, LENGTH))


@pytest.mark.parametrize("shape", [(), (1,), (7,), (300,), (3, 5), (2, 3, 4)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
def test_denoise_keeps_shape_and_gives_floats(model, shape, dtype):
    given = spectra(*shape).astype(dtype)
    before = given.copy()
    output = model.denoise(given)
    assert output.shape == given.shape
    assert output.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_array_equal(given, before)


def test_each_spectrum_is_treated_alone_whatever_the_batch(model):
    given = spectra(9)
    together = model.denoise(given)
    for row in (0, 8):
        np.testing.assert_allclose(model.denoise(given[row]), together[row], rtol=1e-4)


def test_the_answer_follows_the_units_of_the_input(model):
    given = spectra(6)
    np.testing.assert_allclose(model.denoise(1000 * given), 1000 * model.denoise(given), rtol=1e-4)


def test_denoise_is_the_network_fitted_to_the_input(model):
    given = spectra(4)
    answer = model.network(given / given.max(1, keepdims=True))
    for row in range(4):
        slope, offset = np.polyfit(answer[row].astype(float), given[row], 1)
        expected = max(slope, 0) * answer[row] + (offset if slope > 0 else 0)
        if slope > 0:
            np.testing.assert_allclose(model.denoise(given[row]), expected, rtol=1e-4)


def test_fit_never_turns_a_spectrum_upside_down():
    reference = np.arange(10.0)[None]
    fitted = fit_scale_and_offset(-reference, reference)
    np.testing.assert_allclose(fitted, reference.mean(1, keepdims=True) * np.ones((1, 10)))


def test_another_axis_is_resampled_and_brought_back(smoother):
    fine = np.linspace(AXIS.min(), AXIS.max(), 3 * LENGTH)
    smooth = 5 + 3 * np.sin(fine / 150.0)[None]
    inside = slice(9, -9)  # the moving average itself is off at the ends
    np.testing.assert_allclose(smoother.denoise(smooth, fine)[:, inside], smooth[:, inside], atol=0.1)
    falling = smoother.denoise(smooth[:, ::-1], fine[::-1])
    np.testing.assert_allclose(falling[:, ::-1], smoother.denoise(smooth, fine), atol=1e-6)


def test_the_models_own_axis_is_not_resampled(model):
    given = spectra(3)
    np.testing.assert_array_equal(model.denoise(given, AXIS), model.denoise(given))


def test_spectra_without_signal_come_back_unchanged(model):
    given = spectra(3)
    given[1] = 0
    given[2] = -4
    with pytest.warns(UserWarning, match="2 of 3 spectra are constant or nowhere positive"):
        output = model.denoise(given)
    np.testing.assert_array_equal(output[1:], given[1:])
    assert np.isfinite(output).all()


def test_no_spectra_give_no_spectra(model):
    assert model.denoise(np.zeros((0, LENGTH))).shape == (0, LENGTH)


@pytest.mark.parametrize(
    ("given", "axis", "sentence"),
    [
        (np.ones((2, LENGTH - 1)), None, "63 channels where the model has 64"),
        (np.full((2, LENGTH), np.nan), None, "128 NaN or infinite"),
        (np.ones((2, LENGTH), complex), None, "complex128"),
        (np.float64(3), None, "a single number"),
        (np.ones((2, 5)), np.array([1.0, 2, 3, 3, 4]), "turn back at entry 3"),
        (np.ones((2, 5)), np.arange(4.0), "5 spectral channels and 4 wavenumbers"),
        (np.ones((LENGTH, 5)), AXIS, "put the spectral axis last"),
        (np.ones((2, 2)), AXIS[:2], "given 2 channels inside the model's range; it takes 32"),
        (np.ones((2, 5)), np.linspace(2800, 3100, 5), "2800-3100.*the model 600-180"),
    ],
)
def test_bad_input_is_one_sentence(model, given, axis, sentence):
    with pytest.raises(InputError, match=sentence):
        model.denoise(given, axis)


def test_network_refuses_another_shape(model):
    with pytest.raises(InputError, match=r"\(2, 3, 64\); it takes \[N, 64\]"):
        model.network(np.ones((2, 3, LENGTH)))
    with pytest.raises(InputError, match="128 NaN"):
        model.network(np.full((2, LENGTH), np.nan))


def test_weights_without_an_axis_say_so():
    bare = Denoiser(ResUNet1D(length=LENGTH, width=4, batch_norm=False, rngs=nnx.Rngs(0)), {})
    assert bare.wavenumbers is None and bare.config == {}
    with pytest.raises(InputError, match="carry no wavenumber axis"):
        bare.denoise(np.ones((1, LENGTH)), AXIS)


def test_load_takes_released_weights(tmp_path):
    torch = pytest.importorskip("torch")
    from torch_twins import TorchResUNet1D, randomize

    net = TorchResUNet1D(length=LENGTH, width=4, batch_norm=False).eval()
    randomize(net, seed=1)
    torch.save(net.state_dict(), tmp_path / "released.pt")
    given = spectra(5).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(given)).numpy()
    output = deeper_jax.load(tmp_path / "released.pt").network(given)
    assert np.abs(output - expected).max() < 1e-5 * np.ptp(expected)


def test_without_the_offset_spectra_stand_on_the_ground_of_the_targets(smoother):
    given = spectra(4)
    answer = smoother.network((given / given.max(1, keepdims=True)).astype(np.float32))
    with_offset = smoother.denoise(given)
    without = smoother.denoise(given, keep_offset=False)
    # The same shape and scale; nothing added to the network's own answer.
    np.testing.assert_allclose(np.ptp(without - with_offset, axis=1), 0, atol=1e-4)
    ratio = without / answer
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-4)
