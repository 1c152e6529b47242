"""The loaded denoiser of one axis, the paper's: spectra in, spectra out."""

import warnings
from typing import Any

import jax
import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.inference.spectral_denoiser import SpectralDenoiser
from deeper_jax.spectra.values import checked_values

# Spectra in one compiled call; on the CPU so few that a layer's output (1 MB) stays in the processor's cache.
_BATCH = 256
_CACHED_VALUES = 2**18
# Width of the reference network, for weights without a record.
_WIDTH = 64


class Denoiser(SpectralDenoiser):
    """A trained ResUNet1D, for spectra of one axis; `LoadedModel` lists its attributes."""

    def _batch_size(self) -> int:
        if jax.default_backend() != "cpu":
            return _BATCH
        width = int(self.config.get("model", {}).get("width", _WIDTH))
        return min(_BATCH, 1 << max(1, _CACHED_VALUES // (self.length * width)).bit_length() - 1)

    def network(self, spectra: Any) -> np.ndarray:
        """The bare network.

        Args:
            spectra: [N, L], normalised as in training (each spectrum over its own maximum).

        Returns:
            [N, L] float32.

        Raises:
            InputError: another shape, or values that are not finite.
        """
        spectra = checked_values("network", spectra).astype(np.float32)
        if spectra.ndim != 2 or spectra.shape[1] != self.length:
            raise InputError(f"network(x) was given an array of shape {spectra.shape}; it takes [N, {self.length}].")
        return self._answers(spectra, self._batch_size())

    def denoise(
        self,
        spectra: Any,
        wavenumbers: Any = None,
        *,
        noise: Any = None,
        outside: str = "error",
        keep_offset: bool = True,
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
            noise: has no effect: this network is not told it.
            outside: what happens to channels outside the model's range: 'error' refuses them, 'keep' passes them
                through unchanged.
            keep_offset: whether the fitted offset is added; without it spectra stand on the ground that the
                training's targets stand on, as one wants it before unmixing.

        Returns:
            Array of the same shape and units; float32, or float64 if the input is.

        Raises:
            InputError: wrong length, NaN or infinite values, an axis that does not fit, or none to compare with.
        """
        return self._denoise(spectra, wavenumbers, noise, outside, keep_offset=keep_offset)[0]

    def on_axis(
        self, spectra: np.ndarray, noise: np.ndarray | None, axis: np.ndarray | None, *, keep_offset: bool = True
    ) -> tuple[np.ndarray, None]:
        """See `SpectralDenoiser.on_axis`; spectra that are constant or nowhere positive come back unchanged."""
        matrices = self._resampling(axis)
        own = spectra if matrices is None else spectra @ matrices[0]
        maximum = own.max(1, keepdims=True, initial=-np.inf)
        minimum = own.min(1, keepdims=True, initial=np.inf)
        # Also where nothing positive is left but the last bits of large negative values.
        usable = ((maximum > -1e-6 * minimum) & (minimum < maximum) & (maximum > 0))[:, 0]
        output = spectra.copy()
        if not usable.all():
            warnings.warn(
                f"{(~usable).sum()} of {len(usable)} spectra are constant or nowhere positive: "
                "they are returned unchanged.",
                stacklevel=4,
            )
        if usable.any():
            answer = self.network(own[usable] / maximum[usable]).astype(np.float64)
            fitted = fit_scale_and_offset(answer, own[usable], keep_offset=keep_offset)
            output[usable] = fitted if matrices is None else fitted @ matrices[1]
        return output, None

    def network_output(self, spectra: np.ndarray, wavenumbers: np.ndarray | None) -> np.ndarray:
        """As `SpectralDenoiser.network_output`: the bare network's, but for spectra of another axis than its own."""
        if wavenumbers is not None and self.wavenumbers is not None and not self._is_own(wavenumbers):
            return self.denoise(spectra, wavenumbers)
        maximum = spectra.max(1, keepdims=True)
        return self.network(spectra / np.where(maximum > 0, maximum, 1))


def fit_scale_and_offset(output: np.ndarray, reference: np.ndarray, *, keep_offset: bool = True) -> np.ndarray:
    """`a * output + b` with `a` ≥ 0 and `b` of each row fitted to `reference` by least squares; both [N, L].

    Without `keep_offset`: `a * output`, of the same fit.
    """
    centred = output - output.mean(1, keepdims=True)
    power = (centred**2).sum(1, keepdims=True)
    products = (centred * (reference - reference.mean(1, keepdims=True))).sum(1, keepdims=True)
    scale = np.maximum(products, 0) / np.where(power > 0, power, 1)
    return scale * centred + reference.mean(1, keepdims=True) if keep_offset else scale * output
