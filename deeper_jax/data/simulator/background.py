"""What a Raman spectrometer records besides the molecules: window, water, fluorescence, filter edge."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.data.simulator.config import SimulatorConfig
from deeper_jax.data.simulator.molecules import pseudo_voigt
from deeper_jax.data.simulator.random_ranges import draw

Array = jax.Array


class Optics(NamedTuple):
    """The optical constants of one cell's measurement.

    Attributes:
        response: `[L]`, transmission of the filter in (0, 1]; multiplies all light.
        sources: `[4, L]`, the background in low-exposure counts, already multiplied by `response`: window
            and floor, water, fluorescence of the medium, fluorescence of the cell at full density.
        water_displaced: scalar, fraction of the water displaced at full density.
        illumination_slope: scalar, relative change of the background across the image.
    """

    response: Array
    sources: Array
    water_displaced: Array
    illumination_slope: Array


def draw_optics(key: Array, wavenumbers: Array, config: SimulatorConfig) -> Optics:
    """Draw the background of one cell on any axis `wavenumbers` `[L]`, cm^-1."""
    keys = jax.random.split(key, 8)
    wavenumbers = jnp.asarray(wavenumbers, jnp.float32)
    response = _filter_response(keys[0], wavenumbers, config)
    sources = jnp.stack(
        [
            _window(keys[1], wavenumbers, config),
            _water(keys[2], wavenumbers, config),
            draw(keys[3], config.medium_fluorescence_counts) * _smooth_shape(keys[4], wavenumbers),
            draw(keys[5], config.cell_fluorescence_counts) * _smooth_shape(keys[6], wavenumbers),
        ]
    )
    displaced_key, slope_key = jax.random.split(keys[7])
    return Optics(
        response=response,
        sources=sources * response,
        water_displaced=draw(displaced_key, config.water_displaced),
        illumination_slope=draw(slope_key, config.illumination_slope),
    )


def background_counts(optics: Optics, density: Array, illumination: Array) -> Array:
    """Return the expected background without offset.

    Args:
        optics: constants of the measurement.
        density: `[...]`, how much cell is in the pixel, 0 (medium) to about 1.
        illumination: `[...]`, relative brightness of the pixel, about 1.

    Returns:
        Low-exposure counts, `[..., L]`.
    """
    water = 1.0 - optics.water_displaced * jnp.clip(density, 0.0, 1.5)
    weights = jnp.stack([jnp.ones_like(density), water, jnp.ones_like(density), density], axis=-1)
    return (illumination[..., None] * weights) @ optics.sources


def _filter_response(key: Array, wavenumbers: Array, config: SimulatorConfig) -> Array:
    keys = jax.random.split(key, 3)
    edge = (wavenumbers - draw(keys[0], config.filter_edge)) / draw(keys[1], config.filter_edge_width)
    return 1.0 - draw(keys[2], config.filter_edge_depth) * jax.nn.sigmoid(edge)


def _window(key: Array, wavenumbers: Array, config: SimulatorConfig) -> Array:
    """A fall that is exponential up to a knee near 900 cm^-1 and steeper there, above a flat floor."""
    keys = jax.random.split(key, 4)
    # An axis that starts below 500 cm^-1 must not see the exponential explode.
    fall = jnp.exp(-jnp.maximum(wavenumbers - 500.0, -100.0) / draw(keys[0], config.window_decay))
    knee = 1.0 - 0.62 * jax.nn.sigmoid((wavenumbers - draw(keys[1], config.window_knee)) / 35.0)
    return draw(keys[2], config.window_counts) * fall * knee + draw(keys[3], config.floor_counts)


def _water(key: Array, wavenumbers: Array, config: SimulatorConfig) -> Array:
    keys = jax.random.split(key, 3)
    position = 1640.0 + 2.0 * jax.random.truncated_normal(keys[0], -2.0, 2.0)
    band = pseudo_voigt(wavenumbers, position, draw(keys[1], config.water_width), jnp.float32(0.35))
    return draw(keys[2], config.water_counts) * band


def _smooth_shape(key: Array, wavenumbers: Array) -> Array:
    """A random smooth curve between 0 and 1: three bumps 500 to 1500 cm^-1 wide."""
    keys = jax.random.split(key, 3)
    centre = jax.random.uniform(keys[0], (3, 1), minval=300.0, maxval=2000.0)
    width = jax.random.uniform(keys[1], (3, 1), minval=500.0, maxval=1500.0)
    height = jax.random.uniform(keys[2], (3, 1), minval=0.2, maxval=1.0)
    curve = (height * jnp.exp(-2.77 * ((wavenumbers - centre) / width) ** 2)).sum(0)
    return curve / jnp.maximum(curve.max(), 1e-3)
