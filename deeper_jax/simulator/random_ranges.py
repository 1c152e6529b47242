"""Random numbers of one part of a simulation, drawn together."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.simulator.config import SimulatorConfig

Array = jax.Array


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
