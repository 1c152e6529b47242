"""What an instrument delivered, made ready for denoising: its channels chosen, its gaps known."""

import json
import re
from typing import Any

import numpy as np

from deeper_jax.enhancement.blocks import on_all_cores, slices_of
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.unloaded_spectra import UnloadedSpectra, is_loaded
from deeper_jax.errors import InputError
from deeper_jax.inference.loaded_model import FEWEST_CHANNELS
from deeper_jax.spectra.axis import checked_axis
from deeper_jax.spectra.values import check_size


def inside(data: Any, models: list[Any], outside: str, finer: bool) -> tuple[Any, np.ndarray]:
    """The map without the channels that are to be left out, and which of those left no model covers (bool).

    Args:
        data: `xarray.DataArray` [..., wavenumber].
        models: loaded models; a channel is inside if all of them cover it.
        outside: what to do with others: 'error', 'keep' or 'drop'.
        finer: whether the map is to be super-resolved.

    Raises:
        InputError: channels outside that are not wanted there; none inside; fewer than 32 channels left.
    """
    axis = checked_axis(data["wavenumber"].values, data.sizes["wavenumber"], "The map")
    covered = np.logical_and.reduce([model.covers(axis) for model in models])
    if outside == "keep" and finer and not covered.all():
        raise InputError("Channels outside the model's range cannot be kept at a finer grid: set outside to 'drop'.")
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
        f"{(~covered).sum()} of {len(axis)} channels lie outside: set outside to 'keep' to pass them through unchanged "
        "or to 'drop' to leave them out."
    )


def resolution_of(data: Any) -> float | None:
    """The instrument's resolution in cm⁻¹ where the map's file tells it (`metadata`), else None."""
    try:
        told = str(json.loads(data.attrs.get("metadata", "{}")).get("resolution") or "")
    except (ValueError, AttributeError):
        return None
    number = re.match(r"\s*(\d+(?:\.\d*)?)\s*(?:cm\s*(?:-1|⁻¹|\^-1)|1/cm)?\s*$", told)
    return float(number[1]) or None if number else None


def measured_spectra(data: Any) -> MeasuredSpectra:
    """The spectra of a map, which is not copied, and where they were measured; what is not in memory stays outside.

    A spectrum of the same value in all channels counts as not measured: instruments fill places so at which a scan
    was stopped or the detector was off.

    Raises:
        InputError: no real numbers, no spectrum, or spectra with single channels missing.
    """
    if data.dtype.kind not in "fiub" or data.ndim == 0 or 0 in data.shape:
        raise InputError(
            f"The map has the shape {data.shape} and the type {data.dtype}; expected spectra of real numbers [..., L]."
        )
    flat: Any = data.values.reshape(-1, data.shape[-1]) if is_loaded(data) else UnloadedSpectra(data)
    present = np.empty(flat.shape[0], bool)

    def look(rows: slice) -> tuple[int, float, float]:
        """Spectra with single values missing, and the extremes of the others."""
        spectra = np.asarray(flat[rows], np.float64)
        gaps = np.isnan(spectra).all(1) | (spectra == spectra[:, :1]).all(1)
        present[rows] = ~gaps
        measured = spectra[~gaps]
        finite = np.isfinite(measured).all(1)
        return int((~finite).sum()), measured[finite].min(initial=np.inf), measured[finite].max(initial=-np.inf)

    found = on_all_cores(look, slices_of(*flat.shape))
    if not present.any():
        raise InputError("The map holds no spectrum that was measured: every one is NaN or the same in all channels.")
    if bad := sum(each for each, _, _ in found):
        raise InputError(
            f"{bad} spectra have single channels that are NaN or infinite: interpolate or drop those channels; "
            "spectra that were not measured are NaN throughout."
        )
    check_size("The map", np.array([[low, high] for _, low, high in found], np.float64))
    return MeasuredSpectra(flat, present.reshape(data.shape[:-1]))
