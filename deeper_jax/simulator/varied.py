"""Spectra of instruments and samples that differ widely, for a denoiser that is to work on any of them.

`simulate_spectra` imitates one spectrometer closely. Here axis, resolution, molecules, background, gain, offset and
noise are drawn from ranges much wider than any one instrument, and half of the molecules do not exist.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.simulator.background import background_counts, draw_optics
from deeper_jax.simulator.config import SimulatorConfig
from deeper_jax.simulator.draws import Draws
from deeper_jax.simulator.molecules import BANDS, draw_bands, pseudo_voigt

Array = jax.Array

# Ranges of the draws; see `simulate_varied_spectra`.
STEP = (1.0, 5.0)
START = (150.0, 1200.0)
NOISE = (0.001, 0.5)
BAND_WIDTH_FACTOR = (0.5, 1.6)
INVENTED_MOLECULES = 6
INVENTED_BANDS = 14


class VariedSpectra(NamedTuple):
    """Simulated spectra and their noise, float32, [N, L] where not said otherwise, in arbitrary units.

    Attributes:
        noisy: what was measured.
        truth: the spectrum without noise.
        gain: [N, 1], variance of the noise per intensity.
        floor: [N, 1], variance at intensity 0; negative where the spectrum stands on an offset without noise.
        least: [N, 1], smallest variance that a channel has.
    """

    noisy: Array
    truth: Array
    gain: Array
    floor: Array
    least: Array

    def noise(self, expected: Array) -> Array:
        """Standard deviation of the noise [N, L] where `expected` [N, L] is expected."""
        return jnp.sqrt(jnp.maximum(self.gain * expected + self.floor, self.least))


def simulate_varied_spectra(key: Array, count: int, channels: int, per_instrument: int = 4) -> VariedSpectra:
    """Simulate `count` spectra of `channels` channels; jit-able with all but the key static.

    Every `per_instrument` of them share an instrument and a sample: half of the instruments have the axis of the
    DeepeR cells or one near it, half any axis from `START` in steps of `STEP` cm^-1 (log-uniform). Bands are those of
    `BANDS`, moved by a few cm^-1 and `BAND_WIDTH_FACTOR` as wide, and those of `INVENTED_MOLECULES`. The background is
    that of the cells in all proportions, or none, with an offset of either sign. The noise is a mixture of shot and
    read noise in all proportions, `NOISE` of the spectrum's range at its mean (log-uniform), in a third of the
    instruments correlated between neighbours, as interpolation by an instrument's software leaves it.
    """
    instruments = -(-count // per_instrument)

    def one(instrument_key: Array) -> VariedSpectra:
        return _one_instrument(instrument_key, per_instrument, channels)

    parts = jax.vmap(one)(jax.random.split(key, instruments))
    return VariedSpectra(*(part.reshape(instruments * per_instrument, -1)[:count] for part in parts))


def _one_instrument(key: Array, count: int, channels: int) -> VariedSpectra:
    keys = jax.random.split(key, 4)
    molecules = len(BANDS) + INVENTED_MOLECULES
    small = 4 + 2 + 4 * INVENTED_MOLECULES * INVENTED_BANDS + (1 + count) * molecules + count + 3 + count + 4
    draws = Draws(keys[0], small)
    axis = _axis(draws, channels)
    light = _molecules(draws, keys[1], axis, count) + _background(draws, keys[2], axis, count)
    return _measure(draws, keys[3], light)


def _axis(draws: Draws, channels: int) -> Array:
    """Wavenumbers [L], cm^-1: near the cells' axis or anywhere; the step falls a little along it."""
    chance, start, step, bend = draws.uniform((4,))
    near_cells = chance < 0.5
    first = jnp.where(near_cells, 470.0 + 60.0 * start, START[0] + (START[1] - START[0]) * start)
    mean_step = jnp.where(near_cells, 2.4 + 0.4 * step, STEP[0] * (STEP[1] / STEP[0]) ** step)
    position = jnp.arange(channels) / channels
    return first + mean_step * channels * position * (1.0 + 0.1 * bend * (1.0 - position))


def _molecules(draws: Draws, key: Array, axis: Array, count: int) -> Array:
    """Spectra of mixtures, [count, L]: known molecules, invented ones, or both."""
    names = tuple(BANDS)
    width, chance = draws.uniform((2,))
    factor = BAND_WIDTH_FACTOR[0] * (BAND_WIDTH_FACTOR[1] / BAND_WIDTH_FACTOR[0]) ** width
    bands = draw_bands(key, SimulatorConfig(band_shift=2.5, axis_shift=2.0, band_height_spread=0.25), names)
    shapes = pseudo_voigt(axis, bands.position, bands.width * factor, bands.lorentzian)
    spectra = jnp.concatenate(
        [jnp.asarray(bands.owner) @ (bands.height[:, None] * shapes), _invented(draws, axis, factor)]
    )
    # A few molecules prevail in a sample (exponential numbers, squared), in every spectrum differently.
    amounts = -jnp.log1p(-draws.uniform((1 + count, len(spectra))))
    kind = jnp.where(jnp.arange(len(spectra)) < len(names), chance < 0.75, chance > 0.5)
    return (amounts[0] ** 2 * amounts[1:] * kind) @ spectra * (draws.uniform((count, 1)) > 0.1)


def _invented(draws: Draws, axis: Array, factor: Array) -> Array:
    """Molecules that do not exist, [INVENTED_MOLECULES, L]: bands anywhere, 8 to 50 cm^-1 wide before `factor`."""
    numbers = draws.uniform((4, INVENTED_MOLECULES, INVENTED_BANDS))
    position = axis[0] + (axis[-1] - axis[0]) * numbers[0]
    width = 8.0 * (50.0 / 8.0) ** numbers[1] * factor
    # Bands narrower than three channels cannot be told from noise by any method.
    width = jnp.maximum(width, 3.0 * (axis[-1] - axis[0]) / len(axis))
    height = numbers[2] ** 3
    return (height[..., None] * pseudo_voigt(axis, position, width, numbers[3])).sum(1)


def _background(draws: Draws, key: Array, axis: Array, count: int) -> Array:
    """Background of all proportions to the molecules (which are about 1 high), or none, [count, L]."""
    numbers = draws.uniform((3,))
    wide = SimulatorConfig(
        window_counts=(0.0, 10.0),
        floor_counts=(0.0, 4.0),
        water_counts=(0.0, 6.0),
        water_width=(80.0, 130.0),
        medium_fluorescence_counts=(0.0, 10.0),
        cell_fluorescence_counts=(0.0, 10.0),
        filter_edge_depth=(0.0, 0.8),
    )
    density = draws.uniform((count,))
    counts = background_counts(draw_optics(key, axis, wide), density, 1.0 + 0.2 * (density - 0.5))
    level = jnp.where(numbers[0] < 0.3, 0.0, 0.02 * 50.0 ** numbers[1])
    return level * counts + 2.0 * (numbers[2] - 0.5)


def _measure(draws: Draws, key: Array, light: Array) -> VariedSpectra:
    level, shot, chance, tap = draws.uniform((4,))
    reach = (light.max(1) - light.min(1)).mean() + 1e-3
    standard = reach * NOISE[0] * (NOISE[1] / NOISE[0]) ** level
    gain = shot * standard**2 / jnp.maximum(light.mean() - light.min(), 1e-3)
    floor = (1.0 - shot) * standard**2 - gain * light.min()
    each = jnp.ones((len(light), 1))
    spectra = VariedSpectra(light, light, gain * each, floor * each, 0.02 * standard**2 * each)
    white = jax.random.normal(key, light.shape)
    tap = jnp.where(chance < 0.33, 0.2 * tap, 0.0)
    smoothed = (1.0 - 2.0 * tap) * white + tap * (jnp.roll(white, 1, 1) + jnp.roll(white, -1, 1))
    correlated = smoothed / jnp.sqrt((1.0 - 2.0 * tap) ** 2 + 2.0 * tap**2)
    return spectra._replace(noisy=light + spectra.noise(light) * correlated)
