"""Spectra brought from one wavenumber axis to another."""

import numpy as np


def resampling_matrix(axis: np.ndarray, new_axis: np.ndarray) -> np.ndarray:
    """[L, L'] such that `spectra @ matrix` brings spectra [..., L] from one axis to another.

    Linear interpolation where the new axis is finer, averaging with triangular weights where it is coarser, so
    that no channel's light is lost; beyond the ends the end values are held. Both axes in cm⁻¹, any direction.
    """
    clipped = np.clip(new_axis, axis.min(), axis.max())
    width = np.maximum(np.abs(np.gradient(new_axis))[None, :], _local_step(axis, clipped)[None, :])
    weights = np.clip(1 - np.abs(axis[:, None] - clipped[None, :]) / width, 0, None)
    return (weights / weights.sum(0)).astype(np.float64)


def _local_step(axis: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance between the two channels of `axis` that enclose each point."""
    rising = np.sort(axis)
    upper = np.clip(np.searchsorted(rising, points), 1, len(rising) - 1)
    return rising[upper] - rising[upper - 1]
