"""What the phantoms are made of: smooth random fields and the blur of the optics."""

import jax
import jax.numpy as jnp

from deeper_jax.simulator.random_ranges import Draws

Array = jax.Array

# Plane waves of a smooth field, which takes three random numbers a wave.
WAVES = 24


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
