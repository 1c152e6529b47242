"""Whole simulated measurements: images of cells, and sets of single spectra."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.data.simulator.background import Optics, background_counts, draw_optics
from deeper_jax.data.simulator.config import CELL_MOLECULES, SimulatorConfig
from deeper_jax.data.simulator.detector import Detector, draw_detector, draw_offsets, expose
from deeper_jax.data.simulator.molecules import draw_endmembers
from deeper_jax.data.simulator.phantom import (
    CYTOPLASM,
    DROPLET,
    MITOCHONDRIA,
    NUCLEOLUS,
    NUCLEUS,
    RIM,
    draw_phantom,
)
from deeper_jax.data.simulator.random_ranges import Draws

Array = jax.Array


class SimulatedCell(NamedTuple):
    """One simulated measurement of a cell, all float32.

    The parts fit together: `low_truth = background + abundances @ endmembers`.

    Attributes:
        low: `[H, W, L]`, counts of the short exposure (whole numbers), with noise and cosmic rays.
        high: `[H, W, L]`, counts of the long exposure, likewise.
        low_truth: `[H, W, L]`, expected counts of the short exposure: no noise, no cosmic rays.
        high_truth: `[H, W, L]`, expected counts of the long exposure.
        abundances: `[H, W, K]`, not negative, counts of the short exposure at an endmember's height 1; the
            molecules are those of `CELL_MOLECULES`.
        endmembers: `[K, L]`, the molecules' spectra as this spectrometer sees them.
        background: `[H, W, L]`, expected counts of the short exposure that are not of molecules: window,
            water, fluorescence, offset.
    """

    low: Array
    high: Array
    low_truth: Array
    high_truth: Array
    abundances: Array
    endmembers: Array
    background: Array


class _Instrument(NamedTuple):
    """All that the pixels of one cell have in common."""

    endmembers: Array
    optics: Optics
    detector: Detector
    signal_level: Array
    molecular_counts: Array


def simulate_cell(
    key: Array, height: int, width: int, wavenumbers: Array | np.ndarray, config: SimulatorConfig
) -> SimulatedCell:
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
    keys = jax.random.split(key, 4)
    instrument = _draw_instrument(keys[0], wavenumbers, config)
    phantom = draw_phantom(keys[1], height, width, config)
    slope = instrument.optics.illumination_slope
    illumination = 1.0 + slope * jnp.linspace(-0.5, 0.5, height)[:, None] * jnp.ones((height, width))
    abundances = phantom.amounts * instrument.molecular_counts * instrument.signal_level
    background = background_counts(instrument.optics, phantom.density, illumination) * instrument.signal_level
    offset = draw_offsets(keys[2], (height, width), instrument.detector.low_offset, config.offset_step_probability)
    light = background + abundances @ instrument.endmembers
    low_truth = light + offset[..., None]
    high_truth = instrument.detector.exposure_ratio * light + instrument.detector.high_offset
    low, high = expose(keys[3], low_truth, high_truth, instrument.detector, config)
    return SimulatedCell(
        low=low,
        high=high,
        low_truth=low_truth,
        high_truth=high_truth,
        abundances=abundances,
        endmembers=instrument.endmembers,
        background=background + offset[..., None],
    )


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
        `low`, `high`, `low_truth`, `high_truth`, each `[N, L]`, as in `SimulatedCell`.
    """
    cells = max(1, min(config.cells_per_draw, count))
    per_cell = -(-count // cells)

    def one_cell(cell_key: Array) -> tuple[Array, Array, Array, Array]:
        return _simulate_pixels(cell_key, per_cell, wavenumbers, config)

    parts = jax.vmap(one_cell, out_axes=1)(jax.random.split(key, cells))
    low, high, low_truth, high_truth = (part.reshape(per_cell * cells, -1)[:count] for part in parts)
    return low, high, low_truth, high_truth


def _draw_instrument(key: Array, wavenumbers: Array | np.ndarray, config: SimulatorConfig) -> _Instrument:
    keys = jax.random.split(key, 4)
    optics = draw_optics(keys[0], wavenumbers, config)
    levels = Draws(keys[3], 2).settings(config, ("signal_level", "molecular_counts"))
    return _Instrument(
        endmembers=draw_endmembers(keys[1], wavenumbers, config) * optics.response,
        optics=optics,
        detector=draw_detector(keys[2], config),
        **levels,
    )


def _simulate_pixels(
    key: Array, pixels: int, wavenumbers: Array | np.ndarray, config: SimulatorConfig
) -> tuple[Array, Array, Array, Array]:
    """Simulate `pixels` unrelated pixels of one cell: `[pixels, L]` each."""
    keys = jax.random.split(key, 5)
    instrument = _draw_instrument(keys[0], wavenumbers, config)
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
