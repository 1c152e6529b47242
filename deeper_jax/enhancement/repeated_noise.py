"""How sure a denoiser is that does not say so itself: the same spectrum, measured again and again on paper."""

from collections.abc import Callable

import numpy as np

DRAWS = 8


def deviation_by_repetition(
    denoise: Callable[[np.ndarray], np.ndarray], output: np.ndarray, noise: np.ndarray, draws: int = DRAWS
) -> np.ndarray:
    """Standard deviation of a denoiser's error, [P, L], by a parametric bootstrap.

    The output is taken for the truth, fresh noise is added and removed `draws` times; the answers' mean squared
    distance from the output holds what the noise does and what the network changes without reason. It cannot know of
    bands that the network took away at the first time, so it is a lower bound. The same input gives the same answer.

    Args:
        denoise: from spectra [P, L] to denoised ones.
        output: [P, L], what it made of the measurement.
        noise: [P, L], standard deviation of the measurement's noise.
        draws: repetitions.
    """
    generator = np.random.default_rng(0)
    total = np.zeros(output.shape)
    for _ in range(draws):
        total += (denoise(output + noise * generator.standard_normal(output.shape)) - output) ** 2
    return np.sqrt(total / draws)
