"""Detection: from expected counts to what a CCD camera reports.

Measured on real pairs: low exposure, variance = 0.213 mean + 0.586; high exposure, 0.196 mean + 5.9 counts^2.
That is shot noise of about 5 photo-electrons a count, a read noise of 0.7 counts a read-out, the rounding of
each read-out (1/12), and a long exposure that behaves like the sum of ten read-outs.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from deeper_jax.simulator.config import Range, SimulatorConfig
from deeper_jax.simulator.draws import Draws

Array = jax.Array

ROUNDING_VARIANCE = 1.0 / 12.0


class Detector(NamedTuple):
    """The detector's constants for one measurement, all scalars; units as in `SimulatorConfig`."""

    low_offset: Array
    high_offset: Array
    exposure_ratio: Array
    low_gain: Array
    high_gain: Array
    read_noise: Array


def draw_detector(key: Array, config: SimulatorConfig) -> Detector:
    """Draw one measurement's detector constants."""
    return Detector(**Draws(key, len(Detector._fields)).settings(config, Detector._fields))


def draw_offsets(key: Array, shape: tuple[int, ...], offset: Array, step_probability: float) -> Array:
    """Draw each short read-out's offset: `offset`, or one count above or below it; `[*shape]`, counts."""
    choice = jax.random.uniform(key, shape)
    step = (choice < step_probability).astype(jnp.float32) - (choice > 1.0 - step_probability)
    return offset + step


def count(key: Array, expected: Array, gain: Array, read_noise: Array, readouts: int = 1) -> Array:
    """Draw detector counts.

    The sum of shot noise, read noise and rounding is drawn at once, as a normal deviate bent so that mean,
    variance and skewness are those of a Poisson number of photo-electrons plus normal read noise: much faster
    than a Poisson sampler, and indistinguishable at more than a few photo-electrons.

    Args:
        key: random key.
        expected: noise-free counts, any shape.
        gain: counts per photo-electron, so the shot noise's variance is `gain * expected`.
        read_noise: standard deviation of one read-out, counts.
        readouts: read-outs that are rounded and then summed.

    Returns:
        Whole numbers as float32, never negative, the shape of `expected`.
    """
    expected = jnp.maximum(expected, 0.0)
    # The last rounding below adds the last 1/12 by itself.
    read_variance = readouts * read_noise**2 + (readouts - 1) * ROUNDING_VARIANCE
    shot_variance = gain * expected
    variance = shot_variance + read_variance
    deviate = jax.random.normal(key, expected.shape)
    bend = gain * shot_variance / (6.0 * jnp.maximum(variance, 1e-6))
    noisy = expected + jnp.sqrt(variance) * deviate + bend * (deviate**2 - 1.0)
    return jnp.maximum(jnp.round(noisy), 0.0)


def add_cosmic_rays(numbers: Array, counts: Array, expected: Array, rate: float, height: Range) -> Array:
    """Add rare cosmic rays, one to three channels wide.

    Args:
        numbers: uniform in [0, 1), `[4, ...]`.
        counts: `[..., L]`.
        expected: the same shape; its largest value in a spectrum is the unit of `height`.
        rate: probability that a spectrum is hit.
        height: smallest and largest height, drawn log-uniformly, in that unit.

    Returns:
        Counts `[..., L]`, whole numbers.
    """
    if rate <= 0.0:
        return counts
    length = counts.shape[-1]
    chance, place, size, strength = numbers
    centre = jnp.floor(place * length)
    width = 1.0 + jnp.floor(3.0 * size)
    peak = height[0] * (height[1] / height[0]) ** strength * expected.max(-1)
    distance = jnp.arange(length) - centre[..., None]
    after = jnp.where(width[..., None] >= 2, 0.6, 0.0) * (distance == 1)
    before = jnp.where(width[..., None] >= 3, 0.3, 0.0) * (distance == -1)
    profile = (distance == 0) + after + before
    return counts + jnp.round(((chance < rate) * peak)[..., None] * profile)


def expose(
    key: Array, low_truth: Array, high_truth: Array, detector: Detector, config: SimulatorConfig
) -> tuple[Array, Array]:
    """Record both exposures.

    Args:
        key: random key.
        low_truth: expected counts of the short exposure, `[..., L]`.
        high_truth: the same of the long exposure.
        detector: constants, scalars or broadcastable against `[..., L]`.
        config: gives the read-outs and the cosmic rays.

    Returns:
        Low and high counts, whole numbers as float32, `[..., L]` each.
    """
    keys = jax.random.split(key, 3)
    chances = jax.random.uniform(keys[2], (2, 4, *low_truth.shape[:-1]))
    low = count(keys[0], low_truth, detector.low_gain, detector.read_noise)
    high = count(keys[1], high_truth, detector.high_gain, detector.read_noise, config.high_readouts)
    low = add_cosmic_rays(chances[0], low, low_truth, config.low_cosmic_rate, config.cosmic_height)
    high = add_cosmic_rays(chances[1], high, high_truth, config.high_cosmic_rate, config.cosmic_height)
    return low, high
