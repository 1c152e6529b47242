"""`deeper_jax.enhance`: a map from an instrument in, the same map denoised, super-resolved and judged out."""

import itertools
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from deeper_jax.enhancement.component_images import with_components
from deeper_jax.enhancement.cosmic_rays import SPATIAL, CosmicRays, find_cosmic_rays
from deeper_jax.enhancement.enhanced_map import enhanced_map, model_record
from deeper_jax.enhancement.finer_map import check_refinable, refined, refined_spectra
from deeper_jax.enhancement.map_denoiser import Estimate, FittedMap, alone, fit_map, with_exceptions
from deeper_jax.enhancement.measured_map import inside, measured_spectra, resolution_of
from deeper_jax.enhancement.options import EnhanceOptions
from deeper_jax.enhancement.super_resolved_map import check_super_resolvable, super_resolved
from deeper_jax.enhancement.uncertainty import DRAWS, parametric_bootstrap
from deeper_jax.errors import InputError
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.inference.spectral_denoiser import SpectralDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.spectra.noise import NoiseModel, estimate_noise, smooth_intensity
from deeper_jax.spectra.raster import Raster
from deeper_jax.spectra.residuals import LIMIT, SINGLE_LIMIT, restore_outliers
from deeper_jax.tasks.load import DEFAULT_RESTORER, load_as

if TYPE_CHECKING:
    import xarray

# Spectra between two steps of the bar: whole batches of the networks.
_PART = 1024
_log = logging.getLogger(__name__)


def enhance(source: "str | Path | xarray.DataArray", model: Any = None, **options: Any) -> "xarray.Dataset":
    """Denoise a map and, if asked, super-resolve it, with an uncertainty and marks where not to trust it.

    What is being done is logged under "deeper_jax" at the level of information.

    Args:
        source: an instrument's file or any other that `deeper_jax.maps.read_map` reads, or what it returns:
            dimensions (..., "wavenumber"), spectra that were not measured NaN.
        model: a loaded denoiser or the path of one; None: the one that comes with the package.
        **options: the fields of `EnhanceOptions`: super_resolver, outside, use_map, noise, cosmic_rays,
            resolution, scale, restorer, entry, progress.

    Returns:
        A data set with `intensity`, on the map's grid or the super-resolved one, in the map's unit; `uncertainty`,
        one standard deviation of its error, of the same shape. On the grid that was measured: `measured`, the values
        as given; `cosmic_ray` (bool), every channel removed as one or suspected of it, and `cosmic_ray_removed`,
        those of them that were filled in from the channels beside; `flagged` (bool), where the denoiser took away
        more than noise, so that the measured value was kept, or where the residual is no noise, and
        `pixel_flagged`, where a spectrum has such a channel; after super-resolution also `denoised`, the map before
        it. Where spectra have something in common, `component_scores` and `component_spectra` show it. The attributes
        say how it was made.

    Raises:
        InputError: a file, map, model or setting that cannot be used.
    """
    name = source if isinstance(source, str | Path) else getattr(source, "attrs", {}).get("source_file")
    settings = EnhanceOptions.of(**options)
    model, super_resolver = _loaded(model, settings.super_resolver)
    try:
        data = _as_map(source, settings.entry)
        # Random numbers go by the channels' order, and the answer must not.
        falling = data["wavenumber"].values[0] > data["wavenumber"].values[-1]
        turned = {"wavenumber": slice(None, None, -1 if falling else 1)}
        return _enhanced(data.isel(turned), model, super_resolver, settings).isel(turned)
    except InputError as error:
        raise error if not name or str(name) in str(error) else InputError(f"{name}: {error}") from error


def _enhanced(data: "xarray.DataArray", model: Any, super_resolver: Any, options: EnhanceOptions) -> "xarray.Dataset":
    raster = Raster.of(options.scales)
    finer = options.scales != (1, 1)
    restorer = None
    if finer or (options.use_map and model.knows_uncertainty):
        restorer = load_as(options.restorer or DEFAULT_RESTORER, LoadedMapRestorer)
    models = [model] if super_resolver is None else [model, super_resolver]
    channels = data.sizes["wavenumber"]
    data, unchanged = inside(data, models, options.outside, super_resolver is not None)
    cube, present = measured_spectra(data)
    if super_resolver is not None:
        check_super_resolvable(data.copy(data=cube), super_resolver)
    if finer:
        check_refinable(data, raster)
        if not model.knows_uncertainty:
            raise InputError(
                f"scale works with a noise-aware denoiser, such as the package's own, not with {model.title}."
            )

    axis = np.asarray(data["wavenumber"], np.float64)
    measured = cube[present]
    given = None if options.noise is None else NoiseModel(0.0, options.noise**2, options.noise**2)
    _log.info("looking for cosmic rays and noise")
    if options.cosmic_rays == "keep":
        nothing = np.zeros(measured.shape, bool)
        rays = CosmicRays(measured, nothing, nothing)
    else:
        rays = find_cosmic_rays(
            *(cube, present, axis),
            spatial=bool(SPATIAL & set(data.dims)),
            resolution=options.resolution or resolution_of(data),
            noise_model=given,
            remove=options.cosmic_rays == "remove",
        )
    cube[present] = rays.spectra
    noise_model = given or estimate_noise(rays.spectra)
    count = f"{len(measured):,} {'spectrum' if len(measured) == 1 else 'spectra'}"
    _log.info("denoising %s of %d channels", count, len(axis))
    use_map = options.use_map and model.knows_uncertainty
    fitted, estimate = _denoised(model, restorer, cube, present, noise_model, axis, use_map, options)
    estimate, flagged, noise = _checked(measured, rays, estimate, noise_model, given is not None, unchanged)

    steps: list[dict[str, Any]] = [
        {
            "name": "choose_channels",
            "outside": options.outside,
            "dropped": channels - len(axis),
            "kept_unchanged": int(unchanged.sum()),
        },
        {
            "name": "cosmic_rays",
            "mode": options.cosmic_rays,
            "spectra_changed": int(rays.removed.any(1).sum()),
            "spectra_suspected": int(rays.suspected.any(1).sum()),
        },
        {
            "name": "estimate_noise" if given is None else "given_noise",
            "gain": noise_model.gain,
            "floor": noise_model.floor,
        },
        {"name": "denoise", "whole_map": use_map, "components": _shares_of_ways(fitted)},
    ]
    result = enhanced_map(data, present, measured, estimate, flagged, rays, steps)
    if fitted:
        result = with_components(result, fitted, present)
    result.attrs["model"] = json.dumps(model_record(model))
    if fitted and restorer:
        result.attrs["restorer"] = json.dumps(model_record(restorer))
    if finer and restorer:
        _log.info("estimating the map %d x %d times finer", *options.scales)
        return _refined(result, fitted, estimate, present, restorer, raster)
    if super_resolver is None:
        return result
    _log.info("super-resolving %d times", super_resolver.scale)
    super_resolved_map = super_resolved(result, super_resolver, noise.reshape(data.shape), progress=options.progress)
    steps = [*json.loads(result.attrs["steps"]), {"name": "super_resolve", "scale": super_resolver.scale}]
    return super_resolved_map.assign_attrs(
        steps=json.dumps(steps), super_resolver=json.dumps(model_record(super_resolver))
    )


def _refined(
    result: "xarray.Dataset",
    fitted: FittedMap | None,
    estimate: Estimate,
    present: np.ndarray,
    restorer: LoadedMapRestorer,
    raster: Raster,
) -> "xarray.Dataset":
    if fitted is None:
        raise InputError(
            "The map's spectra show nothing in common above their noise, so it cannot be made finer: leave out the "
            "scale."
        )
    fine, std = refined_spectra(fitted, present, restorer, raster)
    std = restorer.calibrated(std, float(np.sqrt((estimate.noise**2).mean())))
    exceptions = estimate.spectra - fitted.estimate.spectra
    finer = refined(result, fine, std, exceptions, present, raster)
    steps = [*json.loads(result.attrs["steps"]), {"name": "refine", "scale": list(raster.step)}]
    return finer.assign_attrs(steps=json.dumps(steps))


def _shares_of_ways(fitted: FittedMap | None) -> dict[str, list[float]]:
    """How the image of each component was estimated, for the record."""
    return {} if fitted is None else {way: np.round(each, 2).tolist() for way, each in fitted.weights.items()}


def _checked(
    measured: np.ndarray,
    rays: CosmicRays,
    estimate: Estimate,
    noise_model: NoiseModel,
    given: bool,
    unchanged: np.ndarray,
) -> tuple[Estimate, np.ndarray, np.ndarray]:
    """The estimate with what was wrongly taken from it given back, where it is flagged, and what counts as noise.

    Args:
        measured: [P, L].
        rays: found in them; what was removed stays removed.
        estimate: of `rays.spectra`.
        noise_model: of these.
        given: whether the user said so.
        unchanged: [L], channels that nothing was done to: a window may reach over them.
    """
    # Correlated noise makes the map's larger than the model's, and the flank of a high line is not as noisy as the
    # line: what counts as noise is the smallest.
    noise = estimate.noise
    models = [noise_model] if given else [noise_model, estimate_noise(rays.spectra, without_lines=True)]
    for expected, model in itertools.product((smooth_intensity(rays.spectra), estimate.spectra), models):
        noise = np.minimum(noise, model.std(expected))
    spectra, std, lost = restore_outliers(rays.spectra, estimate.spectra, estimate.std, noise, LIMIT)
    spectra[:, unchanged] = rays.spectra[:, unchanged]
    flagged = (lost & ~unchanged) | (np.abs(measured - spectra) > SINGLE_LIMIT * noise)
    return Estimate(spectra, std, estimate.noise), flagged, noise


def _as_map(source: Any, entry: str | int | None) -> Any:
    if isinstance(source, str | Path):
        from deeper_jax.maps import read_map

        _log.info("reading %s", Path(source).name)
        return read_map(source, entry=entry)
    if getattr(source, "dims", (None,))[-1] != "wavenumber" or "wavenumber" not in source.coords:
        raise InputError(
            "enhance() takes a path or an xarray.DataArray whose last dimension is 'wavenumber' with its values in "
            "cm⁻¹; deeper_jax.maps.raman_map makes one of arrays."
        )
    return source


def _loaded(model: Any, super_resolver: Any) -> tuple[SpectralDenoiser, SuperResolver | None]:
    denoiser = load_as(model, SpectralDenoiser)
    return denoiser, None if super_resolver is None else load_as(super_resolver, SuperResolver)


def _denoised(
    model: SpectralDenoiser,
    restorer: LoadedMapRestorer | None,
    cube: np.ndarray,
    present: np.ndarray,
    noise_model: NoiseModel,
    axis: np.ndarray,
    use_map: bool,
    options: EnhanceOptions,
) -> tuple[FittedMap | None, Estimate]:
    """The estimate, and what the spectra have in common where that was looked for and found."""
    if not model.knows_uncertainty:
        return None, _by_fixed_axis(model, cube[present], noise_model, axis, options.progress)

    def network(spectra: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answer, error = np.empty(spectra.shape), np.empty(spectra.shape)
        with _bar(len(spectra), options.progress) as bar:
            for rows in _parts(len(spectra)):
                answer[rows], error[rows] = model.on_axis(spectra[rows], std[rows], axis)
                bar.update(len(answer[rows]))
        return answer, error

    fitted = fit_map(cube, present, noise_model, network, restorer.restore_grid) if use_map and restorer else None
    if fitted is None:
        estimate = alone(cube[present], noise_model, network)
    else:
        estimate = with_exceptions(cube[present], fitted.estimate, network)
    return fitted, estimate._replace(std=model.calibrated(estimate.std, estimate.noise))


def _by_fixed_axis(
    model: SpectralDenoiser, spectra: np.ndarray, noise_model: NoiseModel, axis: np.ndarray, progress: bool
) -> Estimate:
    noise = noise_model.std(smooth_intensity(spectra))
    with _bar((1 + DRAWS) * len(spectra), progress) as bar:

        def denoise(noisy: np.ndarray) -> np.ndarray:
            answer = np.empty(noisy.shape)
            for rows in _parts(len(noisy)):
                answer[rows] = model.denoise(noisy[rows], axis, outside="keep")
                bar.update(len(answer[rows]))
            return answer

        answer = denoise(spectra)
        return Estimate(answer, parametric_bootstrap(denoise, answer, noise), noise)


def _bar(total: int, progress: bool) -> tqdm:
    return tqdm(total=total, desc="denoising", unit="spectra", delay=1.5, disable=not progress or total == 1)


def _parts(total: int) -> list[slice]:
    return [slice(start, start + _PART) for start in range(0, total, _PART)]
