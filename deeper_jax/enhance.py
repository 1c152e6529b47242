"""`deeper_jax.enhance`: a map from an instrument in, the same map denoised, super-resolved and judged out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.api import load
from deeper_jax.denoiser import Denoiser
from deeper_jax.enhancement.map_denoiser import Estimate, alone, denoise_map
from deeper_jax.enhancement.noise import NoiseLaw, estimate_noise, smooth_intensity
from deeper_jax.enhancement.repeated_noise import deviation_by_repetition
from deeper_jax.enhancement.residual_check import standing_out
from deeper_jax.enhancement.super_resolved_map import super_resolved
from deeper_jax.errors import InputError
from deeper_jax.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.super_resolver import SuperResolver
from deeper_jax.version import __version__

if TYPE_CHECKING:
    import xarray

OUTSIDE = ("error", "keep", "drop")
Progress = Callable[[str], None]


def enhance(
    data: "str | Path | xarray.DataArray",
    model: Any = None,
    *,
    super_resolver: Any = None,
    outside: str = "error",
    use_map: bool = True,
    noise: float | None = None,
    entry: str | int | None = None,
    say: Progress | None = None,
) -> "xarray.Dataset":
    """Denoise a map and, if asked, super-resolve it, with an uncertainty and marks where not to trust it.

    Args:
      data: an instrument's file or any other that `deeper_jax.maps.read_map` reads, or what it returns: dimensions
        (..., "wavenumber"), spectra that were not measured NaN.
      model: a loaded denoiser or the path of one; None: the one that comes with the package.
      super_resolver: a loaded `SuperResolver` or the path of one; None: the grid stays as it is.
      outside: channels that a model with an axis of its own does not cover: 'error' refuses them, 'keep' passes them
        through unchanged (only without a super-resolver), 'drop' leaves them out.
      use_map: let pixels help each other; false: every spectrum by itself.
      noise: standard deviation of the noise in the map's unit, the same everywhere; None: estimated from the map.
      entry: which of several measurements in a file.
      say: called with a few words as each part of the work begins.

    Returns:
      A data set with `intensity`, on the map's grid or the super-resolved one, in the map's unit; `uncertainty`, one
      standard deviation of its error, of the same shape; `flagged` (bool), where input less output is not noise, and
      `pixel_flagged`, where a spectrum has such a channel, on the grid that was measured; after super-resolution
      also `denoised`, the map before it. The attributes say how it was made.

    Raises:
      InputError: a file, map, model or setting that cannot be used.
    """
    say = say or (lambda _: None)
    if outside not in OUTSIDE:
        raise InputError(f"outside is {outside!r}; choose one of {', '.join(OUTSIDE)}.")
    measured = _as_map(data, entry, say)
    model, super_resolver = _loaded(model, super_resolver)
    models = [model] if super_resolver is None else [model, super_resolver]
    measured = _inside(measured, models, outside, super_resolver is not None)
    cube, present = _measured(measured)
    axis = np.asarray(measured["wavenumber"], np.float64)

    say("looking for cosmic rays and noise")
    spectra, struck = _without_cosmic_rays(cube[present])
    cube[present] = spectra
    law = estimate_noise(spectra) if noise is None else _constant(noise)
    say(f"denoising {present.sum():,} spectra")
    estimate = _denoised(model, cube, present, law, axis, use_map)
    flagged = standing_out(spectra - estimate.spectra, estimate.noise)

    values = np.full(cube.shape, np.nan, _float_type(measured))
    deviation, marks = values.copy(), np.zeros(cube.shape, bool)
    values[present], deviation[present], marks[present] = estimate.spectra, estimate.deviation, flagged
    result = _data_set(measured, values, deviation, marks)
    result.attrs.update(_provenance(measured, model, law, use_map, outside, struck, present, flagged, estimate))
    if super_resolver is not None:
        say(f"super-resolving {super_resolver.scale} times")
        result = super_resolved(result, super_resolver)
    return result


def _as_map(data: Any, entry: str | int | None, say: Progress) -> Any:
    if isinstance(data, str | Path):
        from deeper_jax.maps import read_map

        say(f"reading {Path(data).name}")
        return read_map(data, entry=entry)
    if getattr(data, "dims", (None,))[-1] != "wavenumber" or "wavenumber" not in data.coords:
        raise InputError(
            "enhance() takes a path or an xarray.DataArray whose last dimension is 'wavenumber' with its values in "
            "cm⁻¹; deeper_jax.maps.raman_map makes one of arrays."
        )
    return data


def _loaded(model: Any, super_resolver: Any) -> tuple[Any, Any]:
    if model is None or isinstance(model, str | Path):
        model = load(model)
    if isinstance(super_resolver, str | Path):
        super_resolver = load(super_resolver)
    if not isinstance(model, Denoiser | NoiseAwareDenoiser):
        raise InputError("The model given for denoising is not a denoiser; a super-resolver is given as such.")
    if super_resolver is not None and not isinstance(super_resolver, SuperResolver):
        raise InputError("The model given as super-resolver is not one; a denoiser is given as the model.")
    return model, super_resolver


def _inside(data: Any, models: list[Any], outside: str, finer: bool) -> Any:
    """The map without the channels that are to be left out; refuses those that no choice was made for."""
    axis = np.asarray(data["wavenumber"], np.float64)
    covered = np.logical_and.reduce([model.covers(axis) for model in models])
    if covered.all() or outside == "keep" and not finer:
        return data
    if outside == "keep":
        raise InputError("Channels outside the model's range cannot be kept at a finer grid: use outside='drop'.")
    if outside == "error":
        raise InputError(
            f"{(~covered).sum()} of {len(axis)} channels ({axis.min():.0f}-{axis.max():.0f} cm⁻¹) lie outside the "
            f"model's range, which ends at {axis[covered].min():.0f} and {axis[covered].max():.0f} cm⁻¹ of them: "
            "choose outside='keep' to pass them through or 'drop' to leave them out."
        )
    return data.isel(wavenumber=np.flatnonzero(covered))


def _measured(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """The values [..., L] in float64, and [...] which spectra were measured."""
    cube = np.array(data.values, np.float64)
    if not np.isrealobj(data.values) or cube.ndim == 0 or 0 in cube.shape:
        raise InputError(f"The map has the shape {cube.shape}; expected spectra of real numbers [..., L].")
    gaps = np.asarray(np.isnan(cube).all(-1))
    if not np.isfinite(cube[~gaps]).all() or gaps.all():
        raise InputError(
            "The map holds spectra with single NaN or infinite channels (or nothing else): interpolate or drop those "
            "channels; spectra that were not measured are NaN throughout."
        )
    return cube, ~gaps


def _without_cosmic_rays(spectra: np.ndarray) -> tuple[np.ndarray, int]:
    from deeper_jax.data.preprocessing import remove_cosmic_rays

    offset = spectra.min(1, keepdims=True)
    unit = np.maximum(np.ptp(spectra, axis=1, keepdims=True), 1e-300)
    scaled = ((spectra - offset) / unit).astype(np.float32)
    rows = 1 << (len(scaled) - 1).bit_length()  # few compiled programs
    cleaned = np.asarray(remove_cosmic_rays(np.pad(scaled, ((0, rows - len(scaled)), (0, 0)))))[: len(scaled)]
    changed = cleaned != scaled
    return np.where(changed, cleaned * unit + offset, spectra), int(changed.any(1).sum())


def _denoised(
    model: Any, cube: np.ndarray, present: np.ndarray, law: NoiseLaw, axis: np.ndarray, use_map: bool
) -> Estimate:
    if isinstance(model, Denoiser):
        return _by_fixed_axis(model, cube[present], law, axis)

    def network(spectra: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return model.on_axis(spectra, deviation, axis)

    estimate = denoise_map(cube, present, law, network) if use_map else alone(cube[present], law, network)
    return estimate._replace(deviation=model.calibrated(estimate.deviation, estimate.noise))


def _by_fixed_axis(model: Denoiser, spectra: np.ndarray, law: NoiseLaw, axis: np.ndarray) -> Estimate:
    noise = law.deviation(smooth_intensity(spectra))
    answer = model.denoise(spectra, axis, outside="keep")

    def denoise(noisy: np.ndarray) -> np.ndarray:
        return model.denoise(noisy, axis, outside="keep")

    return Estimate(answer, deviation_by_repetition(denoise, answer, noise), noise)


def _data_set(data: Any, values: np.ndarray, deviation: np.ndarray, marks: np.ndarray) -> Any:
    import xarray

    unit = data.attrs.get("units", "a.u.")
    pixels = data.dims[:-1]
    flags = {"long_name": "input less output is not noise there"}
    result = xarray.Dataset(
        {
            "intensity": data.copy(data=values).rename("intensity"),
            "uncertainty": (data.dims, deviation, {"units": unit, "long_name": "standard deviation of the error"}),
            "flagged": (data.dims, marks, flags),
            "pixel_flagged": (pixels, marks.any(-1), flags),
        }
    )
    return result


def _provenance(
    data: Any,
    model: Any,
    law: NoiseLaw,
    use_map: bool,
    outside: str,
    struck: int,
    present: np.ndarray,
    flagged: np.ndarray,
    estimate: Estimate,
) -> dict[str, Any]:
    record = {
        "name": str(model.record.get("source") or model.record.get("checkpoint", "")),
        "step": model.record.get("step"),
        "versions": model.record.get("versions"),
        "network": model.config.get("model"),
    }
    steps = [
        {"name": "remove_cosmic_rays", "spectra_changed": struck},
        {"name": "estimate_noise", "gain": law.gain, "floor": law.floor},
        {"name": "denoise", "whole_map": bool(use_map and isinstance(model, NoiseAwareDenoiser)), "outside": outside},
        {"name": "residual_check", "spectra_flagged": int(flagged.any(1).sum())},
    ]
    return {
        "created_by": f"deeper_jax {__version__}",
        "source_file": str(data.attrs.get("source_file", "")),
        "model": json.dumps(record),
        "steps": json.dumps(steps),
        "spectra": int(present.sum()),
        "spectra_flagged": int(flagged.any(1).sum()),
        "noise_rms": float(np.sqrt((estimate.noise**2).mean())),
        "uncertainty_rms": float(np.sqrt((estimate.deviation**2).mean())),
    }


def _constant(noise: float) -> NoiseLaw:
    if not np.isfinite(noise) or noise <= 0:
        raise InputError(f"noise is {noise}; give its standard deviation, above 0, in the map's unit.")
    return NoiseLaw(0.0, noise**2, noise**2)


def _float_type(data: Any) -> Any:
    return np.float32 if data.dtype == np.float32 else np.float64
