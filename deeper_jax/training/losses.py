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


def score_images(output: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of restored images and their uncertainty: logarithm of the mean squared error, and likelihood of that error.

    In images of strengths over four decades a mean of squared errors is that of the strongest; and where the likelihood
    alone teaches the mean, it gives up on what is hard by calling it uncertain (Seitzer et al. 2022). So each image has
    equal weight, its measured pixels and the others by themselves, and only the uncertainty learns by likelihood.

    Args:
        output: [N, 2, K, H, W], mean and log standard deviation, in units of the noise.
        target: [N, 2, K, H, W], the truth, and 1 where a pixel was measured.

    Returns:
        [N, K, H, W] each; the squared errors are those over what leaves 1 for unrestored noise and, in pixels that were
        not measured, for some tenth of the image's variance.
    """
    truth, mask = target[:, 0], target[:, 1]
    squared = jnp.square(output[:, 0] - truth)
    log_deviation = output[:, 1]
    likelihood = log_deviation + 0.5 * jax.lax.stop_gradient(squared) * jnp.exp(-2.0 * log_deviation)
    values = jnp.zeros(truth.shape[:2])
    kinds = jnp.zeros(truth.shape[:2])
    for kind in (mask, 1.0 - mask):
        count = kind.sum((-2, -1))
        share = kind / jnp.maximum(count, 1.0)[..., None, None]
        here = (count > 0).astype(values.dtype)
        error = (squared * share).sum((-2, -1))
        values += here * (0.5 * jnp.log(error + _SMALLEST_ERROR) + _LIKELIHOOD * (likelihood * share).sum((-2, -1)))
        kinds += here
    reference = 1.0 + (1.0 - mask) * 0.1 * truth.var((-2, -1), keepdims=True)
    return jnp.broadcast_to((values / kinds)[..., None, None], truth.shape), squared / reference


# Of a score image, in units of the noise's variance: what is better than this need not be better yet.
_SMALLEST_ERROR = 0.01
# Weight of the likelihood: with more, its gradients, which are those of the rarest pixels, keep the mean from learning.
_LIKELIHOOD = 0.05
LOSSES: dict[str, Loss] = {"l1": l1, "mse": mse, "gaussian": gaussian, "score_images": score_images}
