import numpy as np
import pytest

from deeper_jax.inference.tiling import apply_tiled, blend_weights, even_tile, tile_starts


@pytest.mark.parametrize("length", [8, 9, 15, 31, 32, 33, 61, 100])
@pytest.mark.parametrize(("tile", "overlap"), [(8, 0), (8, 2), (8, 3), (7, 3)])
def test_tiles_cover_every_pixel_and_weights_add_up_to_one(length, tile, overlap):
    starts = tile_starts(length, tile, overlap)
    assert starts[0] == 0 and starts[-1] == length - tile
    assert all(0 < b - a <= tile - overlap for a, b in zip(starts, starts[1:], strict=False))
    total = np.zeros(length)
    for start, weights in zip(starts, blend_weights(starts, tile), strict=True):
        assert (weights >= 0).all()
        total[start : start + tile] += weights
    np.testing.assert_allclose(total, 1)


def test_the_outermost_pixels_of_an_overlap_count_nothing():
    weights = blend_weights([0, 8], 16)
    np.testing.assert_array_equal(weights[0][-2:], 0)
    np.testing.assert_array_equal(weights[1][:2], 0)
    assert weights[0][0] == weights[1][-1] == 1


@pytest.mark.parametrize("shape", [(5, 40, 2), (16, 16, 1), (33, 17, 3), (50, 41, 2)])
@pytest.mark.parametrize("scale", [2, 3])
def test_a_network_that_looks_at_single_pixels_gives_what_it_gives_untiled(shape, scale):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    sizes = set()

    def network(tile):
        sizes.add(tile.shape)
        return np.repeat(np.repeat(np.sin(tile), scale, 0), scale, 1)

    output = apply_tiled(image, network, scale=scale, tile=16, overlap=5)
    np.testing.assert_allclose(output, network(image), atol=1e-6)
    assert len(sizes - {image.shape}) <= 1  # one compiled shape


def test_zero_padding_at_tile_edges_leaves_no_trace():
    image = np.ones((60, 60, 1), np.float32)

    def blur(tile):
        padded = np.pad(tile, ((1, 1), (1, 1), (0, 0)))
        rows = padded[:-2] + padded[1:-1] + padded[2:]
        return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9

    output = apply_tiled(image, blur, scale=1, tile=16, overlap=6)
    np.testing.assert_allclose(output, blur(image), atol=1e-6)


@pytest.mark.parametrize("length", [1, 160, 161, 250, 297, 500, 1000, 1024])
def test_even_tiles_are_as_few_as_can_be_and_hardly_overlap_more_than_asked(length):
    side = even_tile(length, 160, 24, 8)
    starts = tile_starts(length, side, 24)
    assert side <= 160 and (length <= 160 or side % 8 == 0)
    assert len(starts) == len(tile_starts(length, min(length, 160), 24))
    # Eight pixels more a tile at most.
    assert len(starts) * side <= length + (len(starts) - 1) * 24 + len(starts) * 7
