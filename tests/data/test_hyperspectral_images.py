import numpy as np
import pytest

from deeper_jax.data.hyperspectral_images import HyperspectralImages, split_into_strips
from deeper_jax.errors import InputError


def numbered(height: int, width: int) -> HyperspectralImages:
    """One image whose channels are the pixel's row and column."""
    image = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1).astype(np.float32)
    return HyperspectralImages([image], ("map",), np.array([600.0, 700.0]), "map.npz", truths=[image + 1])


@pytest.mark.parametrize(
    ("test", "columns"),
    [
        (0, {"test": [(0, 6)], "validation": [(7, 13)], "train": [(15, 34)]}),
        (2, {"train": [(0, 12), (29, 34)], "test": [(14, 20)], "validation": [(21, 27)]}),
        (4, {"validation": [(0, 6)], "train": [(8, 26)], "test": [(28, 34)]}),
    ],
)
def test_strips_cover_the_longer_side_with_a_gap_beside_training(test, columns):
    splits = split_into_strips(numbered(25, 35), 5, test)
    found = {use: [(int(i[0, 0, 1]), int(i[0, -1, 1])) for i in part.images] for use, part in splits.items()}
    assert found == columns
    assert all(image.shape[0] == 25 for part in splits.values() for image in part.images)
    for part in splits.values():
        assert all(np.array_equal(truth, image + 1) for truth, image in zip(part.truths, part.images, strict=True))
    assert splits["test"].names == (f"map, x {columns['test'][0][0]} to {columns['test'][0][1]}",)


def test_tall_images_are_cut_across_their_lines():
    splits = split_into_strips(numbered(12, 5), 3, 1)
    assert splits["test"].names == ("map, y 4 to 7",) and splits["test"].images[0].shape == (4, 5, 2)


def test_impossible_strips_are_refused():
    with pytest.raises(InputError, match="found 2 with number 0.*3 or more"):
        split_into_strips(numbered(9, 9), 2, 0)
    with pytest.raises(InputError, match="found 5 with number 5"):
        split_into_strips(numbered(9, 9), 5, 5)
    with pytest.raises(InputError, match="map.npz: image 'map' of 6 x 5 pixels is too small for 5 strips"):
        split_into_strips(numbered(6, 5), 5, 2)


def test_resampling_keeps_straight_spectra_straight_and_says_so():
    axis = np.linspace(500.0, 1800.0, 500) + np.sin(np.arange(500))
    image = (2 * axis + 7)[None, None] * np.ones((2, 3, 1))
    images = HyperspectralImages([image.astype(np.float32)], ("map",), axis, "map.npz")
    new = np.linspace(602.0, 1798.0, 100)
    found = images.resampled(new)
    np.testing.assert_allclose(found.images[0], np.broadcast_to(2 * new + 7, (2, 3, 100)), rtol=2e-3)
    np.testing.assert_array_equal(found.wavenumbers, new)
    assert found.steps[-1] == {"name": "resample", "low": 602.0, "high": 1798.0, "length": 100}


def test_images_that_do_not_cover_the_axis_are_refused():
    with pytest.raises(InputError, match="cover 600 to 700 cm.-1, expected 500 to 650"):
        numbered(2, 2).resampled(np.array([500.0, 650.0]))
