"""A section through tissue-engineered cartilage as a spatial phantom: layers, matrix, round cells.

After the maps of such cartilage in Figure 5 of the DeepeR paper; amounts are plausible, not measured.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.simulator.config import SimulatorConfig
from deeper_jax.simulator.draws import WAVES, Draws, blur, smooth_field

Array = jax.Array

LAYERS = ("substrate", "dense_matrix", "sparse_matrix", "medium")

# Where each of the first three layers ends, over the image's height.
_ENDS = ((0.08, 0.13), (0.34, 0.44), (0.90, 0.95))
# Of these three interfaces, over the image's height: size of their waves, and softness added to half a pixel's.
_WAVE_SIZE = (0.006, 0.025, 0.012)
_SOFTNESS = (0.0, 0.012, 0.004)
# Shortest wave of the interfaces, pixels, which are micrometres here.
_WAVELENGTH = 60.0
# Side of the squares that hold one cell at most, and the cells' smallest and largest diameter, pixels.
_PITCH = 17
_DIAMETER = (8.0, 15.0)
_NUMBERS_PER_CELL = 9

# Amounts of (protein, lipid, nucleic acid, collagen, chondroitin sulfate, polystyrene), each in units of the
# endmember's strongest band, relative to the collagen of the dense matrix.
SUBSTRATE = (0.00, 0.00, 0.00, 0.00, 0.00, 1.00)
FIBRES = (0.04, 0.01, 0.00, 0.95, 0.00, 0.00)
GROUND_SUBSTANCE = (0.08, 0.00, 0.00, 0.00, 1.00, 0.00)
CELL_REMAINS = (0.25, 0.08, 0.05, 0.00, 0.00, 0.00)
CYTOPLASM = (0.50, 0.20, 0.05, 0.00, 0.00, 0.00)
NUCLEUS = (-0.05, -0.14, 0.22, 0.00, 0.00, 0.00)
PERICELLULAR_RING = (0.15, 0.06, 0.00, 0.65, 0.30, 0.00)


class CartilagePhantom(NamedTuple):
    """The maps of one section, blurred by the optics; all values are dimensionless and not negative.

    Attributes:
        amounts: `[H, W, 6]`, molecules in the order of `CARTILAGE_MOLECULES`, about 1 for dense collagen.
        density: `[H, W]`, how much matter is in the pixel, 0 in the medium, about 1 in substrate and dense matrix.
        layers: `[H, W, 4]`, share of each of `LAYERS`, adding up to 1; a cell belongs to its layer.
        cells: `[H, W]`, share of cells, 0 to 1.
        rings: `[H, W]`, share of pericellular rings, 0 to 1.
    """

    amounts: Array
    density: Array
    layers: Array
    cells: Array
    rings: Array


class _Cells(NamedTuple):
    """Cells of the squares of a grid, one square larger than the image on every side: `[G]` each.

    Positions are in pixels of the image. A square without a cell has a large negative radius.
    """

    row: Array
    column: Array
    radius: Array
    turn: Array
    stretch: Array
    nucleus_row: Array
    nucleus_column: Array
    strength: Array


def draw_cartilage_phantom(key: Array, height: int, width: int, config: SimulatorConfig) -> CartilagePhantom:
    """Draw a section with the layers one below the other, each over a share of the height that varies little.

    Args:
        key: random key.
        height: H, pixels of 1 micrometre.
        width: W, pixels.
        config: `blur` is used.

    Returns:
        The maps, `[H, W, ...]`.
    """
    squares = math.prod(_grid(height, width))
    draws = Draws(key, 1 + 4 + (3 + 6) * 3 * WAVES + _NUMBERS_PER_CELL * squares)
    sigma = draws.settings(config, ("blur",))["blur"]
    rows, columns = jnp.meshgrid(jnp.arange(height) + 0.5, jnp.arange(width) + 0.5, indexing="ij")

    interfaces = _interfaces(draws, height, width)
    layers = _layers(rows, interfaces, height)
    substrate, dense, sparse = layers[..., 0], layers[..., 1], layers[..., 2]

    # Bent coordinates make outlines irregular and fibres wavy.
    bent_rows = rows + 0.6 * smooth_field(draws, rows, columns, 14.0)
    bent_columns = columns + 0.6 * smooth_field(draws, rows, columns, 14.0)
    slow = smooth_field(draws, rows, columns, 40.0)
    # Fibres run along the surface: a field that changes four times faster across them.
    fibres = smooth_field(draws, bent_rows + 3.0 * slow, 0.25 * columns, 4.0)
    clouds = smooth_field(draws, rows, columns, 12.0)
    remains = jax.nn.sigmoid(3.0 * smooth_field(draws, rows, columns, 6.0) - 2.0)

    grid_cells = _draw_cells(draws, interfaces, height, width)
    depth, nucleus_depth, strength = _nearest_cell(grid_cells, bent_rows, bent_columns, width)
    cells = jax.nn.sigmoid(3.0 * depth)
    nuclei = jax.nn.sigmoid(2.0 * nucleus_depth) * cells
    rings = jnp.exp(-0.5 * ((depth + 0.6) / 1.2) ** 2)
    # Proteoglycan gathers around cells.
    territory = jnp.exp(jnp.minimum(depth, 0.0) / 4.0)

    outside = 1.0 - cells
    network = (0.85 * dense * (1.0 + 0.12 * fibres) + 0.26 * sparse * (1.0 + 0.25 * fibres)) * outside
    ground = (0.28 * dense + 0.26 * sparse * (1.0 + 0.8 * territory)) * (1.0 + 0.15 * clouds) * outside
    of_cells = (strength * part for part in (cells, nuclei, rings))
    regions = jnp.stack([substrate, network, ground, dense * remains, *of_cells], axis=-1)
    mixture = jnp.array([SUBSTRATE, FIBRES, GROUND_SUBSTANCE, CELL_REMAINS, CYTOPLASM, NUCLEUS, PERICELLULAR_RING])
    amounts = jnp.maximum(regions @ mixture, 0.0)
    density = (substrate + dense + 0.5 * sparse) * outside + 0.8 * cells + 0.3 * rings
    return CartilagePhantom(*(blur(image, sigma) for image in (amounts, density, layers, cells, rings)))


def _interfaces(draws: Draws, height: int, width: int) -> Array:
    """Draw where the first three layers end: `[3, W]`, pixels from the top, tilted together, each with its waves."""
    share, tilt = draws.uniform((3, 1)), draws.uniform((), -0.04, 0.04)
    first, last = jnp.array(_ENDS).T[..., None]
    level = first + (last - first) * share
    column = jnp.arange(width) + 0.5
    # The sum of plane waves seen along one line.
    waves = jnp.stack([smooth_field(draws, jnp.zeros(width), column, _WAVELENGTH) for _ in _WAVE_SIZE])
    return height * (level + tilt * (column / width - 0.5) + jnp.array(_WAVE_SIZE)[:, None] * waves)


def _layers(rows: Array, interfaces: Array, height: int) -> Array:
    """Share of each layer in each pixel, `[H, W, 4]`, adding up to 1."""
    softness = 0.5 + jnp.array(_SOFTNESS) * height
    passed = jax.nn.sigmoid((rows[..., None] - interfaces.T) / softness)
    all_passed = jnp.cumprod(passed, axis=-1)
    edge = [(0, 0), (0, 0)]
    above, below = jnp.pad(all_passed, [*edge, (1, 0)], constant_values=1.0), jnp.pad(all_passed, [*edge, (0, 1)])
    return above - below


def _grid(height: int, width: int) -> tuple[int, int]:
    """Squares of the grid of cells over the image and one more on every side."""
    return -(-height // _PITCH) + 2, -(-width // _PITCH) + 2


def _draw_cells(draws: Draws, interfaces: Array, height: int, width: int) -> _Cells:
    """Draw a cell or none in each square of the grid: cells in the sparse matrix only, more of them with depth."""
    shape = _grid(height, width)
    jitter_row, jitter_column, chance, size, turn, stretch, nucleus_turn, nucleus_shift, strength = draws.uniform(
        (_NUMBERS_PER_CELL, *shape)
    )
    square_row, square_column = jnp.meshgrid(*(jnp.arange(count) - 0.5 for count in shape), indexing="ij")
    row = _PITCH * (square_row + 0.7 * (jitter_row - 0.5))
    column = _PITCH * (square_column + 0.7 * (jitter_column - 0.5))
    radius = 0.5 * (_DIAMETER[0] + (_DIAMETER[1] - _DIAMETER[0]) * size)

    _, begin, end = interfaces[:, jnp.clip(column, 0, width - 1).astype(int)]
    present = (row > begin + 0.6 * radius) & (row < end - 0.6 * radius)
    present &= chance < 0.35 + 0.5 * (row - begin) / (end - begin)
    shift = 0.25 * radius * nucleus_shift
    cells = _Cells(
        row=row,
        column=column,
        radius=jnp.where(present, radius, -100.0),
        turn=jnp.pi * turn,
        stretch=0.88 + 0.26 * stretch,
        nucleus_row=row + shift * jnp.sin(2 * jnp.pi * nucleus_turn),
        nucleus_column=column + shift * jnp.cos(2 * jnp.pi * nucleus_turn),
        strength=0.75 + 0.5 * strength,
    )
    return jax.tree.map(jnp.ravel, cells)


def _nearest_cell(cells: _Cells, rows: Array, columns: Array, width: int) -> tuple[Array, Array, Array]:
    """How deep each pixel lies in its nearest cell and in that cell's nucleus, and how strong the cell is.

    Depths are in pixels, negative outside; all are `[H, W]`. A cell reaches into the neighbouring squares of the
    grid at most, so nine squares are looked at.
    """
    squares_wide = _grid(1, width)[1]
    square = (rows // _PITCH + 1).astype(int) * squares_wide + (columns // _PITCH + 1).astype(int)
    step = jnp.arange(-1, 2)
    # Bent coordinates may lead out of the grid: there are no cells so far out.
    near = (square[..., None] + (step[:, None] * squares_wide + step).ravel()) % cells.row.size
    depths = _depth(jax.tree.map(lambda values: values[near], cells), rows[..., None], columns[..., None])
    best = depths.argmax(-1, keepdims=True)
    cell = jax.tree.map(lambda values: values[jnp.take_along_axis(near, best, -1)[..., 0]], cells)
    nucleus_distance = jnp.hypot(rows - cell.nucleus_row, columns - cell.nucleus_column)
    return jnp.take_along_axis(depths, best, -1)[..., 0], 0.45 * cell.radius - nucleus_distance, cell.strength


def _depth(cells: _Cells, rows: Array, columns: Array) -> Array:
    """Depth under the outline of elliptic cells, pixels, all of one shape or broadcastable."""
    down, right = rows - cells.row, columns - cells.column
    along = (jnp.cos(cells.turn) * down + jnp.sin(cells.turn) * right) / cells.stretch
    across = (jnp.cos(cells.turn) * right - jnp.sin(cells.turn) * down) * cells.stretch
    return cells.radius - jnp.hypot(along, across)
