"""What training minimises: losses by the name that a config gives."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

# From a network's float32 output and the target to (loss, squared error), of the target's shape each.
Loss = Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]


def l1(output: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Absolute error (paper, Supplementary Tables 1 and 2)."""
    error = output - target
    return jnp.abs(error), jnp.square(error)


def mse(output: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Squared error."""
    squared = jnp.square(output - target)
    return squared, squared


def gaussian(output: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Negative log-likelihood of `target` [N, L] where `output` [N, 2, L] is mean and log standard deviation.

    Without the constant 0.5 log(2 pi).
    """
    mean, log_deviation = output[:, 0], output[:, 1]
    squared = jnp.square(mean - target)
    return log_deviation + 0.5 * squared * jnp.exp(-2.0 * log_deviation), squared


LOSSES: dict[str, Loss] = {"l1": l1, "mse": mse, "gaussian": gaussian}
