"""Simulated tissue-engineered cartilage: unlike cells in space and spectrum, for tests of transfer learning."""

import jax
import numpy as np

from deeper_jax.simulator.cartilage_phantom import draw_cartilage_phantom
from deeper_jax.simulator.config import CARTILAGE_MOLECULES, SimulatorConfig
from deeper_jax.simulator.image import SimulatedImage, draw_instrument, record_image

Array = jax.Array


def simulate_cartilage(
    key: Array, height: int, width: int, wavenumbers: Array | np.ndarray, config: SimulatorConfig
) -> SimulatedImage:
    """Simulate a pair of images of one section; jit-able with `height`, `width` and `config` static.

    From the first row to the last: substrate, dense matrix, sparse matrix with round cells, medium.

    Args:
        key: random key; the same key gives the same arrays.
        height: H, pixels of 1 micrometre; whatever it is, all layers are in the image.
        width: W, pixels.
        wavenumbers: any increasing axis `[L]`, cm^-1.
        config: ranges to draw from, as in `cartilage_config`.

    Returns:
        The measurement and everything that is known about it.
    """
    instrument_key, phantom_key, offset_key, noise_key = jax.random.split(key, 4)
    instrument = draw_instrument(instrument_key, wavenumbers, config, CARTILAGE_MOLECULES)
    phantom = draw_cartilage_phantom(phantom_key, height, width, config)
    return record_image(offset_key, noise_key, phantom.amounts, phantom.density, instrument, config)
