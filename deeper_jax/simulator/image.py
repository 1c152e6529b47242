"""What every simulated image has in common, whatever lies under the microscope: instrument, light, two exposures."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.simulator.background import Optics, background_counts, draw_optics
from deeper_jax.simulator.config import SimulatorConfig
from deeper_jax.simulator.detector import Detector, draw_detector, draw_offsets, expose
from deeper_jax.simulator.draws import Draws
from deeper_jax.simulator.molecules import draw_endmembers

Array = jax.Array


class SimulatedImage(NamedTuple):
    """One simulated measurement of a sample, all float32.

    The parts fit together: `low_truth = background + abundances @ endmembers`.

    Attributes:
        low: `[H, W, L]`, counts of the short exposure (whole numbers), with noise and cosmic rays.
        high: `[H, W, L]`, counts of the long exposure, likewise.
        low_truth: `[H, W, L]`, expected counts of the short exposure: no noise, no cosmic rays.
        high_truth: `[H, W, L]`, expected counts of the long exposure.
        abundances: `[H, W, K]`, not negative, counts of the short exposure at an endmember's height 1; the
            molecules are those of `CELL_MOLECULES` or `CARTILAGE_MOLECULES`.
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


class Instrument(NamedTuple):
    """All that the pixels of one measurement have in common.

    Attributes:
        endmembers: `[K, L]`, the molecules' spectra behind the filter.
        optics: background and filter.
        detector: offsets, gains and noise.
        signal_level: scalar, factor on all light.
        molecular_counts: scalar, counts of the short exposure at amount 1 of a molecule.
    """

    endmembers: Array
    optics: Optics
    detector: Detector
    signal_level: Array
    molecular_counts: Array


def draw_instrument(
    key: Array, wavenumbers: Array | np.ndarray, config: SimulatorConfig, molecules: tuple[str, ...]
) -> Instrument:
    """Draw the constants of one measurement on any axis `wavenumbers` `[L]`, cm^-1, for K names out of `BANDS`."""
    keys = jax.random.split(key, 4)
    optics = draw_optics(keys[0], wavenumbers, config)
    levels = Draws(keys[3], 2).settings(config, ("signal_level", "molecular_counts"))
    return Instrument(
        endmembers=draw_endmembers(keys[1], wavenumbers, config, molecules) * optics.response,
        optics=optics,
        detector=draw_detector(keys[2], config),
        **levels,
    )


def record_image(
    offset_key: Array, noise_key: Array, amounts: Array, density: Array, instrument: Instrument, config: SimulatorConfig
) -> SimulatedImage:
    """Record both exposures of a phantom.

    Args:
        offset_key: random key of the offsets of the short read-outs.
        noise_key: random key of noise and cosmic rays.
        amounts: `[H, W, K]`, how much of each of the instrument's molecules is in each pixel, about 1 at most.
        density: `[H, W]`, how much matter is in the pixel, 0 (medium) to about 1.
        instrument: constants of the measurement.
        config: gives the offsets' steps, the read-outs and the cosmic rays.

    Returns:
        The measurement and everything that is known about it.
    """
    height, width = density.shape
    slope = instrument.optics.illumination_slope
    illumination = 1.0 + slope * jnp.linspace(-0.5, 0.5, height)[:, None] * jnp.ones((height, width))
    abundances = amounts * instrument.molecular_counts * instrument.signal_level
    background = background_counts(instrument.optics, density, illumination) * instrument.signal_level
    offset = draw_offsets(offset_key, (height, width), instrument.detector.low_offset, config.offset_step_probability)
    light = background + abundances @ instrument.endmembers
    low_truth = light + offset[..., None]
    high_truth = instrument.detector.exposure_ratio * light + instrument.detector.high_offset
    low, high = expose(noise_key, low_truth, high_truth, instrument.detector, config)
    return SimulatedImage(
        low=low,
        high=high,
        low_truth=low_truth,
        high_truth=high_truth,
        abundances=abundances,
        endmembers=instrument.endmembers,
        background=background + offset[..., None],
    )
