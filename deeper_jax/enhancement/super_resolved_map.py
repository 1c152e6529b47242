"""A denoised map brought to a finer grid, with its coordinates, uncertainty and marks."""

from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

from deeper_jax.enhancement.enhanced_map import on_finer_grid
from deeper_jax.errors import InputError
from deeper_jax.spectra.residuals import SINGLE_LIMIT, residual_outliers, sharp_losses


def check_super_resolvable(image: Any, super_resolver: Any, present: np.ndarray) -> None:
    """Raise InputError unless `image` is a map (y, x, wavenumber) on an even grid, present [...] everywhere."""
    if image.dims != ("y", "x", "wavenumber"):
        found = ", ".join(image.dims[:-1]) or "one spectrum"
        raise InputError(f"Only a map (y, x) can be super-resolved; this measurement has {found}.")
    if not present.all():
        raise InputError("The map has spectra that were not measured: crop it to a full rectangle to super-resolve it.")
    for name in ("y", "x"):
        try:
            super_resolver.grid(image[name].values)
        except InputError as error:
            raise InputError(
                f"The map's {name} has {image.sizes[name]} positions that are not two or more at even distances: it "
                "cannot be super-resolved."
            ) from error


def super_resolved(result: Any, super_resolver: Any, noise: np.ndarray, *, progress: bool = False) -> Any:
    """Super-resolve the `intensity` of an enhanced map (`deeper_jax.enhance`).

    Pixel raster_offset + i * scale of the fine grid lies on pixel i of the map (`SuperResolver.grid`). `uncertainty`
    there is that of denoising, interpolated, and the difference between the network and cubic interpolation, added in
    squares; it is not calibrated. Where the fine map differs from the map in a measured pixel by more than the noise
    of the measurement, a particle of one pixel say, the difference is given back, interpolated linearly. The marks
    stay on the measured grid, whose dimensions are renamed `y_measured` and `x_measured`; `denoised` is the map on it.

    Args:
        result: the enhanced map.
        super_resolver: the loaded network.
        noise: of the measurement, standard deviation [H, W, L].
        progress: show a bar of the tiles done.

    Raises:
        InputError: as `check_super_resolvable`.
    """
    image = result["intensity"]
    values = image.values
    check_super_resolvable(image, super_resolver, np.isfinite(values).all(-1))
    axis = image["wavenumber"].values
    fine = super_resolver.super_resolve(values, axis, progress=progress)
    places = _places(values.shape, super_resolver)
    # Sharp bands that the network's own, wider channels cannot hold are not lost but interpolated.
    lost = values - super_resolver.holds(values, np.asarray(axis, np.float64))
    fine = fine + interpolated(lost, places, order=1)
    sampled = slice(super_resolver.raster_offset, None, super_resolver.scale)
    fine = fine + interpolated(_not_noise(result, fine[sampled, sampled], noise), places, order=1)
    spread = interpolated(result["uncertainty"].values, places, order=1)
    spread = np.sqrt(spread**2 + (fine - interpolated(values, places, order=3)) ** 2)
    grid = {name: super_resolver.grid(image[name].values) for name in ("y", "x")}
    finer = on_finer_grid(result, fine, spread, grid)
    return finer.assign_attrs(scale=super_resolver.scale, raster_offset=super_resolver.raster_offset)


def _not_noise(result: Any, output: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """What `output` [H, W, L], in the measured pixels, lacks of the enhanced map where that is no noise; else 0."""
    length = output.shape[-1]
    denoised, measured, found, std = (
        np.asarray(each, np.float64).reshape(-1, length)
        for each in (result["intensity"].values, result["measured"].values, output, noise)
    )
    lacking = denoised - found
    strange = residual_outliers(lacking, std) | sharp_losses(denoised, found, std)
    strange |= np.abs(measured - found) > SINGLE_LIMIT * std
    return np.where(strange, lacking, 0.0).reshape(output.shape)


def _places(shape: tuple[int, ...], super_resolver: Any) -> np.ndarray:
    """Where the fine grid's pixels lie on the measured one, [2, H, W]."""
    lines = [super_resolver.grid(np.arange(float(size))) for size in shape[:2]]
    return np.stack(np.meshgrid(*lines, indexing="ij"))


def interpolated(values: np.ndarray, places: np.ndarray, order: int) -> np.ndarray:
    """Spline interpolation of [h, w, L] at `places` [2, H, W]; beyond the outermost pixels they are repeated."""
    channels = [map_coordinates(values[..., i], places, order=order, mode="nearest") for i in range(values.shape[-1])]
    return np.stack(channels, axis=-1)
