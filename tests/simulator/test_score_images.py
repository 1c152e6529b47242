"""The images that the map restorer learns from: noise, rasters, gaps, and phantoms of every kind."""

import functools

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from deeper_jax.simulator.score_images import PHANTOMS, STEPS, draw_mask, draw_score_images
from deeper_jax.simulator.textures import draw_textures

SIDE = 24


@pytest.fixture(scope="module")
def drawn():
    def images(phantom):
        draw = functools.partial(
            draw_score_images, phantom=phantom, side=SIDE, components=3, strength=(0.15, 300.0), coarse=0.66
        )
        return jax.vmap(draw)(jax.random.split(jax.random.key(0), 24))

    return jax.device_get(jax.jit(lambda: {phantom: images(phantom) for phantom in PHANTOMS})())


@pytest.mark.parametrize("phantom", PHANTOMS)
def test_what_was_measured_is_the_truth_and_noise_of_variance_one(drawn, phantom):
    images = drawn[phantom]
    measured = np.broadcast_to(images.mask[:, None] > 0, images.noisy.shape)
    noise = (images.noisy - images.truth)[measured]
    # float32 holds a strong image only so well.
    assert_allclose([noise.mean(), noise.std()], [0, 1], atol=0.03)
    assert not images.noisy[~measured].any()
    assert np.isfinite(images.truth).all()


@pytest.mark.parametrize("phantom", PHANTOMS)
def test_strengths_are_spread_over_decades_and_components_share_places(drawn, phantom):
    strength = np.log10(drawn[phantom].truth.std((2, 3)))
    assert strength.min() < 0 and strength.max() > 1.7


def test_measured_pixels_lie_on_the_raster(drawn):
    for images in drawn.values():
        for mask, step, offset in zip(images.mask, images.step, images.offset, strict=True):
            rows, columns = np.nonzero(mask)
            assert tuple(step) in STEPS and (offset < step).all()
            assert not ((rows - offset[0]) % step[0]).any() and not ((columns - offset[1]) % step[1]).any()
            assert mask.sum() >= 0.2 * SIDE**2 / step.prod()


def test_masks_are_of_every_kind():
    masks, steps, _ = jax.vmap(lambda key: draw_mask(key, SIDE, SIDE, 0.66))(jax.random.split(jax.random.key(1), 300))
    assert {tuple(step) for step in np.asarray(steps)} == set(STEPS)
    share = np.asarray(masks.sum((1, 2)) * steps.prod(1)) / SIDE**2
    assert 0.5 < (share > 0.99).mean() < 0.8 and share.min() < 0.75


def test_textures_are_standardised_and_differ_by_key():
    draw = jax.jit(lambda key: draw_textures(key, SIDE, 20, 4))
    first, again, other = (np.asarray(draw(jax.random.key(seed))) for seed in (3, 3, 4))
    assert first.shape == (SIDE, 20, 4)
    assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.1
    assert_allclose(first.mean((0, 1)), 0, atol=1e-4)
    assert_allclose(first.std((0, 1)), 1, atol=1e-2)
