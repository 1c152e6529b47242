"""A cell as a spatial phantom: how much of each molecule is in each pixel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.simulator.config import SimulatorConfig
from deeper_jax.simulator.draws import WAVES, Draws, blur, smooth_field

Array = jax.Array

MAX_DROPLETS = 40
MAX_NUCLEOLI = 3

# Amounts of (protein, lipid, nucleic acid, carbohydrate, cytochrome c) at full density, each in units of the
# endmember's strongest band, relative to cytoplasmic protein.
CYTOPLASM = (0.85, 0.34, 0.10, 0.10, 0.06)
MITOCHONDRIA = (0.08, 0.10, 0.00, 0.00, 0.18)
NUCLEUS = (0.85, 0.06, 0.26, 0.04, 0.00)
NUCLEOLUS = (0.35, 0.00, 0.22, 0.00, 0.00)
DROPLET = (-0.25, 1.20, -0.03, 0.00, -0.03)
RIM = (0.15, 0.28, 0.00, 0.06, 0.00)


class CellPhantom(NamedTuple):
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


def draw_cell_phantom(key: Array, height: int, width: int, config: SimulatorConfig) -> CellPhantom:
    """Draw one cell.

    Args:
        key: random key.
        height: H, pixels.
        width: W, pixels.
        config: `cell_diameter`, `nucleus_diameter`, `droplet_count`, `droplet_diameter`, `blur` are used.

    Returns:
        The maps, `[H, W, ...]`.
    """
    draws = Draws(key, 3 + 4 + 2 * 10 + 2 * 3 * WAVES + 4 * MAX_NUCLEOLI + 6 * MAX_DROPLETS)
    values = draws.settings(config, ("cell_diameter", "nucleus_diameter", "blur"))
    moved = draws.uniform((2, 2), -1.0, 1.0)
    rows, columns = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")
    side = min(height, width)
    centre = jnp.array([height, width]) * (0.5 + 0.08 * moved[0])
    radius = 0.5 * side * values["cell_diameter"]
    distance = _wobbly_distance(draws, rows, columns, centre, radius, 0.10)
    inside = _soft_step(1.0 - distance, radius)
    thickness = jnp.sqrt(jnp.clip(1.0 - 0.85 * distance**2, 0.05, 1.0))
    density = inside * thickness * (1.0 + 0.18 * smooth_field(draws, rows, columns, side / 4.0))

    nucleus_radius = radius * values["nucleus_diameter"]
    nucleus_centre = centre + 0.35 * radius * moved[1]
    nucleus_distance = _wobbly_distance(draws, rows, columns, nucleus_centre, nucleus_radius, 0.05)
    nucleus = _soft_step(1.0 - nucleus_distance, nucleus_radius) * inside
    nucleoli = _nucleoli(draws, rows, columns, nucleus_centre, nucleus_radius) * nucleus
    droplets = _droplets(draws, rows, columns, nucleus_centre, nucleus_radius, config)
    droplets = droplets * inside * (1.0 - nucleus)
    rim = inside * jnp.exp(-0.5 * ((distance - 0.95) * radius / 1.2) ** 2)

    grains = jax.nn.relu(smooth_field(draws, rows, columns, 3.0))
    cytoplasm = inside * (1.0 - nucleus)
    regions = jnp.stack(
        [density * (1.0 - nucleus), cytoplasm * thickness * grains, density * nucleus, nucleoli, droplets, rim], axis=-1
    )
    mixture = jnp.array([CYTOPLASM, MITOCHONDRIA, NUCLEUS, NUCLEOLUS, DROPLET, RIM])
    amounts = jnp.maximum(regions @ mixture, 0.0)
    return CellPhantom(*(blur(image, values["blur"]) for image in (amounts, density, nucleus, droplets)))


def _soft_step(depth: Array, radius: Array) -> Array:
    """1 inside, 0 outside, over about a pixel; `depth` is in units of `radius` pixels."""
    return jax.nn.sigmoid(4.0 * depth * radius)


def _wobbly_distance(draws: Draws, rows: Array, columns: Array, centre: Array, radius: Array, wobble: float) -> Array:
    """Distance from `centre` over the radius of an ellipse with a wavy outline: 1 on the outline."""
    turn, stretch = draws.uniform((), 0.0, jnp.pi), draws.uniform((), 0.85, 1.15)
    down, right = rows - centre[0], columns - centre[1]
    along = (jnp.cos(turn) * down + jnp.sin(turn) * right) / stretch
    across = (jnp.cos(turn) * right - jnp.sin(turn) * down) * stretch
    angle = jnp.arctan2(across, along)
    order = jnp.arange(2, 6)
    size, phase = wobble * draws.normal(order.shape) / order, draws.uniform(order.shape, 0.0, 2 * jnp.pi)
    outline = 1.0 + jnp.clip((size * jnp.cos(order * angle[..., None] + phase)).sum(-1), -0.3, 0.3)
    # The small constant keeps the root differentiable at the centre.
    return jnp.sqrt(along**2 + across**2 + 1e-6) / (radius * outline)


def _nucleoli(draws: Draws, rows: Array, columns: Array, centre: Array, radius: Array) -> Array:
    """One to three spots of 0.2 to 0.3 nuclear radii, within the inner part of the nucleus."""
    number, angle, reach, size = draws.uniform((4, MAX_NUCLEOLI))
    present = jnp.arange(MAX_NUCLEOLI) < 1.0 + jnp.floor(MAX_NUCLEOLI * number[0])
    angle = 2 * jnp.pi * angle
    reach = radius * (0.1 + 0.45 * reach)
    size = jnp.maximum(radius * (0.2 + 0.1 * size), 0.8)
    return _spots(rows, columns, centre, angle, reach, size, present)


def _droplets(
    draws: Draws, rows: Array, columns: Array, centre: Array, radius: Array, config: SimulatorConfig
) -> Array:
    """Lipid droplets clustered on one side of the nucleus, outside it."""
    number, side, reach, size, strength = draws.uniform((5, MAX_DROPLETS))
    fewest, most = config.droplet_count
    present = jnp.arange(MAX_DROPLETS) < fewest + jnp.floor((most + 1 - fewest) * number[0])
    angle = 2 * jnp.pi * side[0] + 0.9 * draws.normal((MAX_DROPLETS,))
    # An exponential fall-off of the distance from the nucleus' edge.
    reach = radius * (1.15 - 0.45 * jnp.log(1.0 - reach))
    smallest, largest = config.droplet_diameter
    size = 0.5 * (smallest + (largest - smallest) * size)
    strength = present * (0.5 + 0.5 * strength)
    return _spots(rows, columns, centre, angle, reach, size, strength)


def _spots(
    rows: Array, columns: Array, centre: Array, angle: Array, reach: Array, size: Array, strength: Array
) -> Array:
    """The largest of several soft discs in each pixel: `size` is the radius in pixels."""
    down = rows[..., None] - (centre[0] + reach * jnp.cos(angle))
    right = columns[..., None] - (centre[1] + reach * jnp.sin(angle))
    depth = size - jnp.sqrt(down**2 + right**2 + 1e-6)
    return (strength * jax.nn.sigmoid(4.0 * depth)).max(-1)
