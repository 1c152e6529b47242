"""Is what was taken away noise? Input less output, compared with what the noise of the measurement looks like.

A band that the output lost, or one that it invented, leaves a residual that is too large over the width of a band.
"""

import numpy as np
from scipy.ndimage import uniform_filter1d

# Widths of the windows looked through, channels: single channels, narrow bands, wide bands, broad slopes.
WINDOWS = (1, 3, 7, 15, 31)
# A residual this many standard deviations from 0 is no noise: among 100,000 spectra one is so by chance.
LIMIT = 6.0


def standing_out(residual: np.ndarray, noise: np.ndarray, limit: float = LIMIT) -> np.ndarray:
    """Where the residual is not noise, [P, L] bool.

    Args:
        residual: [P, L], input less output.
        noise: [P, L], standard deviation of the input's noise.
        limit: standard deviations. In a window of n channels the sum of the residuals, in units of the noise, is
            compared with sqrt(n) times it; every channel of a window that stands out is marked.
    """
    normal = residual / noise
    marked = np.zeros(residual.shape, bool)
    for width in WINDOWS:
        if width > residual.shape[1]:
            break
        strange = np.abs(uniform_filter1d(normal, width, axis=1, mode="nearest")) * np.sqrt(width) > limit
        # Windows over the end see the last channel more than once.
        edge = width // 2
        strange[:, :edge] = strange[:, strange.shape[1] - edge :] = False
        marked |= uniform_filter1d(strange.astype(np.float64), width, axis=1, mode="constant") > 0.5 / width
    return marked
