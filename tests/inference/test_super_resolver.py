import jax
import numpy as np
import pytest
from flax import nnx
from scipy.ndimage import gaussian_filter

from deeper_jax.errors import InputError
from deeper_jax.evaluation.upsampling import upsample
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.initial_upsampler import start_as_interpolation, start_as_regression

LENGTH = 12
AXIS = np.linspace(600.0, 1800.0, LENGTH)


def interpolator(scale: int, raster_offset: int, length: int = LENGTH, padding: str = "zeros") -> HyRISR:
    sizes = {"width": 4, "groups": 1, "blocks": 1, "reduction": 2}
    model = HyRISR(scale=scale, length=length, **sizes, padding=padding, rngs=nnx.Rngs(0))
    start_as_interpolation(model, raster_offset)
    return model


def resolver(scale: int = 2, raster_offset: int = 1) -> SuperResolver:
    return SuperResolver(
        interpolator(scale, raster_offset), {"wavenumbers": AXIS.tolist(), "raster_offset": raster_offset}
    )


@nnx.jit
def answer_of(model: HyRISR, images: np.ndarray) -> jax.Array:
    return model(images)


def image(height: int, width: int, length: int = LENGTH, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 9, size=(height, width, length))


@pytest.mark.parametrize(
    ("scale", "raster_offset"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (4, 0), (4, 1), (4, 2), (4, 3)]
)
def test_the_interpolating_start_is_registered_linear_interpolation(scale, raster_offset):
    given = image(6, 7)
    output = resolver(scale, raster_offset).super_resolve(given)
    expected = upsample(given, "linear", scale, raster_offset)
    inside = slice(scale, -scale)  # the network pads with zeros, the interpolator holds the edge
    np.testing.assert_allclose(output[inside, inside], expected[inside, inside], rtol=1e-4)
    np.testing.assert_allclose(output[raster_offset::scale, raster_offset::scale], given, rtol=1e-4)
    to_the_border = SuperResolver(
        interpolator(scale, raster_offset, padding="edge"), resolver().record | {"raster_offset": raster_offset}
    )
    np.testing.assert_allclose(to_the_border.super_resolve(given), expected, rtol=1e-4)


@pytest.mark.parametrize(("scale", "raster_offset"), [(2, 1), (3, 1), (4, 1), (4, 2)])
def test_the_regression_start_is_the_least_squares_of_the_training_images(scale, raster_offset):
    rng = np.random.default_rng(0)
    spectra = rng.random((3, LENGTH))
    abundances = gaussian_filter(rng.random((4, 24, 24, 3)), (0, 2.0, 2.0, 0))
    images = (abundances - abundances.min()) @ spectra + 0.02 * rng.random((4, 24, 24, LENGTH))
    images = [(image / image.max()).astype(np.float32) for image in images]
    sizes = {"width": 4, "groups": 1, "blocks": 1, "reduction": 2, "padding": "edge"}
    model = HyRISR(scale=scale, length=LENGTH, **sizes, rngs=nnx.Rngs(0))
    start_as_regression(model, raster_offset, images[:3], components=3)
    low = images[3][raster_offset::scale, raster_offset::scale]
    output = np.asarray(answer_of(model, low[None]))[0]
    np.testing.assert_allclose(output[raster_offset::scale, raster_offset::scale], low, atol=1e-5)
    linear = upsample(low, "linear", scale, raster_offset)
    assert np.square(output - images[3]).mean() < (1 if scale == 4 else 0.8) * np.square(linear - images[3]).mean()
    if scale == 4:
        return  # two regressions, one after the other
    # One pixel of the block by itself, with NumPy's own singular vectors and least squares.
    spectra = np.concatenate([i.reshape(-1, LENGTH) for i in images[:3]]).astype(np.float64)
    mean = spectra.mean(0)
    basis = np.linalg.svd(spectra - mean, full_matrices=False)[2]

    def around(coordinates):  # [h, w, L] to [h * w, 9, L]
        padded = np.pad(coordinates, ((1, 1), (1, 1), (0, 0)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        return windows.reshape(-1, LENGTH, 9).swapaxes(1, 2)

    def strongest(windows):
        return np.c_[windows[..., :3].reshape(len(windows), 27), np.ones(len(windows))]

    inputs, wanted = [], []
    for image in images[:3]:
        for turned in [np.rot90(i, k) for i in (image, image[::-1]) for k in range(4)]:
            coordinates = (turned - mean) @ basis.T
            inputs.append(around(coordinates[raster_offset::scale, raster_offset::scale]))
            wanted.append(coordinates[0::scale, (raster_offset + 1) % scale :: scale].reshape(-1, LENGTH))
    inputs, wanted, new = np.concatenate(inputs), np.concatenate(wanted), around((low - mean) @ basis.T)
    together = strongest(new) @ np.linalg.lstsq(strongest(inputs), wanted[:, :3], rcond=None)[0]
    alone = [new[..., c] @ np.linalg.lstsq(inputs[..., c], wanted[:, c], rcond=None)[0] for c in range(3, LENGTH)]
    expected = np.c_[together, np.stack(alone, 1)] @ basis + mean
    found = output[0::scale, (raster_offset + 1) % scale :: scale].reshape(-1, LENGTH)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_regression_start_can_leave_flat_surroundings_alone(scale):
    rng = np.random.default_rng(1)
    images = [gaussian_filter(rng.random((24, 24, LENGTH)), (2, 2, 0)) for _ in range(2)]
    images = [(image / image.max()).astype(np.float32) for image in images]
    sizes = {"width": 4, "groups": 1, "blocks": 1, "reduction": 2, "padding": "edge"}
    # A level far from the training images', as of another sample.
    flat = np.broadcast_to(3 + rng.random(LENGTH), (1, 5, 6, LENGTH)).astype(np.float32)
    errors = {}
    for keep_level in (True, False):
        model = HyRISR(scale=scale, length=LENGTH, **sizes, rngs=nnx.Rngs(0))
        start_as_regression(model, 1, images, components=3, keep_level=keep_level)
        errors[keep_level] = np.abs(np.asarray(answer_of(model, flat)) - flat[:, :1, :1]).max()
        given = images[0][1::scale, 1::scale]
        improved = np.square(np.asarray(answer_of(model, given[None]))[0] - images[0]).mean()
        assert improved < np.square(upsample(given, "linear", scale, 1) - images[0]).mean()
    assert errors[True] < 1e-3 < errors[False]


def test_a_start_outside_the_block_is_refused():
    with pytest.raises(InputError, match="raster offset is 3, but at 3x it must be 0 to 2"):
        interpolator(3, 3)


@pytest.mark.parametrize("shape", [(5, 90), (70, 33), (40, 40)])
def test_tiles_leave_no_seams_whatever_the_size(shape):
    model = resolver()
    given = image(*shape)
    whole = model.super_resolve(given, tile=128)
    tiled = model.super_resolve(given, tile=32, overlap=8)
    assert tiled.shape == (2 * shape[0], 2 * shape[1], LENGTH) and tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, whole, rtol=1e-3)


def test_the_answer_follows_the_units_and_the_axis():
    model = resolver()
    given = image(6, 6)
    np.testing.assert_allclose(model.super_resolve(500 * given), 500 * model.super_resolve(given), rtol=1e-4)
    np.testing.assert_array_equal(model.super_resolve(given, AXIS), model.super_resolve(given))
    fine = np.linspace(600, 1800, 5 * LENGTH)
    smooth = (5 + np.sin(fine / 300.0)) * image(6, 6, 1)
    output = model.super_resolve(smooth, fine)
    assert output.shape == (12, 12, 5 * LENGTH)
    np.testing.assert_allclose(output[1::2, 1::2], smooth, rtol=0.02)
    reverse = model.super_resolve(smooth[..., ::-1], fine[::-1])
    np.testing.assert_allclose(reverse[..., ::-1], output, rtol=1e-4)


def test_the_grid_puts_the_given_coordinates_on_the_sampled_pixels():
    model = resolver(4, 2)
    coordinates = 10.0 - 0.5 * np.arange(9)
    grid = model.grid(coordinates)
    assert grid.shape == (36,)
    np.testing.assert_allclose(grid[2::4], coordinates)
    np.testing.assert_allclose(np.diff(grid), -0.125)
    with pytest.raises(InputError, match="evenly spaced"):
        model.grid([0.0, 1.0, 3.0])
    with pytest.raises(InputError, match="evenly spaced"):
        model.grid([2.0, 2.0, 2.0])
    with pytest.raises(InputError, match="1 NaN"):
        model.grid([0.0, np.nan, 2.0])


def test_network_takes_batches_and_none():
    model = resolver()
    batch = np.stack([image(4, 5, seed=seed) / 9 for seed in range(3)])
    output = model.network(batch)
    assert output.shape == (3, 8, 10, LENGTH)
    np.testing.assert_allclose(model.network(batch[1:2])[0], output[1], atol=1e-6)
    assert model.network(batch[:0]).shape == (0, 8, 10, LENGTH)


@pytest.mark.parametrize(
    ("given", "options", "sentence"),
    [
        (np.ones((4, LENGTH)), {}, r"\(4, 12\); it takes \[h, w, L\]"),
        (np.full((2, 2, LENGTH), np.nan), {}, "48 NaN or infinite"),
        (np.zeros((2, 2, LENGTH)), {}, "no positive value"),
        (np.ones((2, 2, 7)), {}, "7 channels where the model has 12"),
        (np.ones((2, 2, LENGTH)), {"tile": 16, "overlap": 8}, "less than half"),
        (np.ones((2, 2, LENGTH)), {"tile": 16.5}, "tile 16.5: give whole pixels"),
        (np.full((2, 2, LENGTH), 1e50), {}, "values up to 1e.50.*choose another unit"),
        ("map.wdf", {}, "takes an array and was given the text 'map.wdf'"),
        (np.ones((LENGTH, 2, 2)), {"wavenumbers": np.arange(600.0, 600 + LENGTH)}, "put the spectral axis last"),
        (np.ones((2, 2, 3)), {"wavenumbers": [2800, 2900, 3000]}, "2800-3000"),
    ],
)
def test_bad_input_is_one_sentence(given, options, sentence):
    with pytest.raises(InputError, match=sentence):
        resolver().super_resolve(given, **options)
