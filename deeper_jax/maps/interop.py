"""Maps to and from RamanSPy and HyperSpy, and a denoiser as a step of RamanSPy's pipelines.

RamanSPy (BSD-3-Clause; Georgiev et al. 2024, doi:10.1021/acs.analchem.4c00383) holds an image as [x, y, L] and a
volume as [x, y, z, L]: so say its documentation and its WITec loader, while its Renishaw loader and its plots take
[y, x, L] as it comes. Here the documentation is followed: maps, which are ("y", "x", "wavenumber"), are turned
on the way out and back. `ramanspy.plot.image` therefore shows x downwards. HyperSpy stands in a file of its own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.hyperspy_signals import from_hyperspy, is_hyperspy, to_hyperspy, to_hyperspy_axes

if TYPE_CHECKING:
    import xarray

__all__ = [
    "as_map",
    "from_hyperspy",
    "from_ramanspy",
    "preprocessing_step",
    "to_hyperspy",
    "to_hyperspy_axes",
    "to_ramanspy",
]

_SPECTRAL = "wavenumber"
# RamanSPy's order of dimensions, by the number of those that are not spectral.
_THEIR_DIMS: dict[int, tuple[str, ...]] = {0: (), 1: ("spectrum",), 2: ("x", "y"), 3: ("x", "y", "z")}
_OUR_ORDER = ("time", "z", "y", "x")


def to_ramanspy(data: xarray.DataArray) -> Any:
    """The map as RamanSPy holds it.

    data: the last dimension is `wavenumber`, with its coordinate. ("y", "x") becomes a SpectralImage
    [x, y, L], ("z", "y", "x") a SpectralVolume [x, y, z, L], one spectrum a Spectrum, anything else a
    SpectralContainer with its dimensions in their order. Values are not copied where they need not be. RamanSPy
    has no place for positions and attributes: keep `data`, and give it to `from_ramanspy` afterwards.

    Raises InputError without wavenumbers, or if RamanSPy is not installed.
    """
    ramanspy = _ramanspy()
    if _SPECTRAL not in data.dims or _SPECTRAL not in data.coords:
        raise InputError(
            f"to_ramanspy: found the dimensions {', '.join(map(str, data.dims))}, expected 'wavenumber' with its "
            "coordinate in cm⁻¹; name it so."
        )
    dims = _their_dims([str(dim) for dim in data.dims])
    kinds = {(): ramanspy.Spectrum, ("x", "y"): ramanspy.SpectralImage, ("x", "y", "z"): ramanspy.SpectralVolume}
    kind = kinds.get(dims, ramanspy.SpectralContainer)
    return kind(data.transpose(*dims, _SPECTRAL).values, data[_SPECTRAL].values)


def from_ramanspy(spectra: Any, like: xarray.DataArray | None = None) -> xarray.DataArray:
    """A RamanSPy object as a map.

    spectra: a Spectrum, SpectralContainer [N, L], SpectralImage [x, y, L] or SpectralVolume [x, y, z, L]; a
    container of three or four dimensions is read as an image or a volume.
    like: the map that the object was made of by `to_ramanspy`, if it was: dimensions, positions and attributes are
    taken from there, as RamanSPy drops them. The wavenumbers are always the object's own.

    Without `like` there are no positions, and the unit is "a.u.".
    Raises InputError if the shapes do not fit.
    """
    import xarray as xr

    values = np.asarray(spectra.spectral_data)
    if like is not None:
        dims = _their_dims([str(dim) for dim in like.dims])
        wanted = tuple(like.sizes[dim] for dim in dims)
        if values.shape[:-1] != wanted:
            raise InputError(
                f"from_ramanspy: found {values.shape[:-1]} spectra, but 'like' has {wanted} ({', '.join(dims)}); "
                "give the map that the object was made of, or none."
            )
    elif values.ndim - 1 in _THEIR_DIMS:
        dims = _THEIR_DIMS[values.ndim - 1]
    else:
        raise InputError(f"from_ramanspy: found {values.ndim} dimensions, expected at most 4 ([x, y, z, L]).")
    axis = (_SPECTRAL, np.asarray(spectra.spectral_axis), {"units": "cm-1", "long_name": "Raman shift"})
    data = xr.DataArray(values, dims=(*dims, _SPECTRAL), coords={_SPECTRAL: axis}, name="intensity")
    if like is None:
        ordered = [dim for dim in _OUR_ORDER if dim in dims] or list(dims)
        return data.transpose(*ordered, _SPECTRAL).assign_attrs(units="a.u.")
    kept = {name: coordinate for name, coordinate in like.coords.items() if _SPECTRAL not in coordinate.dims}
    return data.transpose(*like.dims).assign_coords(kept).assign_attrs(like.attrs).rename(like.name)


def as_map(spectra: Any) -> Any:
    """An object of RamanSPy or HyperSpy as a map; anything else as it is. Neither library is imported.

    Raises InputError as `from_ramanspy` and `from_hyperspy`.
    """
    if hasattr(spectra, "spectral_data") and hasattr(spectra, "spectral_axis"):
        return from_ramanspy(spectra)
    return from_hyperspy(spectra) if is_hyperspy(spectra) else spectra


def preprocessing_step(model: Any, *, keep_offset: bool = True) -> Any:
    """A denoiser as a RamanSPy PreprocessingStep, alone (`.apply(image)`) or in a `Pipeline`.

    model: what `deeper_jax.load` gives for a denoiser. The package's own takes any axis; one that was trained on an
    axis takes spectra within its range, so crop first:
    `ramanspy.preprocessing.Pipeline([misc.Cropper(region=(900, 1700)), preprocessing_step(model)])`.
    Units are kept, and with `keep_offset` the pedestal under a spectrum too, as `model.denoise` keeps them; the
    package's own denoiser always keeps it.

    The step raises InputError as `model.denoise` does: NaN values, wavenumbers outside the model's range.
    Raises InputError if the model does not denoise, or if RamanSPy is not installed.
    """
    ramanspy = _ramanspy()
    if not hasattr(model, "denoise"):
        raise InputError(f"preprocessing_step: found a {type(model).__name__}, expected a denoiser; load one.")

    any_axis = getattr(model, "any_axis", False)
    if any_axis and not keep_offset:
        raise InputError("preprocessing_step: found keep_offset=False for a denoiser that keeps offsets; leave it out.")

    def denoise(spectra: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if any_axis:
            return model.denoise(spectra, axis), axis
        # Weights that carry no axis take spectra of their own length only.
        own = getattr(model, "wavenumbers", axis)
        return model.denoise(spectra, None if own is None else axis, keep_offset=keep_offset), axis

    return ramanspy.preprocessing.PreprocessingStep(denoise)


def _their_dims(dims: list[str]) -> tuple[str, ...]:
    outer = tuple(dim for dim in dims if dim != _SPECTRAL)
    return next((theirs for theirs in _THEIR_DIMS.values() if set(theirs) == set(outer)), outer)


def _ramanspy() -> Any:
    try:
        return importlib.import_module("ramanspy")
    except ImportError as error:
        raise InputError("ramanspy: the library is not installed; pip install ramanspy.") from error
