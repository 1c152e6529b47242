"""Trained networks on arrays: what `deeper_jax.load` returns."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel

# Spectra in one compiled call. Smaller inputs are padded to a power of two, so that few programs are compiled.
_BATCH = 256


class Denoiser:
    """A spectral denoiser.

    Attributes:
      config: the run's configuration, a nested dictionary (empty for weights that carry none).
      wavenumbers: [L] in cm⁻¹, or None for weights that carry no axis.
      params, stats: the weights and running statistics, nested dictionaries of arrays.
      record: everything else that travels in the checkpoint (preprocessing, data, versions).
    """

    def __init__(self, module: nnx.Module, record: dict[str, Any]) -> None:
        self._model = FunctionalModel(module)
        self.record = record
        self.config: dict[str, Any] = record.get("config", {})
        axis = record.get("wavenumbers")
        self.wavenumbers = None if axis is None else np.asarray(axis, np.float64)
        self.length: int = int(module.length)  # type: ignore[attr-defined]
        self._evaluate = jax.jit(self._model.evaluate)
        self.params, self.stats = self._model.params, self._model.stats

    def network(self, spectra: Any) -> np.ndarray:
        """The bare network.

        Args:
          spectra: [N, L], normalised as in training (each spectrum over its own maximum).

        Returns:
          [N, L] float32.

        Raises:
          InputError: another shape.
        """
        spectra = np.asarray(spectra, np.float32)
        if spectra.ndim != 2 or spectra.shape[1] != self.length:
            raise InputError(f"network(x) was given an array of shape {spectra.shape}; it takes [N, {self.length}].")
        output = np.empty_like(spectra)
        for start in range(0, len(spectra), _BATCH):
            chunk = spectra[start : start + _BATCH]
            output[start : start + _BATCH] = self._evaluate_padded(chunk)[: len(chunk)]
        return output

    def _evaluate_padded(self, chunk: np.ndarray) -> np.ndarray:
        size = 1 << (len(chunk) - 1).bit_length()
        padded = np.pad(chunk, ((0, size - len(chunk)), (0, 0)))
        return np.asarray(self._evaluate(self.params, self.stats, jnp.asarray(padded)))

    def denoise(self, spectra: Any, wavenumbers: Any = None) -> np.ndarray:
        """Denoise spectra in the user's own units.

        Each spectrum is divided by its maximum (paper, Methods), passed through the network, and the answer is
        brought back to the input's units by the scale and offset that fit it best to the input (least squares
        over the channels). A constant pedestal of the input, a detector offset say, is therefore kept.

        Args:
          spectra: [..., L], any real type and unit; a single spectrum, [N, L], a map [H, W, L].
          wavenumbers: [L] in cm⁻¹, the spectra's own axis, ascending or descending. If it differs from the
            model's, spectra are interpolated to the model's axis and back; it must lie within the model's
            range. None: the model's axis.

        Returns:
          Array of the same shape and units; float32, or float64 if the input is.

        Raises:
          InputError: wrong length, NaN or infinite values, an axis that does not fit, or none to compare with.
        """
        spectra = np.asarray(spectra)
        axis = self._check(spectra, wavenumbers)
        dtype = np.float64 if spectra.dtype == np.float64 else np.float32
        flat = spectra.reshape(-1, spectra.shape[-1]).astype(np.float64)
        if not flat.size:
            return spectra.astype(dtype)
        resample = axis is not None and not _same_axis(axis, self.wavenumbers)
        inside = _interpolate(flat, axis, self.wavenumbers) if resample else flat
        maximum = inside.max(1, keepdims=True)
        usable = (maximum > 0)[:, 0] & (np.ptp(inside, axis=1) > 0)
        if not usable.all():
            warnings.warn(
                f"{(~usable).sum()} of {len(usable)} spectra are constant or nowhere positive: "
                "they are returned unchanged.",
                stacklevel=2,
            )
        output = inside.copy()
        if usable.any():
            answer = self.network(inside[usable] / maximum[usable]).astype(np.float64)
            output[usable] = fit_scale_and_offset(answer, inside[usable])
        if resample:
            output = np.where(usable[:, None], _interpolate(output, self.wavenumbers, axis), flat)
        return output.reshape(spectra.shape).astype(dtype)

    def _check(self, spectra: np.ndarray, wavenumbers: Any) -> np.ndarray | None:
        if spectra.dtype.kind not in "fiub":
            raise InputError(f"denoise() was given {spectra.dtype} values; it takes real numbers.")
        if spectra.ndim == 0:
            raise InputError("denoise() was given a single number; it takes spectra [..., L].")
        if spectra.dtype.kind == "f" and not np.isfinite(spectra).all():
            bad = int((~np.isfinite(spectra)).sum())
            raise InputError(f"denoise() was given {bad} NaN or infinite values: remove or interpolate them.")
        if wavenumbers is None:
            if spectra.shape[-1] != self.length:
                raise InputError(
                    f"denoise() was given spectra of {spectra.shape[-1]} channels where the model has "
                    f"{self.length}: pass their wavenumbers, so that they can be brought to the model's axis."
                )
            return None
        return self._check_axis(np.asarray(wavenumbers, np.float64), spectra.shape[-1])

    def _check_axis(self, axis: np.ndarray, length: int) -> np.ndarray:
        steps = np.diff(axis)
        if axis.shape != (length,) or not np.isfinite(axis).all() or not (steps > 0).all() | (steps < 0).all():
            raise InputError(
                f"wavenumbers has shape {axis.shape}; denoise() takes one strictly rising or falling value "
                f"for each of the {length} channels, in cm⁻¹."
            )
        if self.wavenumbers is None:
            raise InputError(
                "These weights carry no wavenumber axis to compare with: call denoise(spectra) without "
                f"wavenumbers, with {self.length} channels as in their training."
            )
        low, high = self.wavenumbers.min(), self.wavenumbers.max()
        slack = np.abs(np.diff(self.wavenumbers)).max()
        if axis.min() < low - slack or axis.max() > high + slack:
            raise InputError(
                f"The spectra cover {axis.min():.0f}-{axis.max():.0f} cm⁻¹, the model {low:.0f}-{high:.0f} "
                "cm⁻¹: crop them to the model's range first."
            )
        return axis


def fit_scale_and_offset(output: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """`a * output + b` with `a` ≥ 0 and `b` of each row fitted to `reference` by least squares; both [N, L]."""
    centred = output - output.mean(1, keepdims=True)
    power = (centred**2).sum(1, keepdims=True)
    products = (centred * (reference - reference.mean(1, keepdims=True))).sum(1, keepdims=True)
    scale = np.maximum(products, 0) / np.where(power > 0, power, 1)
    return scale * centred + reference.mean(1, keepdims=True)


def _same_axis(axis: np.ndarray, other: np.ndarray | None) -> bool:
    # A tenth of a channel: less than any instrument's calibration holds.
    return (
        other is not None
        and axis.shape == other.shape
        and np.abs(axis - other).max() < 0.1 * np.abs(np.diff(other)).min()
    )


def _interpolate(spectra: np.ndarray, axis: Any, new_axis: Any) -> np.ndarray:
    """Linear interpolation along the last axis; the end values are held beyond the ends."""
    order = np.argsort(axis)
    return np.stack([np.interp(new_axis, axis[order], row[order]) for row in spectra])
