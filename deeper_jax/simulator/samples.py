"""Simulated samples: images of cells and of cartilage, and sets of single spectra of cells."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.simulator.background import background_counts
from deeper_jax.simulator.cartilage_phantom import draw_cartilage_phantom
from deeper_jax.simulator.cell_phantom import (
    CYTOPLASM,
    DROPLET,
    MITOCHONDRIA,
    NUCLEOLUS,
    NUCLEUS,
    RIM,
    draw_cell_phantom,
)
from deeper_jax.simulator.config import CARTILAGE_MOLECULES, CELL_MOLECULES, SimulatorConfig
from deeper_jax.simulator.detector import draw_offsets, expose
from deeper_jax.simulator.draws import Draws
from deeper_jax.simulator.image import SimulatedImage, draw_instrument, record_image

Array = jax.Array


def simulate_cell(
    key: Array, height: int, width: int, wavenumbers: Array | np.ndarray, config: SimulatorConfig
) -> SimulatedImage:
    """Simulate a pair of images of one cell; jit-able with `height`, `width` and `config` static.

    Args:
        key: random key; the same key gives the same arrays.
        height: H, pixels of about 0.5 micrometres.
        width: W, pixels.
        wavenumbers: any increasing axis `[L]`, cm^-1.
        config: ranges to draw from.

    Returns:
        The measurement and everything that is known about it.
    """
    return _simulate(draw_cell_phantom, CELL_MOLECULES, key, (height, width), wavenumbers, config)


def simulate_cartilage(
    key: Array, height: int, width: int, wavenumbers: Array | np.ndarray, config: SimulatorConfig
) -> SimulatedImage:
    """Simulate a pair of images of one section of tissue-engineered cartilage: as `simulate_cell`.

    Unlike cells in space and spectrum, for tests of transfer learning. From the first row to the last: substrate,
    dense matrix, sparse matrix with round cells, medium; whatever the height, all layers are in the image. Pixels
    are of 1 micrometre, and the ranges those of `cartilage_config`.
    """
    return _simulate(draw_cartilage_phantom, CARTILAGE_MOLECULES, key, (height, width), wavenumbers, config)


def _simulate(
    draw_phantom: Callable[..., Any],
    molecules: tuple[str, ...],
    key: Array,
    shape: tuple[int, int],
    wavenumbers: Array | np.ndarray,
    config: SimulatorConfig,
) -> SimulatedImage:
    instrument_key, phantom_key, offset_key, noise_key = jax.random.split(key, 4)
    instrument = draw_instrument(instrument_key, wavenumbers, config, molecules)
    phantom = draw_phantom(phantom_key, *shape, config)
    return record_image(offset_key, noise_key, phantom.amounts, phantom.density, instrument, config)


def simulate_spectra(
    key: Array, count: int, wavenumbers: Array | np.ndarray, config: SimulatorConfig
) -> tuple[Array, Array, Array, Array]:
    """Simulate single spectra of widely varied compositions, without a spatial phantom.

    Neighbouring spectra come from different cells: spectrum i from cell i modulo `config.cells_per_draw`.

    Args:
        key: random key.
        count: N, number of spectra (static under `jax.jit`).
        wavenumbers: any increasing axis `[L]`, cm^-1.
        config: ranges to draw from (static under `jax.jit`).

    Returns:
        `low`, `high`, `low_truth`, `high_truth`, each `[N, L]`, as in `SimulatedImage`.
    """
    cells = max(1, min(config.cells_per_draw, count))
    per_cell = -(-count // cells)

    def one_cell(cell_key: Array) -> tuple[Array, Array, Array, Array]:
        return _simulate_pixels(cell_key, per_cell, wavenumbers, config)

    parts = jax.vmap(one_cell, out_axes=1)(jax.random.split(key, cells))
    low, high, low_truth, high_truth = (part.reshape(per_cell * cells, -1)[:count] for part in parts)
    return low, high, low_truth, high_truth


def _simulate_pixels(
    key: Array, pixels: int, wavenumbers: Array | np.ndarray, config: SimulatorConfig
) -> tuple[Array, Array, Array, Array]:
    """Simulate `pixels` unrelated pixels of one cell: `[pixels, L]` each."""
    keys = jax.random.split(key, 5)
    instrument = draw_instrument(keys[0], wavenumbers, config, CELL_MOLECULES)
    amounts, density = _draw_compositions(keys[1], pixels)
    slope = instrument.optics.illumination_slope
    illumination = 1.0 + slope * jax.random.uniform(keys[2], (pixels,), minval=-0.5, maxval=0.5)
    light = background_counts(instrument.optics, density, illumination)
    light = light + (amounts * instrument.molecular_counts) @ instrument.endmembers
    light = light * instrument.signal_level
    offset = draw_offsets(keys[3], (pixels,), instrument.detector.low_offset, config.offset_step_probability)
    low_truth = light + offset[:, None]
    high_truth = instrument.detector.exposure_ratio * light + instrument.detector.high_offset
    low, high = expose(keys[4], low_truth, high_truth, instrument.detector, config)
    return low, high, low_truth, high_truth


def _draw_compositions(key: Array, pixels: int) -> tuple[Array, Array]:
    """Draw the molecules `[pixels, K]` and the density `[pixels]` of unrelated pixels.

    A quarter is medium; the others mix the cell's regions at random and then change each molecule by a factor
    of its own, so that a network cannot learn that two molecules always go together.
    """
    base = jnp.array([CYTOPLASM, NUCLEUS])
    extra = jnp.array([MITOCHONDRIA, NUCLEOLUS, DROPLET, RIM])
    molecules = len(CELL_MOLECULES)
    draws = Draws(key, pixels * (3 + extra.shape[0] + molecules))
    chance, thickness = draws.uniform((2, pixels))
    density = (chance < 0.75) * (0.1 + 1.1 * thickness)
    nuclear = jax.nn.sigmoid(4.0 * draws.normal((pixels, 1)))
    shares = jnp.concatenate([1.0 - nuclear, nuclear], axis=1)
    # The fourth power makes most pixels free of most extras and a few full of one.
    extras = draws.uniform((pixels, extra.shape[0])) ** 4
    spread = jnp.exp(0.35 * draws.normal((pixels, molecules)))
    amounts = jnp.maximum(shares @ base + extras @ extra, 0.0) * spread
    return amounts * density[:, None], density
