"""Maps of a Raman band: its area above a straight baseline."""

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.spectra.axis import checked_axis
from deeper_jax.unmixing.checks import Array, real_array


def band_area(spectra: npt.ArrayLike, wavenumbers: npt.ArrayLike, low: float, high: float) -> Array:
    """Area between `low` and `high` (cm^-1) above the straight line through the spectrum at these two.

    Trapezoid rule over the true positions of the channels; at the two ends the spectrum is
    interpolated linearly, so the area does not jump where an end passes a channel. Negative where the spectrum
    runs below the line.

    Args:
        spectra: an image `[H, W, L]` or any `[..., L]`.
        wavenumbers: their axis, `[L]` in cm^-1, ascending or descending, in any steps.
        low: where the band begins, in cm^-1.
        high: where it ends, in cm^-1.

    Returns:
        `[...]` in the spectra's unit times cm^-1.

    Raises:
        InputError: the band does not lie within the axis, is empty or holds no channel; the axis is not
            monotonic; or values are not finite.
    """
    values, axis = _ascending(spectra, wavenumbers)
    if not axis[0] <= low < high <= axis[-1]:
        raise InputError(
            f"band: found {low:g} to {high:g} cm^-1, expected a range within the axis, {axis[0]:g} to "
            f"{axis[-1]:g} cm^-1, the lower end first."
        )
    inside = (axis > low) & (axis < high)
    if not inside.any():
        raise InputError(f"band: found no channel between {low:g} and {high:g} cm^-1; take a wider band.")
    first, last = _read(values, axis, low), _read(values, axis, high)
    positions = np.concatenate([[low], axis[inside], [high]])
    heights = np.concatenate([first[..., None], values[..., inside], last[..., None]], axis=-1)
    return np.trapezoid(heights, positions, axis=-1) - 0.5 * (first + last) * (high - low)


def _ascending(spectra: npt.ArrayLike, wavenumbers: npt.ArrayLike) -> tuple[Array, Array]:
    """Spectra and axis from the lowest wavenumber to the highest: views where they can be."""
    values = real_array("spectra", spectra)
    axis = checked_axis(wavenumbers, values.shape[-1], "wavenumbers")
    return (values[..., ::-1], axis[::-1]) if axis[0] > axis[-1] else (values, axis)


def _read(values: Array, axis: Array, position: float) -> Array:
    """Linear interpolation at a position within the axis: `[..., L]` to `[...]`."""
    right = int(np.searchsorted(axis, position))
    if axis[right] == position:
        return values[..., right]
    share = (position - axis[right - 1]) / (axis[right] - axis[right - 1])
    return (1 - share) * values[..., right - 1] + share * values[..., right]
