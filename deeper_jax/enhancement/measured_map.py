"""What an instrument delivered, made ready for denoising: channels chosen, gaps known, cosmic rays out."""

from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter1d

from deeper_jax.data.preprocessing import remove_cosmic_rays
from deeper_jax.errors import InputError

OUTSIDE = ("error", "keep", "drop")
# The networks halve a spectrum four times.
FEWEST_CHANNELS = 32
# A cosmic ray hits one spectrum. What looks like one at the same channel of more spectra than this is a sharp band.
_SHARE_STRUCK, _FEW_STRUCK = 0.1, 2


def inside(data: Any, models: list[Any], outside: str, finer: bool) -> tuple[Any, np.ndarray]:
    """The map without the channels that are to be left out, and which of those left no model covers (bool).

    Args:
        data: `xarray.DataArray` [..., wavenumber].
        models: loaded models; a channel is inside if all of them cover it.
        outside: what to do with others: 'error', 'keep' or 'drop'.
        finer: whether the map is to be super-resolved.

    Raises:
        InputError: another word for `outside`; channels outside that are not wanted there; none inside; fewer than
            32 channels left.
    """
    if outside not in OUTSIDE:
        raise InputError(f"outside is {outside!r}; choose one of {', '.join(OUTSIDE)}.")
    axis = np.asarray(data["wavenumber"], np.float64)
    covered = np.logical_and.reduce([model.covers(axis) for model in models])
    if outside == "keep" and finer and not covered.all():
        raise InputError("Channels outside the model's range cannot be kept at a finer grid: use outside='drop'.")
    if outside == "error" and not covered.all():
        raise InputError(_both_ranges(axis, covered, models))
    kept = data.isel(wavenumber=np.flatnonzero(covered)) if outside == "drop" else data
    if kept.sizes["wavenumber"] < FEWEST_CHANNELS or covered.sum() < FEWEST_CHANNELS:
        raise InputError(
            f"The spectra have {len(axis)} channels, {covered.sum()} of them inside the model's range; denoising "
            f"takes at least {FEWEST_CHANNELS}."
        )
    return kept, ~covered if kept is data else np.zeros(kept.sizes["wavenumber"], bool)


def _both_ranges(axis: np.ndarray, covered: np.ndarray, models: list[Any]) -> str:
    own = [model.wavenumbers for model in models if model.wavenumbers is not None]
    low, high = max(each.min() for each in own), min(each.max() for each in own)
    return (
        f"The spectra cover {axis.min():.0f}-{axis.max():.0f} cm⁻¹ and the model {low:.0f}-{high:.0f} cm⁻¹, so "
        f"{(~covered).sum()} of {len(axis)} channels lie outside: choose outside='keep' to pass them through unchanged "
        "or outside='drop' to leave them out."
    )


def measured_spectra(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """The values [..., L] in float64, and [...] which spectra were measured.

    Raises:
        InputError: no real numbers, no spectrum, or spectra with single channels missing.
    """
    if data.dtype.kind not in "fiub" or data.ndim == 0 or 0 in data.shape:
        raise InputError(
            f"The map has the shape {data.shape} and the type {data.dtype}; expected spectra of real numbers [..., L]."
        )
    cube = np.array(data.values, np.float64)
    gaps = np.asarray(np.isnan(cube).all(-1))
    if gaps.all():
        raise InputError("The map holds no spectrum that was measured: all values are NaN.")
    if not np.isfinite(cube[~gaps]).all():
        bad = int((~np.isfinite(cube[~gaps])).any(-1).sum())
        raise InputError(
            f"{bad} spectra have single channels that are NaN or infinite: interpolate or drop those channels; "
            "spectra that were not measured are NaN throughout."
        )
    return cube, ~gaps


def without_cosmic_rays(spectra: np.ndarray) -> tuple[np.ndarray, int]:
    """Spectra [P, L] with their cosmic rays filled in, and in how many there were any.

    Spikes at the same channel in a tenth of the spectra or more (and in more than two) are left: no cosmic ray
    strikes so, but a band narrower than the channels does, such as the laser's own line.
    """
    offset = spectra.min(1, keepdims=True)
    unit = np.maximum(np.ptp(spectra, axis=1, keepdims=True), 1e-300)
    scaled = ((spectra - offset) / unit).astype(np.float32)
    rows = 1 << (len(scaled) - 1).bit_length()  # few compiled programs
    cleaned = np.asarray(remove_cosmic_rays(np.pad(scaled, ((0, rows - len(scaled)), (0, 0)))))[: len(scaled)]
    changed = cleaned != scaled
    often = maximum_filter1d(changed.sum(0), 3) > max(_FEW_STRUCK, _SHARE_STRUCK * len(spectra))
    changed &= ~often
    return np.where(changed, cleaned * unit + offset, spectra), int(changed.any(1).sum())
