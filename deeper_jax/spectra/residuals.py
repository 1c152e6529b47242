"""Where a measurement less its denoised form is not noise, and giving back what was wrongly taken there."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from deeper_jax.spectra.sharp_features import height_over_surroundings, sharp_features

# Widths of the windows looked through, channels: single channels, narrow bands, wide bands, broad slopes; each at least
# twice the one before.
WINDOWS = (1, 3, 7, 15, 31)
# The sum of a window's residuals beyond so many standard deviations is no noise; for windows of one channel a little
# below five, so that whoever estimates the noise slightly differently finds nothing unmarked beyond five.
LIMIT, SINGLE_LIMIT = 6.0, 4.5
# A feature this many standard deviations high and narrower than so many channels keeps its height, to this share of it
# or one standard deviation: the networks were trained on wider bands.
SHARP, SHARP_WIDTH, SHARP_SHARE = 10.0, 3.5, 0.025
_SURROUNDINGS = 9


def residual_outliers(residual: np.ndarray, noise: np.ndarray, single_limit: float = SINGLE_LIMIT) -> np.ndarray:
    """Where a residual is not noise, [P, L] bool.

    A band that the output lost, or one that it invented, leaves a residual that is too large over the width of a band.
    Windows of growing width are looked through; what narrower ones marked does not count in wider ones.

    Args:
        residual: [P, L], input less output.
        noise: [P, L], standard deviation of the input's noise.
        single_limit: limit for single channels, standard deviations.
    """
    marked = np.zeros(residual.shape, bool)
    normal = residual / noise
    for width in WINDOWS:
        _mark(normal, marked, width, single_limit)
    return marked


def is_unlike_noise(residual: np.ndarray, noise: np.ndarray, single_limit: float = SINGLE_LIMIT) -> np.ndarray:
    """Which spectra have any `residual_outliers`, [P] bool, at a fraction of their cost."""
    normal = residual / noise
    length = normal.shape[1]
    strange = np.asarray(np.abs(normal).max(1) > single_limit)
    sums, summed = normal, 1
    for width in WINDOWS[1:]:
        if width > length:
            break
        # A window is two of the width before and a few channels, in half of the time that differences of running sums
        # take in double precision.
        count = length - width + 1
        wider = sums[:, :count] + sums[:, summed : summed + count]
        for first in range(2 * summed, width):
            wider += normal[:, first : first + count]
        strange |= np.abs(wider).max(1) > LIMIT * np.sqrt(width)
        sums, summed = wider, width
    return strange


def restore_outliers(
    measured: np.ndarray, output: np.ndarray, std: np.ndarray, noise: np.ndarray, single_limit: float = SINGLE_LIMIT
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Denoised spectra with `residual_outliers` given back, so that no real band is lost.

    Over windows of up to three channels the measured values return; over wider ones the residual does, smoothed over
    half of the window, which leaves the noise out.

    Args:
        measured: [P, L].
        output: [P, L], what a denoiser made of it.
        std: [P, L], standard deviation of the output's error.
        noise: [P, L], of the measurement's noise.
        single_limit: see `residual_outliers`.

    Returns:
        Spectra, their standard deviations, and where they were given back (bool), [P, L] each.
    """
    sharp = sharp_losses(measured, output, noise)
    rows = np.flatnonzero(is_unlike_noise(measured - output, noise, single_limit) | sharp.any(1))
    answer, spread, marked = np.array(output), np.array(std), np.zeros(measured.shape, bool)
    if not len(rows):
        return answer, spread, marked
    rest, sigma, found = measured[rows] - output[rows], noise[rows], sharp[rows]
    given, error = np.where(found, rest, 0.0), np.where(found, sigma, spread[rows])
    for width in WINDOWS:
        before = np.where(found, 0.0, rest)
        new = _mark(rest / sigma, found, width, single_limit)
        smoothing = width // 2 | 1 if width > 3 else 1
        back = uniform_filter1d(before, smoothing, axis=1, mode="nearest") if smoothing > 1 else before
        given[new] += back[new]
        error[new] = (sigma if smoothing == 1 else np.hypot(error, sigma / np.sqrt(smoothing)))[new]
    left = np.abs(rest - given) > single_limit * sigma
    given[left], error[left] = rest[left], sigma[left]
    answer[rows], spread[rows], marked[rows] = output[rows] + given, error, found | left
    return answer, spread, marked


def sharp_losses(measured: np.ndarray, output: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Channels of narrow features far above the noise whose height the output changed, [P, L] bool."""
    lost = np.zeros(measured.shape, bool)
    excess = height_over_surroundings(measured, _SURROUNDINGS)
    found = sharp_features(measured, excess, noise, SHARP)
    found = found.of(found.narrower(SHARP_WIDTH, 3.0))
    if not len(found.row):
        return lost
    around = np.clip(found.channel[:, None] + np.arange(-2, 3), 0, measured.shape[1] - 1)
    shape, change = np.maximum(excess, 0.0)[found.row[:, None], around], (measured - output)[found.row[:, None], around]
    power = np.maximum((shape**2).sum(1), 1e-300)
    at_peak = np.abs(change[:, 2]) > np.maximum(SHARP_SHARE * found.height, found.noise)
    in_all = np.abs((shape * change).sum(1)) > np.maximum(SHARP_SHARE * power, found.noise * np.sqrt(power))
    found = found.of(at_peak | in_all)
    for step in range(-2, 3):
        lost[found.row, np.clip(found.channel + step, 0, measured.shape[1] - 1)] = True
    rows = np.unique(found.row)
    lost[rows] &= excess[rows] > 3.0 * noise[rows]
    return lost


def _mark(normal: np.ndarray, marked: np.ndarray, width: int, single_limit: float) -> np.ndarray:
    """Add to `marked` the windows of one width that are not noise; returns the channels that are new."""
    if width > normal.shape[1]:
        return np.zeros(marked.shape, bool)
    limit = single_limit if width == 1 else LIMIT
    rest = np.where(marked, 0.0, normal)
    if width == 1:
        strange = np.abs(rest) > limit
    else:
        beyond = np.abs(uniform_filter1d(rest, width, axis=1, mode="nearest")) * np.sqrt(width) > limit
        # Windows over the end see the last channel more than once.
        edge = width // 2
        beyond[:, :edge] = beyond[:, beyond.shape[1] - edge :] = False
        strange = uniform_filter1d(beyond.astype(np.float64), width, axis=1, mode="constant") > 0.5 / width
    new = strange & ~marked
    marked |= strange
    return new
