"""Draws from the ranges of a configuration."""

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.data.simulator.config import SimulatorConfig

Array = jax.Array


def draw_settings(key: Array, config: SimulatorConfig, names: tuple[str, ...]) -> dict[str, Array]:
    """Draw the named ranges of `config` uniformly, all in one call of the generator; `(a, a)` gives `a`.

    Returns:
        A scalar for each name, in the units of `SimulatorConfig`.
    """
    bounds = np.asarray([getattr(config, name) for name in names], np.float32)
    share = jax.random.uniform(key, (len(names),))
    values = bounds[:, 0] + jnp.asarray(bounds[:, 1] - bounds[:, 0]) * share
    return {name: values[index] for index, name in enumerate(names)}
