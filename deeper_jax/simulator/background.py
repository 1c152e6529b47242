"""What a Raman spectrometer records besides the molecules: window, water, fluorescence, filter edge."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.simulator.config import SimulatorConfig
from deeper_jax.simulator.draws import Draws
from deeper_jax.simulator.molecules import pseudo_voigt

Array = jax.Array

_BUMPS = 3
_SETTINGS = (
    "filter_edge",
    "filter_edge_width",
    "filter_edge_depth",
    "window_counts",
    "window_decay",
    "window_knee",
    "floor_counts",
    "water_counts",
    "water_width",
    "water_displaced",
    "medium_fluorescence_counts",
    "cell_fluorescence_counts",
    "illumination_slope",
)


class Optics(NamedTuple):
    """The optical constants of one measurement.

    Attributes:
        response: `[L]`, transmission of the filter in (0, 1]; multiplies all light.
        sources: `[4, L]`, the background in low-exposure counts, already multiplied by `response`: window
            and floor, water, fluorescence of the medium, fluorescence of the sample at full density.
        water_displaced: scalar, fraction of the water displaced at full density.
        illumination_slope: scalar, relative change of the background across the image.
    """

    response: Array
    sources: Array
    water_displaced: Array
    illumination_slope: Array


def draw_optics(key: Array, wavenumbers: Array | np.ndarray, config: SimulatorConfig) -> Optics:
    """Draw the background of one measurement on any axis `wavenumbers` `[L]`, cm^-1."""
    draws = Draws(key, len(_SETTINGS) + 2 * _BUMPS * 3 + 1)
    wavenumbers = jnp.asarray(wavenumbers, jnp.float32)
    values = draws.settings(config, _SETTINGS)
    edge = (wavenumbers - values["filter_edge"]) / values["filter_edge_width"]
    response = 1.0 - values["filter_edge_depth"] * jax.nn.sigmoid(edge)
    smooth = _smooth_shapes(draws.uniform((3, 2, _BUMPS, 1)), wavenumbers)
    water_position = 1640.0 + 2.0 * draws.normal()
    water = pseudo_voigt(wavenumbers, water_position, values["water_width"], jnp.float32(0.35))
    sources = jnp.stack(
        [
            _window(wavenumbers, values),
            values["water_counts"] * water,
            values["medium_fluorescence_counts"] * smooth[0],
            values["cell_fluorescence_counts"] * smooth[1],
        ]
    )
    return Optics(
        response=response,
        sources=sources * response,
        water_displaced=values["water_displaced"],
        illumination_slope=values["illumination_slope"],
    )


def background_counts(optics: Optics, density: Array, illumination: Array) -> Array:
    """Return the expected background without offset.

    Args:
        optics: constants of the measurement.
        density: `[...]`, how much matter is in the pixel, 0 (medium) to about 1.
        illumination: `[...]`, relative brightness of the pixel, about 1.

    Returns:
        Low-exposure counts, `[..., L]`.
    """
    water = 1.0 - optics.water_displaced * jnp.clip(density, 0.0, 1.5)
    weights = jnp.stack([jnp.ones_like(density), water, jnp.ones_like(density), density], axis=-1)
    return (illumination[..., None] * weights) @ optics.sources


def _window(wavenumbers: Array, values: dict[str, Array]) -> Array:
    """A fall that is exponential up to a knee near 900 cm^-1 and steeper there, above a flat floor."""
    # An axis that starts below 500 cm^-1 must not see the exponential explode.
    fall = jnp.exp(-jnp.maximum(wavenumbers - 500.0, -100.0) / values["window_decay"])
    knee = 1.0 - 0.62 * jax.nn.sigmoid((wavenumbers - values["window_knee"]) / 35.0)
    return values["window_counts"] * fall * knee + values["floor_counts"]


def _smooth_shapes(numbers: Array, wavenumbers: Array) -> Array:
    """Turn uniform `[3, C, B, 1]` into C curves in [0, 1], each of B bumps 500 to 1500 cm^-1 wide."""
    centre, width, height = numbers
    distance = (wavenumbers - (300.0 + 1700.0 * centre)) / (500.0 + 1000.0 * width)
    curves = ((0.2 + 0.8 * height) * jnp.exp(-2.77 * distance**2)).sum(1)
    return curves / jnp.maximum(curves.max(-1, keepdims=True), 1e-3)
