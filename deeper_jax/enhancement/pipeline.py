"""`deeper_jax.enhance`: a map from an instrument in, the same map denoised, super-resolved and judged out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from deeper_jax.enhancement.cosmic_rays import without_cosmic_rays
from deeper_jax.enhancement.enhanced_map import enhanced_map, model_record, provenance
from deeper_jax.enhancement.map_denoiser import Estimate, alone, denoise_map
from deeper_jax.enhancement.measured_map import inside, measured_spectra
from deeper_jax.enhancement.repeated_noise import DRAWS, deviation_by_repetition
from deeper_jax.enhancement.residual_check import standing_out
from deeper_jax.enhancement.super_resolved_map import check_super_resolvable, super_resolved
from deeper_jax.errors import InputError
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.spectra.noise import NoiseLaw, estimate_noise, smooth_intensity
from deeper_jax.tasks.load import load

if TYPE_CHECKING:
    import xarray

# Spectra between two steps of the bar: whole batches of the networks.
_PART = 1024


def enhance(
    data: "str | Path | xarray.DataArray",
    model: Any = None,
    *,
    super_resolver: Any = None,
    outside: str = "error",
    use_map: bool = True,
    noise: float | None = None,
    entry: str | int | None = None,
    say: Callable[[str], None] | None = None,
    progress: bool = False,
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
      progress: show bars, with the time still needed, for parts that take longer than a moment.

    Returns:
      A data set with `intensity`, on the map's grid or the super-resolved one, in the map's unit; `uncertainty`, one
      standard deviation of its error, of the same shape; `flagged` (bool), where input less output is not noise, and
      `pixel_flagged`, where a spectrum has such a channel, on the grid that was measured; after super-resolution
      also `denoised`, the map before it. The attributes say how it was made.

    Raises:
      InputError: a file, map, model or setting that cannot be used.
    """
    say = say or (lambda _: None)
    model, super_resolver = _loaded(model, super_resolver)
    measured = _as_map(data, entry, say)
    try:
        return _enhanced(measured, model, super_resolver, outside, use_map, noise, say, progress)
    except InputError as error:
        name = data if isinstance(data, str | Path) else measured.attrs.get("source_file")
        raise InputError(f"{name}: {error}" if name else str(error)) from error


def _enhanced(
    data: "xarray.DataArray",
    model: Any,
    super_resolver: Any,
    outside: str,
    use_map: bool,
    noise: float | None,
    say: Callable[[str], None],
    progress: bool,
) -> "xarray.Dataset":
    models = [model] if super_resolver is None else [model, super_resolver]
    channels = data.sizes["wavenumber"]
    data, unchanged = inside(data, models, outside, super_resolver is not None)
    cube, present = measured_spectra(data)
    if super_resolver is not None:
        check_super_resolvable(data.copy(data=cube), super_resolver)
    law = None if noise is None else _constant(noise)

    say("looking for cosmic rays and noise")
    spectra, struck = without_cosmic_rays(cube, present)
    cube[present] = spectra
    law = law or estimate_noise(spectra)
    say(f"denoising {_count(len(spectra), 'spectrum', 'spectra')} of {data.sizes['wavenumber']} channels")
    use_map = use_map and isinstance(model, NoiseAwareDenoiser)
    estimate = _denoised(model, cube, present, law, np.asarray(data["wavenumber"], np.float64), use_map, progress)
    # A window that stands out may reach over channels that nothing was done to.
    flagged = standing_out(spectra - estimate.spectra, estimate.noise) & ~unchanged

    result = enhanced_map(data, present, estimate, flagged)
    how = provenance(
        *(data, estimate, flagged),
        law=law,
        noise_given=noise is not None,
        whole_map=use_map,
        outside=outside,
        dropped=channels - data.sizes["wavenumber"],
        kept_unchanged=int(unchanged.sum()),
        struck=struck,
    )
    result.attrs.update(how, model=json.dumps(model_record(model)))
    if super_resolver is None:
        return result
    say(f"super-resolving {super_resolver.scale} times")
    finer = super_resolved(result, super_resolver, progress=progress)
    steps = [*json.loads(result.attrs["steps"]), {"name": "super_resolve", "scale": super_resolver.scale}]
    return finer.assign_attrs(steps=json.dumps(steps), super_resolver=json.dumps(model_record(super_resolver)))


def _as_map(data: Any, entry: str | int | None, say: Callable[[str], None]) -> Any:
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


def _denoised(
    model: Any, cube: np.ndarray, present: np.ndarray, law: NoiseLaw, axis: np.ndarray, use_map: bool, progress: bool
) -> Estimate:
    if isinstance(model, Denoiser):
        return _by_fixed_axis(model, cube[present], law, axis, progress)

    def network(spectra: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answer, error = np.empty(spectra.shape), np.empty(spectra.shape)
        with _bar(len(spectra), progress) as bar:
            for rows in _parts(len(spectra)):
                answer[rows], error[rows] = model.on_axis(spectra[rows], deviation[rows], axis)
                bar.update(len(answer[rows]))
        return answer, error

    estimate = denoise_map(cube, present, law, network) if use_map else alone(cube[present], law, network)
    return estimate._replace(deviation=model.calibrated(estimate.deviation, estimate.noise))


def _by_fixed_axis(model: Denoiser, spectra: np.ndarray, law: NoiseLaw, axis: np.ndarray, progress: bool) -> Estimate:
    noise = law.deviation(smooth_intensity(spectra))
    with _bar((1 + DRAWS) * len(spectra), progress) as bar:

        def denoise(noisy: np.ndarray) -> np.ndarray:
            answer = np.empty(noisy.shape)
            for rows in _parts(len(noisy)):
                answer[rows] = model.denoise(noisy[rows], axis, outside="keep")
                bar.update(len(answer[rows]))
            return answer

        answer = denoise(spectra)
        return Estimate(answer, deviation_by_repetition(denoise, answer, noise), noise)


def _bar(total: int, progress: bool) -> tqdm:
    return tqdm(total=total, desc="denoising", unit="spectra", delay=1.5, disable=not progress)


def _parts(total: int) -> list[slice]:
    return [slice(start, start + _PART) for start in range(0, total, _PART)]


def _constant(noise: float) -> NoiseLaw:
    if not np.isfinite(noise) or noise <= 0:
        raise InputError(f"noise is {noise}; give its standard deviation, above 0, in the map's unit.")
    return NoiseLaw(0.0, noise**2, noise**2)


def _count(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"
