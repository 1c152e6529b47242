"""`deeper_jax.enhance`: a map from an instrument in, the same map denoised, super-resolved and judged out."""

import functools
import json
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.allocator import release_memory
from deeper_jax.enhancement.checked_spectra import Checked, checked_blocks
from deeper_jax.enhancement.component_images import with_components
from deeper_jax.enhancement.cosmic_rays import SPATIAL, CosmicRays, find_cosmic_rays
from deeper_jax.enhancement.denoising import Denoising
from deeper_jax.enhancement.enhanced_map import COMPONENTS, ON_MEASURED_GRID, EnhancedMap, model_record
from deeper_jax.enhancement.finer_map import (
    check_refinable,
    networks_between,
    prepare,
    refined,
    refined_spectra,
    ways_in_pixels,
)
from deeper_jax.enhancement.map_denoiser import FittedMap
from deeper_jax.enhancement.measured_map import inside, measured_spectra, resolution_of
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.memory_check import check_memory
from deeper_jax.enhancement.options import EnhanceOptions
from deeper_jax.enhancement.progress import progress_bar
from deeper_jax.enhancement.score_images import Restore
from deeper_jax.enhancement.super_resolved_map import check_super_resolvable, super_resolved
from deeper_jax.enhancement.unloaded_spectra import is_loaded
from deeper_jax.errors import InputError
from deeper_jax.inference.machine import blas_on_one_core
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.inference.spectral_denoiser import SpectralDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.spectra.noise import NOISE_SAMPLE, NoiseModel, noise_by_both_fits
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER, load_as

if TYPE_CHECKING:
    import xarray

# Bytes of a map that is read at once, and of an answer that stays in memory beside its file.
SMALL = 1 << 29
# Blocks that may wait for being written.
_WAITING = 16
_log = logging.getLogger(__name__)


def enhance(source: "str | Path | xarray.DataArray", model: Any = None, **options: Any) -> "xarray.Dataset":
    """Denoise a map and, if asked, super-resolve it, with an uncertainty and marks where not to trust it.

    What is being done is logged under "deeper_jax" at the level of information.

    Args:
        source: an instrument's file or any other that `deeper_jax.maps.read_map` reads, or what it returns:
            dimensions (..., "wavenumber"), spectra that were not measured NaN. A large one may be held by dask or lie
            in a file that xarray has open: it is read in pieces. Objects of RamanSPy and HyperSpy are taken too, as
            `deeper_jax.maps.interop` reads them.
        model: a loaded denoiser or the path of one; None: the one that comes with the package.
        **options: the fields of `EnhanceOptions`: super_resolver, outside, use_map, noise, cosmic_rays,
            resolution, scale, restorer, entry, progress, output, overwrite, made_from.

    Returns:
        A data set with `intensity`, on the map's grid or the super-resolved one, in the map's unit; `uncertainty`,
        one standard deviation of its error, of the same shape. On the grid that was measured: `measured`, the values
        as given (where possible the map's own array, not a copy, and therefore read-only); `cosmic_ray` (bool), every
        channel removed as one or suspected of it, and `cosmic_ray_removed`, those of them that were filled in from the
        channels beside; `flagged` (bool), where the denoiser took away more than noise, so that the measured value was
        kept, or where the residual is no noise, and `pixel_flagged`, where a spectrum has such a channel; after
        super-resolution also `denoised`, the map before it. Where spectra have something in common, `component_scores`
        and `component_spectra` show it. The attributes say how it was made.

    Raises:
        InputError: a file, map, model or setting that cannot be used.
    """
    name = source if isinstance(source, str | Path) else getattr(source, "attrs", {}).get("source_file")
    settings = EnhanceOptions.of(**options)
    if settings.output is not None:
        from deeper_jax.maps import check_writable

        check_writable(settings.output, overwrite=settings.overwrite, further_variables=variables_after(settings))
    model, super_resolver = _loaded(model, settings.super_resolver)
    try:
        data = as_map(source, settings.entry)
        if not is_loaded(data) and data.nbytes <= SMALL:
            data = data.compute()
        in_pieces = _in_pieces(settings)
        _check_memory(data, settings, super_resolver, in_pieces)
        if settings.output is not None and in_pieces:
            return _enhanced_into_file(data, model, super_resolver, settings, Path(settings.output))
        answer = _turned_and_enhanced(data, model, super_resolver, settings)
        if settings.output is not None:
            from deeper_jax.maps import write_map

            _log.info("writing %s", Path(settings.output).name)
            write_map(answer, settings.output, overwrite=settings.overwrite)
        return answer
    except InputError as error:
        raise error if not name or str(name) in str(error) else InputError(f"{name}: {error}") from error


def variables_after(options: EnhanceOptions) -> list[str]:
    """Names of the answer's variables after `intensity`, those that only some answers have among them."""
    return ["uncertainty", *ON_MEASURED_GRID, *COMPONENTS, *["denoised"] * options.makes_finer]


def _in_pieces(options: EnhanceOptions) -> bool:
    """Whether the answer goes to its file as it is made, and is in memory only where it is small."""
    from deeper_jax.maps.writing import written_in_pieces

    return options.output is not None and written_in_pieces(Path(options.output)) and not options.makes_finer


def _check_memory(data: "xarray.DataArray", options: EnhanceOptions, super_resolver: Any, in_pieces: bool) -> None:
    """Say what memory the answer will take if it is not written in pieces. Raises InputError if that is not there."""
    width = 4 if data.dtype == np.float32 else 8
    times = super_resolver.scale**2 if super_resolver is not None else options.scales[0] * options.scales[1]
    if times > 1:
        # The finer spectra, their deviations, what lies beyond, and one more of them, float64; and those before.
        check_memory(
            data.size * (32 * times + 3 * width + 11), "A finer map", "enhance parts of it, or leave it as it is"
        )
    elif not in_pieces:
        remedy = "write it to a file in pieces, with output='NAME.h5' or '.nc' (in the command, -o NAME.h5)"
        check_memory(_bytes(data), "The enhanced map", remedy)


def _bytes(data: "xarray.DataArray") -> int:
    """Of what an enhanced map holds on the measured grid."""
    return data.size * (3 * (4 if data.dtype == np.float32 else 8) + 3)


def _enhanced_into_file(
    data: "xarray.DataArray", model: Any, super_resolver: Any, options: EnhanceOptions, path: Path
) -> "xarray.Dataset":
    from deeper_jax.maps import read_data_set
    from deeper_jax.maps.writing import MapInPieces

    # What a page or the next step asks for need not be unpacked again.
    small = _bytes(data) <= SMALL
    with MapInPieces(path, overwrite=options.overwrite) as file:
        answer = _turned_and_enhanced(data, model, super_resolver, options, file, small)
        file.finish(answer)
    release_memory()
    return answer if small else read_data_set(path, lazy=True)


def _turned_and_enhanced(
    data: "xarray.DataArray",
    model: Any,
    super_resolver: Any,
    options: EnhanceOptions,
    file: Any = None,
    in_memory: bool = True,
) -> "xarray.Dataset":
    # Random numbers go by the channels' order, and the answer must not.
    falling = bool(data["wavenumber"].values[0] > data["wavenumber"].values[-1])
    turned = {"wavenumber": slice(None, None, -1 if falling else 1)}
    begin = functools.partial(EnhancedMap, file=file, falling=falling, in_memory=in_memory)
    with blas_on_one_core():
        answer = _enhanced(data.isel(turned), model, super_resolver, options, begin).isel(turned)
    return answer.assign_attrs(made_from=options.made_from) if options.made_from else answer


def _enhanced(
    data: "xarray.DataArray",
    model: Any,
    super_resolver: Any,
    options: EnhanceOptions,
    begin: Callable[..., EnhancedMap],
) -> "xarray.Dataset":
    raster = Raster.of(options.scales)
    finer = options.scales != (1, 1)
    networks: list[LoadedMapRestorer] = []
    if finer or (options.use_map and model.knows_uncertainty):
        networks = [load_as(options.restorer or DEFAULT_RESTORER, LoadedMapRestorer)]
    if finer:
        networks = networks_between(networks[0])
    models = [model] if super_resolver is None else [model, super_resolver]
    channels = data.sizes["wavenumber"]
    data, unchanged = inside(data, models, options.outside, super_resolver is not None)
    spectra = measured_spectra(data)
    if super_resolver is not None:
        check_super_resolvable(data, super_resolver, spectra.present)
    if finer:
        check_refinable(data, raster)
        if not model.knows_uncertainty:
            raise InputError(
                f"scale works with a noise-aware denoiser, such as the package's own, not with {model.title}."
            )

    rays, noise_models = _rays_and_noise(data, spectra, options)
    ways = ways_in_pixels(networks, raster) if networks else {}
    ahead = functools.partial(prepare, networks, raster, spectra.present.shape) if networks else None
    axis = np.asarray(data["wavenumber"], np.float64)
    denoising = Denoising(model, ways, spectra, noise_models[0], axis, ahead)
    denoising.begin(options)
    release_memory()
    # A finer map needs what its pixels have beyond what is common to all, a super-resolver their noise.
    keep = ["beyond"] * finer + ["smallest_noise"] * (super_resolver is not None)
    result = begin(data, spectra, keep)
    with progress_bar(len(spectra), options.progress) as bar:
        blocks = checked_blocks(spectra, denoising.estimate, denoising.together, noise_models, rays, unchanged)
        _put_all(result, blocks, bar)
    release_memory()

    steps = _steps_of(denoising, noise_models[0], rays, unchanged, channels, options)
    enhanced = result.finished(steps)
    if denoising.fitted:
        enhanced = with_components(enhanced, denoising.fitted, spectra.present)
        enhanced.attrs |= _held_out(denoising.fitted, enhanced.attrs["noise_rms"])
    enhanced.attrs["model"] = json.dumps(model_record(model))
    if denoising.fitted and networks:
        enhanced.attrs["restorer"] = json.dumps(model_record(networks[0]))
    if finer:
        _log.info("estimating the map %d x %d times finer", *options.scales)
        return _refined(enhanced, denoising.fitted, result.kept["beyond"], spectra.present, networks, raster, ways)
    if super_resolver is None:
        return enhanced
    _log.info("super-resolving %d times", super_resolver.scale)
    return _super_resolved(enhanced, super_resolver, result.kept["smallest_noise"], options.progress is True)


def _put_all(result: EnhancedMap, blocks: Iterable[Checked], bar: Any) -> None:
    """Blocks are packed and written while those that follow are checked."""
    with ThreadPoolExecutor(1) as beside:
        waiting: deque[Future[None]] = deque()
        for block in blocks:
            waiting.append(beside.submit(result.put, block))
            bar.update(len(block.spectra))
            if len(waiting) > _WAITING:
                waiting.popleft().result()
        for each in waiting:
            each.result()


def _rays_and_noise(
    data: "xarray.DataArray", spectra: MeasuredSpectra, options: EnhanceOptions
) -> tuple[CosmicRays, list[NoiseModel]]:
    """Cosmic rays, which are taken out of the spectra, and what is said of their noise, the best first."""
    _log.info("looking for cosmic rays and noise")
    given = None if options.noise is None else NoiseModel(0.0, options.noise**2, options.noise**2)
    rays = CosmicRays(spectra.shape, [], {})
    if options.cosmic_rays != "keep":
        rays = find_cosmic_rays(
            *(spectra, np.asarray(data["wavenumber"], np.float64)),
            spatial=bool(SPATIAL & set(data.dims)),
            resolution=options.resolution or resolution_of(data),
            noise_model=given,
            remove=options.cosmic_rays == "remove",
        )
    spectra.replace(rays.filled)
    if given is not None:
        return rays, [given]
    return rays, noise_by_both_fits(spectra.sample(NOISE_SAMPLE))


def _super_resolved(
    enhanced: "xarray.Dataset", super_resolver: SuperResolver, noise: np.ndarray, progress: bool
) -> "xarray.Dataset":
    finer = super_resolved(enhanced, super_resolver, noise.reshape(enhanced["intensity"].shape), progress=progress)
    steps = [*json.loads(enhanced.attrs["steps"]), {"name": "super_resolve", "scale": super_resolver.scale}]
    return finer.assign_attrs(steps=json.dumps(steps), super_resolver=json.dumps(model_record(super_resolver)))


def _refined(
    result: "xarray.Dataset",
    fitted: FittedMap | None,
    beyond: np.ndarray,
    present: np.ndarray,
    networks: Sequence[LoadedMapRestorer],
    raster: Raster,
    ways: Mapping[str, Restore],
) -> "xarray.Dataset":
    if fitted is None:
        raise InputError(
            "The map's spectra show nothing in common above their noise, so it cannot be made finer: leave out the "
            "scale."
        )
    fine, std = refined_spectra(fitted, present, networks, raster, ways)
    between = ~raster.spread(present)
    std[between] = networks[-1].calibrated(std[between], result.attrs["noise_rms"], max(raster.step))
    finer = refined(result, fine, std, beyond, present, raster)
    steps = [*json.loads(result.attrs["steps"]), {"name": "refine", "scale": list(raster.step)}]
    return finer.assign_attrs(steps=json.dumps(steps))


def _steps_of(
    denoising: Denoising,
    noise_model: NoiseModel,
    rays: CosmicRays,
    unchanged: np.ndarray,
    channels: int,
    options: EnhanceOptions,
) -> list[dict[str, Any]]:
    """What was done, for the record; the map had so many channels before some were chosen."""
    return [
        {
            "name": "choose_channels",
            "outside": options.outside,
            "dropped": channels - len(unchanged),
            "kept_unchanged": int(unchanged.sum()),
        },
        {"name": "cosmic_rays", "mode": options.cosmic_rays, **rays.spectra_struck()},
        {
            "name": "estimate_noise" if options.noise is None else "given_noise",
            "gain": noise_model.gain,
            "floor": noise_model.floor,
        },
        {"name": "denoise", "whole_map": denoising.use_map, "components": _shares_of_ways(denoising.fitted)},
    ]


def _shares_of_ways(fitted: FittedMap | None) -> dict[str, list[float]]:
    """How the image of each component was estimated, for the record."""
    return {} if fitted is None else {way: np.round(each, 2).tolist() for way, each in fitted.weights.items()}


def _held_out(fitted: FittedMap, noise: float) -> dict[str, float]:
    """Root mean square error of a channel that held-out noisy scores show, and its 95 % interval, in the map's unit.

    Nothing where the pixels are too few for an interval.
    """
    square, half = fitted.held_out
    if not math.isfinite(half):
        return {}
    channels = len(fitted.by_channel)
    ends = {"held_out_error": square, "held_out_error_low": square - half, "held_out_error_high": square + half}
    return {name: noise * math.sqrt(max(value, 0.0) / channels) for name, value in ends.items()}


def as_map(source: Any, entry: str | int | None) -> Any:
    """What `enhance` is given as an `xarray.DataArray` [..., wavenumber]; InputError where it is none."""
    if isinstance(source, str | Path):
        from deeper_jax.maps import read_map

        _log.info("reading %s", Path(source).name)
        return read_map(source, entry=entry, lazy=True)
    if not hasattr(source, "dims"):
        from deeper_jax.maps.interop import as_map as of_other_libraries

        source = of_other_libraries(source)
    if getattr(source, "dims", (None,))[-1] != "wavenumber" or "wavenumber" not in source.coords:
        raise InputError(
            "enhance() takes a path, an object of RamanSPy or HyperSpy, or an xarray.DataArray whose last dimension is "
            "'wavenumber' with its values in cm⁻¹; deeper_jax.maps.raman_map makes one of arrays."
        )
    return source


def _loaded(model: Any, super_resolver: Any) -> tuple[SpectralDenoiser, SuperResolver | None]:
    denoiser = load_as(model, SpectralDenoiser)
    return denoiser, None if super_resolver is None else load_as(super_resolver, SuperResolver)
