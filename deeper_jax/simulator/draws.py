"""Random numbers of one part of a simulation, drawn together, and the smooth fields that phantoms are made of."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.simulator.config import SimulatorConfig

Array = jax.Array

# Plane waves of a smooth field, which takes three random numbers a wave.
WAVES = 24


class Draws:
    """A supply of random numbers made by one call of the generator.

    Each call of the generator costs a good part of a second of compilation, so a function that needs many
    small draws takes them out of one. Numbers are handed out in order and never twice.
    """

    def __init__(self, key: Array, count: int) -> None:
        """Draw `count` uniform numbers."""
        self._numbers = jax.random.uniform(key, (count,))
        self._used = 0

    def uniform(self, shape: tuple[int, ...] = (), low: float = 0.0, high: float = 1.0) -> Array:
        """Take numbers uniform in [low, high).

        Raises:
            ValueError: the supply is used up.
        """
        start, self._used = self._used, self._used + math.prod(shape)
        if self._used > self._numbers.size:
            raise ValueError(f"{self._used} random numbers were asked for, {self._numbers.size} were drawn")
        return low + (high - low) * self._numbers[start : self._used].reshape(shape)

    def normal(self, shape: tuple[int, ...] = ()) -> Array:
        """Take standard normal numbers, cut at 2.5 standard deviations."""
        # float32 uniforms include 0, where the inverse is infinite.
        return jnp.clip(jax.scipy.special.ndtri(jnp.clip(self.uniform(shape), 1e-4, 1 - 1e-4)), -2.5, 2.5)

    def settings(self, config: SimulatorConfig, names: tuple[str, ...]) -> dict[str, Array]:
        """Take a value from each named range of `config`: scalars; `(a, a)` gives `a`."""
        bounds = np.asarray([getattr(config, name) for name in names], np.float32)
        values = bounds[:, 0] + jnp.asarray(bounds[:, 1] - bounds[:, 0]) * self.uniform((len(names),))
        return {name: values[index] for index, name in enumerate(names)}


def smooth_field(draws: Draws, rows: Array, columns: Array, wavelength: Array | float) -> Array:
    """Draw a field of mean 0 and deviation about 1: plane waves, `wavelength` pixels or longer."""
    angle, phase = draws.uniform((2, WAVES), 0.0, 2 * jnp.pi)
    frequency = 2 * jnp.pi / wavelength * draws.uniform((WAVES,), 0.2, 1.0)
    wave = rows[..., None] * jnp.cos(angle) * frequency + columns[..., None] * jnp.sin(angle) * frequency
    return jnp.cos(wave + phase).sum(-1) / jnp.sqrt(WAVES / 2)


def blur(image: Array, sigma: Array) -> Array:
    """Gaussian blur of `[H, W]` or `[H, W, K]` over the first two axes, normalised at the border."""

    def kernel(length: int) -> Array:
        position = jnp.arange(length)
        weight = jnp.exp(-0.5 * ((position[:, None] - position) / jnp.maximum(sigma, 1e-3)) ** 2)
        return weight / weight.sum(1, keepdims=True)

    rows, columns = kernel(image.shape[0]), kernel(image.shape[1])
    return jnp.einsum("hi,wj,ij...->hw...", rows, columns, image)
