"""A cell as a spatial phantom: how much of each molecule is in each pixel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.data.simulator.config import SimulatorConfig
from deeper_jax.data.simulator.random_ranges import draw

Array = jax.Array

MAX_DROPLETS = 32
MAX_NUCLEOLI = 3

# Amounts of (protein, lipid, nucleic acid, carbohydrate, cytochrome c) at full density, each in units of the
# endmember's strongest band, relative to cytoplasmic protein.
CYTOPLASM = (0.90, 0.28, 0.10, 0.10, 0.06)
MITOCHONDRIA = (0.05, 0.05, 0.00, 0.00, 0.18)
NUCLEUS = (0.85, 0.06, 0.26, 0.04, 0.00)
NUCLEOLUS = (0.35, 0.00, 0.22, 0.00, 0.00)
DROPLET = (-0.25, 1.20, -0.03, 0.00, -0.03)
RIM = (0.15, 0.28, 0.00, 0.06, 0.00)


class Phantom(NamedTuple):
    """The maps of one cell, blurred by the optics; all values are dimensionless and not negative.

    Attributes:
        amounts: `[H, W, 5]`, molecules in the order of `CELL_MOLECULES`, about 1 for dense protein.
        density: `[H, W]`, how much cell is in the pixel, 0 in the medium.
        nucleus: `[H, W]`, share of the nucleus, 0 to 1.
        droplets: `[H, W]`, share of lipid droplets, 0 to 1.
    """

    amounts: Array
    density: Array
    nucleus: Array
    droplets: Array


def draw_phantom(key: Array, height: int, width: int, config: SimulatorConfig) -> Phantom:
    """Draw one cell.

    Args:
        key: random key.
        height: H, pixels.
        width: W, pixels.
        config: `cell_diameter`, `nucleus_diameter`, `droplet_count`, `droplet_diameter`, `blur` are used.

    Returns:
        The maps, `[H, W, ...]`.
    """
    keys = jax.random.split(key, 10)
    rows, columns = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")
    side = min(height, width)
    centre = jnp.array([height, width]) * (0.5 + 0.08 * jax.random.uniform(keys[0], (2,), minval=-1.0))
    radius = 0.5 * side * draw(keys[1], config.cell_diameter)
    distance = _wobbly_distance(keys[2], rows, columns, centre, radius, 0.10)
    inside = _soft_step(1.0 - distance, radius)
    thickness = jnp.sqrt(jnp.clip(1.0 - 0.85 * distance**2, 0.05, 1.0))
    density = inside * thickness * (1.0 + 0.18 * _smooth_field(keys[3], rows, columns, side / 4.0))

    nucleus_radius = radius * draw(keys[4], config.nucleus_diameter)
    offset = 0.35 * radius * jax.random.uniform(keys[5], (2,), minval=-1.0)
    nucleus_centre = centre + offset
    nucleus_distance = _wobbly_distance(keys[6], rows, columns, nucleus_centre, nucleus_radius, 0.05)
    nucleus = _soft_step(1.0 - nucleus_distance, nucleus_radius) * inside
    nucleoli = _nucleoli(keys[7], rows, columns, nucleus_centre, nucleus_radius) * nucleus
    droplets = _droplets(keys[8], rows, columns, nucleus_centre, nucleus_radius, config)
    droplets = droplets * inside * (1.0 - nucleus)
    rim = inside * jnp.exp(-0.5 * ((distance - 0.95) * radius / 1.2) ** 2)

    blur_key, mitochondria_key = jax.random.split(keys[9])
    grains = jax.nn.relu(_smooth_field(mitochondria_key, rows, columns, 3.0))
    cytoplasm = inside * (1.0 - nucleus)
    regions = jnp.stack(
        [density * (1.0 - nucleus), cytoplasm * thickness * grains, density * nucleus, nucleoli, droplets, rim],
        axis=-1,
    )
    mixture = jnp.array([CYTOPLASM, MITOCHONDRIA, NUCLEUS, NUCLEOLUS, DROPLET, RIM])
    amounts = jnp.maximum(regions @ mixture, 0.0)
    sigma = draw(blur_key, config.blur)
    return Phantom(*(_blur(image, sigma) for image in (amounts, density, nucleus, droplets)))


def _soft_step(depth: Array, radius: Array) -> Array:
    """1 inside, 0 outside, over about a pixel; `depth` is in units of `radius` pixels."""
    return jax.nn.sigmoid(4.0 * depth * radius)


def _wobbly_distance(
    key: Array, rows: Array, columns: Array, centre: Array, radius: Array, wobble: float
) -> Array:
    """Distance from `centre` over the radius of an ellipse with a wavy outline: 1 on the outline."""
    keys = jax.random.split(key, 4)
    turn = jax.random.uniform(keys[0], maxval=jnp.pi)
    stretch = jax.random.uniform(keys[1], minval=0.85, maxval=1.15)
    down, right = rows - centre[0], columns - centre[1]
    along = (jnp.cos(turn) * down + jnp.sin(turn) * right) / stretch
    across = (jnp.cos(turn) * right - jnp.sin(turn) * down) * stretch
    angle = jnp.arctan2(across, along)
    order = jnp.arange(2, 6)
    phase = jax.random.uniform(keys[2], order.shape, maxval=2 * jnp.pi)
    size = wobble * jax.random.normal(keys[3], order.shape) / order
    outline = 1.0 + jnp.clip((size * jnp.cos(order * angle[..., None] + phase)).sum(-1), -0.3, 0.3)
    # The small constant keeps the root differentiable at the centre.
    return jnp.sqrt(along**2 + across**2 + 1e-6) / (radius * outline)


def _smooth_field(key: Array, rows: Array, columns: Array, wavelength: Array | float) -> Array:
    """A random field of mean 0 and standard deviation about 1 from 24 plane waves near `wavelength` pixels."""
    keys = jax.random.split(key, 3)
    angle = jax.random.uniform(keys[0], (24,), maxval=2 * jnp.pi)
    frequency = 2 * jnp.pi / wavelength * jax.random.uniform(keys[1], (24,), minval=0.2, maxval=1.0)
    phase = jax.random.uniform(keys[2], (24,), maxval=2 * jnp.pi)
    wave = rows[..., None] * jnp.cos(angle) * frequency + columns[..., None] * jnp.sin(angle) * frequency
    return jnp.cos(wave + phase).sum(-1) / jnp.sqrt(12.0)


def _nucleoli(key: Array, rows: Array, columns: Array, centre: Array, radius: Array) -> Array:
    """One to three spots of 0.2 to 0.3 nuclear radii, within the inner part of the nucleus."""
    keys = jax.random.split(key, 4)
    present = jnp.arange(MAX_NUCLEOLI) < jax.random.randint(keys[0], (), 1, MAX_NUCLEOLI + 1)
    angle = jax.random.uniform(keys[1], (MAX_NUCLEOLI,), maxval=2 * jnp.pi)
    reach = radius * jax.random.uniform(keys[2], (MAX_NUCLEOLI,), minval=0.1, maxval=0.55)
    size = jnp.maximum(radius * jax.random.uniform(keys[3], (MAX_NUCLEOLI,), minval=0.2, maxval=0.3), 0.8)
    return _spots(rows, columns, centre, angle, reach, size, present)


def _droplets(
    key: Array, rows: Array, columns: Array, centre: Array, radius: Array, config: SimulatorConfig
) -> Array:
    """Lipid droplets clustered on one side of the nucleus, outside it."""
    keys = jax.random.split(key, 6)
    fewest, most = config.droplet_count
    number = jax.random.randint(keys[0], (), fewest, most + 1)
    side = jax.random.uniform(keys[1], maxval=2 * jnp.pi)
    angle = side + 0.9 * jax.random.normal(keys[2], (MAX_DROPLETS,))
    reach = radius * (1.15 + 0.45 * jax.random.exponential(keys[3], (MAX_DROPLETS,)))
    size = 0.5 * draw(keys[4], config.droplet_diameter, (MAX_DROPLETS,))
    strength = jax.random.uniform(keys[5], (MAX_DROPLETS,), minval=0.5, maxval=1.0)
    return _spots(rows, columns, centre, angle, reach, size, strength * (jnp.arange(MAX_DROPLETS) < number))


def _spots(
    rows: Array, columns: Array, centre: Array, angle: Array, reach: Array, size: Array, strength: Array
) -> Array:
    """The largest of several soft discs in each pixel: `size` is the radius in pixels."""
    down = rows[..., None] - (centre[0] + reach * jnp.cos(angle))
    right = columns[..., None] - (centre[1] + reach * jnp.sin(angle))
    depth = size - jnp.sqrt(down**2 + right**2 + 1e-6)
    return (strength * jax.nn.sigmoid(4.0 * depth)).max(-1)


def _blur(image: Array, sigma: Array) -> Array:
    """Gaussian blur of `[H, W]` or `[H, W, K]` over the first two axes, weights renormalised at the border."""

    def kernel(length: int) -> Array:
        position = jnp.arange(length)
        weight = jnp.exp(-0.5 * ((position[:, None] - position) / jnp.maximum(sigma, 1e-3)) ** 2)
        return weight / weight.sum(1, keepdims=True)

    rows, columns = kernel(image.shape[0]), kernel(image.shape[1])
    return jnp.einsum("hi,wj,ij...->hw...", rows, columns, image)
