"""Phantoms that imitate nothing in particular: leaves, fibres, droplets, gradients, grains and single pixels.

A network that restores maps of any sample must not learn that all samples are cells. Sizes, sharpness and the share of
each kind are drawn widely.
"""

import math

import jax
import jax.numpy as jnp

from deeper_jax.simulator.draws import WAVES, Draws, blur, smooth_field

Array = jax.Array

LEAVES = 40
FIBRES = 8
DROPLETS = 40
FIELDS = 3
SINGLE_PIXELS = 6
# Pixels, drawn evenly in the logarithm.
LEAF_RADIUS = (1.0, 28.0)
FIBRE_WIDTH = (0.4, 2.5)
DROPLET_RADIUS = (0.4, 2.5)
FIELD_WAVELENGTH = (3.0, 60.0)
BLUR = (0.05, 1.0)


def draw_textures(key: Array, height: int, width: int, count: int) -> Array:
    """Draw `count` images of one sample, [H, W, count], of mean 0 and deviation 1 each.

    What lies in the sample is at the same places in all of them, with other amounts.
    """
    numbers = LEAVES * (7 + count) + FIBRES * (4 + count) + DROPLETS * (4 + count) + FIELDS * (3 * WAVES + 1 + count)
    draws = Draws(key, numbers + FIBRES * 3 * WAVES + SINGLE_PIXELS * (2 + count) + 10 + count)
    rows, columns = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")
    # Single pixels are rare.
    shares = jnp.square(draws.uniform((5,))) * jnp.ones(5).at[4].set(draws.uniform() < 0.3)
    sharpness = _log_uniform(draws, (), BLUR)
    image = sum(
        share * _standardised(part(draws, rows, columns, count))
        for share, part in zip(shares, (_leaves, _fibres, _droplets, _fields, _single_pixels), strict=True)
    )
    return _standardised(blur(image, sharpness))


def _standardised(image: Array) -> Array:
    centred = image - image.mean((0, 1))
    return centred / jnp.sqrt(jnp.square(centred).mean((0, 1)) + 1e-6)


def _log_uniform(draws: Draws, shape: tuple[int, ...], limits: tuple[float, float]) -> Array:
    return jnp.exp(draws.uniform(shape, math.log(limits[0]), math.log(limits[1])))


def _leaves(draws: Draws, rows: Array, columns: Array, count: int) -> Array:
    """Dead leaves: ellipses and rectangles, each of which hides what lies below (Lee, Mumford and Huang 2001)."""
    centre = draws.uniform((LEAVES, 2), -0.1, 1.1) * jnp.array(rows.shape)
    radius = _log_uniform(draws, (LEAVES,), LEAF_RADIUS)
    turn, stretch, angular = draws.uniform((3, LEAVES))
    amounts = draws.normal((LEAVES, count))
    transparency = draws.uniform((LEAVES,)) ** 3

    def lay(below: Array, leaf: tuple[Array, ...]) -> tuple[Array, None]:
        centre, radius, turn, stretch, angular, amount, transparency = leaf
        down, right = rows - centre[0], columns - centre[1]
        angle, factor = jnp.pi * turn, 1.0 + stretch
        along = jnp.abs(jnp.cos(angle) * down + jnp.sin(angle) * right) / factor
        across = jnp.abs(jnp.cos(angle) * right - jnp.sin(angle) * down) * factor
        distance = jnp.where(angular > 0.6, jnp.maximum(along, across), jnp.hypot(along, across))
        cover = jax.nn.sigmoid(4.0 * (radius - distance))[..., None] * (1.0 - transparency)
        return below * (1.0 - cover) + cover * amount, None

    start = jnp.zeros((*rows.shape, count))
    return jax.lax.scan(lay, start, (centre, radius, turn, stretch, angular, amounts, transparency))[0]


def _fibres(draws: Draws, rows: Array, columns: Array, count: int) -> Array:
    """Bent lines through the whole image."""
    place = draws.uniform((FIBRES,), -0.5, 0.5) * max(rows.shape)
    angle = jnp.pi * (draws.uniform() + 0.3 * draws.uniform((FIBRES,)))
    width = _log_uniform(draws, (FIBRES,), FIBRE_WIDTH)
    bend = draws.uniform((FIBRES,), 0.0, 4.0)
    amounts = draws.normal((FIBRES, count))
    down, right = rows - rows.shape[0] / 2, columns - columns.shape[1] / 2
    image = jnp.zeros((*rows.shape, count))
    for i in range(FIBRES):
        across = jnp.cos(angle[i]) * right - jnp.sin(angle[i]) * down - place[i]
        across = across + bend[i] * smooth_field(draws, rows, columns, 25.0)
        image = image + jnp.exp(-0.5 * jnp.square(across / width[i]))[..., None] * amounts[i]
    return image


def _droplets(draws: Draws, rows: Array, columns: Array, count: int) -> Array:
    """Small discs, nearly all of one substance."""
    centre = draws.uniform((DROPLETS, 2)) * jnp.array(rows.shape)
    radius = _log_uniform(draws, (DROPLETS,), DROPLET_RADIUS)
    present = draws.uniform((DROPLETS,)) < draws.uniform()
    amounts = present[:, None] * (draws.normal((count,)) + 0.3 * draws.normal((DROPLETS, count)))
    distance = jnp.hypot(rows[..., None] - centre[:, 0], columns[..., None] - centre[:, 1])
    return jax.nn.sigmoid(4.0 * (radius - distance)) @ amounts


def _fields(draws: Draws, rows: Array, columns: Array, count: int) -> Array:
    """Gradients, clouds and grains, the finest of which are half cut off."""
    wavelengths = _log_uniform(draws, (FIELDS,), FIELD_WAVELENGTH)
    fields = [smooth_field(draws, rows, columns, wavelengths[i]) for i in range(FIELDS)]
    cut = jnp.where(draws.uniform() < 0.5, jax.nn.relu(fields[0]), fields[0])
    return jnp.stack([cut, *fields[1:]], axis=-1) @ draws.normal((FIELDS, count))


def _single_pixels(draws: Draws, rows: Array, columns: Array, count: int) -> Array:
    """Particles in one pixel each."""
    centre = jnp.floor(draws.uniform((SINGLE_PIXELS, 2)) * jnp.array(rows.shape)) + 0.5
    inside = (rows[..., None] == centre[:, 0]) & (columns[..., None] == centre[:, 1])
    return inside.astype(jnp.float32) @ draws.normal((SINGLE_PIXELS, count))
