"""The loaded denoiser: spectra in, spectra out."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.inference.loaded_model import LoadedModel
from deeper_jax.inference.streaming import LONGEST, SpectrumStream
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.resunet1d import piece_size

# Spectra in one compiled call.
_BATCH = 256
# Width of the reference network, for weights without a record.
_WIDTH = 64


class Denoiser(LoadedModel):
    """A trained spectral denoiser; `LoadedModel` lists its attributes."""

    def _evaluation(self, model: FunctionalModel) -> Callable[..., jax.Array]:
        width = int(self.config.get("model", {}).get("width", _WIDTH))
        return functools.partial(model.evaluate_in_pieces, piece=piece_size(self.length, width))

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
        return self._in_batches(spectra, _BATCH)

    def denoise(
        self, spectra: Any, wavenumbers: Any = None, *, keep_offset: bool = True, outside: str = "error"
    ) -> np.ndarray:
        """Denoise spectra in the user's own units.

        Each spectrum is divided by its maximum (paper, Methods), passed through the network, and the answer is
        brought back to the input's units by the scale and offset that fit it best to the input (least squares
        over the channels). A constant pedestal of the input, a detector offset say, is therefore kept, unless
        `keep_offset` is false.

        Args:
          spectra: [..., L], any real type and unit; a single spectrum, [N, L], a map [H, W, L].
          wavenumbers: [L] in cm⁻¹, the spectra's own axis, ascending or descending. If it differs from the
            model's, spectra are interpolated to the model's axis and back. None: the model's axis.
          keep_offset: whether the fitted offset is added; without it spectra stand on the ground that the
            training's targets stand on, as one wants it before unmixing.
          outside: what happens to channels outside the model's range: 'error' refuses them, 'keep' passes them
            through unchanged.

        Returns:
          Array of the same shape and units; float32, or float64 if the input is.

        Raises:
          InputError: wrong length, NaN or infinite values, an axis that does not fit, or none to compare with.
        """
        spectra = np.asarray(spectra)
        if spectra.ndim == 0:
            raise InputError("denoise() was given a single number; it takes spectra [..., L].")
        if outside not in ("error", "keep"):
            raise InputError(f"outside is {outside!r}; choose 'error' or 'keep'.")
        if outside == "keep" and wavenumbers is not None and not (inside := self.covers(wavenumbers)).all():
            output = spectra.astype(np.float64 if spectra.dtype == np.float64 else np.float32)
            kept = np.asarray(wavenumbers)[inside]
            output[..., inside] = self.denoise(spectra[..., inside], kept, keep_offset=keep_offset)
            return output
        axis = self._checked_axis("denoise", spectra, wavenumbers)
        dtype = np.float64 if spectra.dtype == np.float64 else np.float32
        flat = spectra.reshape(-1, spectra.shape[-1]).astype(np.float64)
        inside = flat if axis is None else flat @ self._to_own(axis)
        maximum = inside.max(1, keepdims=True, initial=-np.inf)
        usable = (maximum[:, 0] > 0) & (inside.min(1, initial=np.inf) < maximum[:, 0])
        output = flat.copy()
        if not usable.all():
            warnings.warn(
                f"{(~usable).sum()} of {len(usable)} spectra are constant or nowhere positive: "
                "they are returned unchanged.",
                stacklevel=2,
            )
        if usable.any():
            answer = self.network(inside[usable] / maximum[usable]).astype(np.float64)
            fitted = fit_scale_and_offset(answer, inside[usable], keep_offset=keep_offset)
            output[usable] = fitted if axis is None else fitted @ self._from_own(axis)
        return output.reshape(spectra.shape).astype(dtype)

    def stream(self, wavenumbers: Any = None, *, longest: int = LONGEST) -> SpectrumStream:
        """Denoise a scan line by line while it runs: `stream.denoise(line)`, `stream.lines(iterable)`.

        Args:
          wavenumbers: [L] in cm⁻¹, as for `denoise`.
          longest: spectra in the longest line usually; longer ones take more than one call of the network.

        Raises:
          InputError: a setting that cannot be used.
        """
        return SpectrumStream(self, wavenumbers, longest=longest)


def fit_scale_and_offset(output: np.ndarray, reference: np.ndarray, *, keep_offset: bool = True) -> np.ndarray:
    """`a * output + b` with `a` ≥ 0 and `b` of each row fitted to `reference` by least squares; both [N, L].

    Without `keep_offset`: `a * output`, of the same fit.
    """
    centred = output - output.mean(1, keepdims=True)
    power = (centred**2).sum(1, keepdims=True)
    products = (centred * (reference - reference.mean(1, keepdims=True))).sum(1, keepdims=True)
    scale = np.maximum(products, 0) / np.where(power > 0, power, 1)
    return scale * centred + reference.mean(1, keepdims=True) if keep_offset else scale * output
