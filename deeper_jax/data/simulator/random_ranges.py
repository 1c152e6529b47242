"""Draws from the ranges of a configuration."""

import jax

Array = jax.Array


def draw(key: Array, bounds: tuple[float, float], shape: tuple[int, ...] = ()) -> Array:
    """Draw uniformly from the closed range `bounds`; `(a, a)` gives exactly `a`."""
    low, high = bounds
    return low + (high - low) * jax.random.uniform(key, shape)
