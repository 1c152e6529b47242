"""Pairs of spectra with reflected ends, so that a shifted spectrum is a window of its row."""

import numpy as np


def padded_pairs(noisy: np.ndarray, target: np.ndarray, largest_shift: int) -> np.ndarray:
    """Pairs with m = `largest_shift` reflected channels at either end of each spectrum: [N, 2, L + 2m].

    A shifted spectrum is then a window of its padded row, copied in one piece. Reflection does not repeat the
    edge channel.
    """
    length = noisy.shape[1]
    padded = np.empty((len(noisy), 2, length + 2 * largest_shift), np.float32)
    middle = slice(largest_shift, largest_shift + length)
    padded[:, 0, middle], padded[:, 1, middle] = noisy, target
    padded[:, :, :largest_shift] = padded[:, :, largest_shift + 1 : 2 * largest_shift + 1][:, :, ::-1]
    end = largest_shift + length
    padded[:, :, end:] = padded[:, :, end - largest_shift - 1 : end - 1][:, :, ::-1]
    return padded
