"""Images of a map's components, with noise, rasters and gaps: what `MapRestorer` is trained on.

The images are random mixtures of the images of one phantom (a cell, cartilage or textures), as the scores of a map on
components found in it are. Their noise has variance 1.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.simulator.cartilage_phantom import draw_cartilage_phantom
from deeper_jax.simulator.cell_phantom import draw_cell_phantom
from deeper_jax.simulator.config import SimulatorConfig, cartilage_config
from deeper_jax.simulator.draws import Draws
from deeper_jax.simulator.textures import draw_textures

Array = jax.Array

# Images of a phantom that the components are mixed of.
SUBSTANCES = 5
# Steps of a raster in rows and columns: those of the grid itself, and coarser ones, which are drawn so often.
STEPS = ((1, 1), (2, 2), (3, 3), (4, 4), (1, 2), (2, 1), (1, 3), (3, 1), (1, 4), (4, 1), (2, 4), (3, 2))
_COARSE = (0.27, 0.18, 0.18, 0.06, 0.06, 0.045, 0.045, 0.04, 0.04, 0.04, 0.04)
# Of components: those whose image is white, as the offsets of read-outs are.
WHITE = 0.08
# Of maps: with single pixels missing, with a rectangle missing, stopped before the end.
GAPS = (0.2, 0.1, 0.1)
# Largest correlation of the noise of neighbouring pixels.
CORRELATION = 0.15
# Cells and cartilage as DeepeR has them, and at other magnifications.
_SAMPLES: dict[str, tuple[Callable[..., Any], SimulatorConfig]] = {
    "cell": (draw_cell_phantom, SimulatorConfig()),
    "cell of any size": (
        draw_cell_phantom,
        SimulatorConfig(cell_diameter=(0.5, 1.6), droplet_diameter=(1.0, 5.0), droplet_count=(0, 40), blur=(0.2, 1.2)),
    ),
    "cartilage": (draw_cartilage_phantom, cartilage_config()),
    "cartilage of any size": (
        draw_cartilage_phantom,
        SimulatorConfig(**{**vars(cartilage_config()), "blur": (0.2, 0.9)}),
    ),
}
PHANTOMS = (*_SAMPLES, "textures")


class ScoreImages(NamedTuple):
    """Score images of one map, float32.

    Attributes:
        noisy: [K, H, W], in units of the noise; 0 where not measured.
        mask: [H, W], 1 where a pixel was measured.
        step: [2], rows and columns from one pixel of the raster to the next.
        offset: [2], the raster's first row and column.
        truth: [K, H, W].
    """

    noisy: Array
    mask: Array
    step: Array
    offset: Array
    truth: Array


def draw_score_images(
    key: Array, phantom: str, side: int, components: int, strength: tuple[float, float], coarse: float
) -> ScoreImages:
    """Draw the images of one map.

    Args:
        key: random key.
        phantom: one of `PHANTOMS`.
        side: H and W, pixels.
        components: K.
        strength: smallest and largest deviation of an image over that of its noise, drawn evenly in the logarithm.
        coarse: how often the raster is coarser than the grid.
    """
    keys = jax.random.split(key, 5)
    images = _turned(keys[4], _substances(keys[0], phantom, side))
    truth = _mixed(keys[1], images, components, strength)
    mask, step, offset = draw_mask(keys[2], side, side, coarse)
    noisy = (truth + _noise(keys[3], truth.shape)) * mask
    return ScoreImages(noisy, mask, step, offset, truth)


def _substances(key: Array, phantom: str, side: int) -> Array:
    """[H, W, M], of mean 0 and deviation 1, or less where there is next to nothing."""
    if phantom == "textures":
        return draw_textures(key, side, side, SUBSTANCES)
    draw, config = _SAMPLES[phantom]
    images = draw(key, side, side, config).amounts
    centred = images - images.mean((0, 1))
    return centred / jnp.sqrt(jnp.square(centred).mean((0, 1)) + 1e-4)


def _turned(key: Array, images: Array) -> Array:
    """One of the eight ways to turn and mirror a square."""
    mirrored = jax.random.bernoulli(key, shape=(3,))
    for axis in range(2):
        images = jnp.where(mirrored[axis], jnp.flip(images, axis), images)
    return jnp.where(mirrored[2], images.swapaxes(0, 1), images)


def draw_phantom_images(key: Array, phantom: str, side: int, components: int) -> Array:
    """Draw mixtures [K, side, side] of one phantom's images, of deviation 1 (less where there is next to nothing)."""
    keys = jax.random.split(key, 3)
    images = _turned(keys[1], _substances(keys[0], phantom, side))
    return _mixtures(Draws(keys[2], 2 * components * images.shape[-1]), images, components)


def _mixtures(draws: Draws, images: Array, components: int) -> Array:
    count = images.shape[-1]
    weights = draws.normal((components, count)) * jnp.square(draws.uniform((components, count)))
    mixed = jnp.einsum("km,hwm->khw", weights, images)
    return mixed / jnp.sqrt(jnp.square(mixed).mean((1, 2), keepdims=True) + 1e-6)


def _mixed(key: Array, images: Array, components: int, strengths: tuple[float, float]) -> Array:
    """Random mixtures [K, H, W] of strengths over decades, on any mean; a few are white."""
    draws = Draws(key, components * (2 * images.shape[-1] + 3))
    mixed = _mixtures(draws, images, components)
    white = jax.random.normal(jax.random.fold_in(key, 1), mixed.shape)
    mixed = jnp.where(draws.uniform((components, 1, 1)) < WHITE, white, mixed)
    low, high = jnp.log(jnp.array(strengths))
    strength = jnp.exp(low + (high - low) * draws.uniform((components, 1, 1)))
    return strength * (mixed + 2.0 * draws.normal((components, 1, 1)))


def draw_mask(key: Array, height: int, width: int, coarse: float) -> tuple[Array, Array, Array]:
    """Which pixels were measured: [H, W] of 1 and 0, and the step [2] and offset [2] of their raster.

    `coarse` is how often the raster's step is not 1 in both directions.
    """
    keys = jax.random.split(key, 4)
    step = jax.random.choice(
        keys[0], jnp.array(STEPS), p=jnp.array([1.0 - coarse, *(coarse * each for each in _COARSE)])
    )
    offset = jnp.floor(jax.random.uniform(keys[1], (2,)) * step).astype(int)
    rows, columns = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    on_raster = ((rows - offset[0]) % step[0] == 0) & ((columns - offset[1]) % step[1] == 0)
    numbers = jax.random.uniform(keys[2], (12,))
    few = (jax.random.uniform(keys[3], (height, width)) < 0.2 * numbers[0]) & (numbers[1] < GAPS[0])
    corner, size = numbers[2:4] * jnp.array([height, width]), 2.0 + 10.0 * numbers[4:6]
    hole = (rows >= corner[0]) & (rows < corner[0] + size[0]) & (columns >= corner[1]) & (columns < corner[1] + size[1])
    hole &= numbers[6] < GAPS[1]
    ends = jnp.round((0.5 + 0.5 * numbers[7]) * height * width)
    beyond = (rows // step[0] * step[0] * width + columns >= ends) & (numbers[8] < GAPS[2])
    return (on_raster & ~few & ~hole & ~beyond).astype(jnp.float32), step, offset


def _noise(key: Array, shape: tuple[int, ...]) -> Array:
    """Of variance 1, a little alike in neighbouring pixels, as measured maps have it."""
    keys = jax.random.split(key)
    white = jax.random.normal(keys[0], shape)
    share = CORRELATION * jax.random.uniform(keys[1])
    mixed = white + share * (jnp.roll(white, 1, -1) + jnp.roll(white, 1, -2))
    return mixed / jnp.sqrt(1.0 + 2.0 * jnp.square(share))
