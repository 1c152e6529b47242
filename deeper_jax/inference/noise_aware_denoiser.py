"""The loaded noise-aware denoiser: spectra on any axis in, spectra and their uncertainty out."""

from typing import Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.inference.loaded_model import FEWEST_CHANNELS
from deeper_jax.inference.programs import padded_size
from deeper_jax.inference.spectral_denoiser import SpectralDenoiser, checked_noise
from deeper_jax.spectra.axis import checked_axis
from deeper_jax.spectra.resampling import resampling_matrix
from deeper_jax.spectra.values import checked_values

# Spectra in one compiled call.
_BATCH = 256
_MULTIPLE = 16
# Channel widths that training covered, cm⁻¹; an axis outside is resampled to the nearest of them.
STEPS = (1.0, 5.0)
_WIDEST = 200.0  # cm⁻¹, of channels that are resampled: finer ones would fill the memory
# Noise that float32 still holds beside a spectrum, as a share of its range.
_SMALLEST_NOISE = 1e-7


class NoiseAwareDenoiser(SpectralDenoiser):
    """A trained `NoiseAwareUNet`, for spectra of any axis; `LoadedModel` lists its attributes.

    `wavenumbers` need be given to `denoise` only where channels are narrower than 1 or wider than 5 cm⁻¹, which
    training did not cover: the network then works on resampled spectra.
    """

    any_axis = True
    knows_uncertainty = True

    def covers(self, wavenumbers: Any) -> np.ndarray:
        """As `LoadedModel.covers`: all channels [L], unless they are too wide for any spectrum."""
        axis = checked_axis(wavenumbers, np.size(wavenumbers), "covers()")
        usable_axis(axis)
        return np.ones(axis.shape, bool)

    def network(self, spectra: Any, noise: Any) -> tuple[np.ndarray, np.ndarray]:
        """The bare network.

        Args:
            spectra: [N, L], any unit, L at least 32.
            noise: standard deviation of the noise in the same unit, positive; broadcast to [N, L].

        Returns:
            The denoised spectra and the standard deviation of their error, [N, L] float32 each.

        Raises:
            InputError: another shape, values that are not finite, or noise that is not positive.
        """
        denoised, error = self._exact(spectra, noise)
        return denoised.astype(np.float32), error.astype(np.float32)

    def _exact(self, spectra: Any, noise: Any) -> tuple[np.ndarray, np.ndarray]:
        """`network` in float64: what the float32 inside it answers, on a pedestal of any height."""
        spectra = checked_values("network", spectra).astype(np.float64)
        if spectra.ndim != 2 or spectra.shape[1] < FEWEST_CHANNELS:
            raise InputError(
                f"network(x) was given an array of shape {spectra.shape}; it takes [N, L], L ≥ {FEWEST_CHANNELS}."
            )
        noise = checked_noise(noise, spectra.shape)
        assert noise is not None
        # float32 must not lose a small signal on a large pedestal, nor overflow in strange units.
        noise = np.maximum(noise, _SMALLEST_NOISE * np.maximum(np.ptp(spectra, 1), noise.max(1))[:, None])
        unit = np.sqrt((noise**2).mean(1, keepdims=True))
        offset = np.median(spectra, axis=1, keepdims=True)
        pair = np.stack([(spectra - offset) / unit, noise / unit], axis=1).astype(np.float32)
        length = -(-pair.shape[2] // _MULTIPLE) * _MULTIPLE
        beyond = padded_size(length, _MULTIPLE) - pair.shape[2]
        answer = self._answers(np.pad(pair, ((0, 0), (0, 0), (0, beyond)), mode="edge"), _BATCH, length)
        answer = answer[..., : spectra.shape[1]].astype(np.float64)
        return answer[:, 0] * unit + offset, np.exp(answer[:, 1]) * unit

    def on_axis(
        self, spectra: np.ndarray, noise: np.ndarray | None, axis: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `SpectralDenoiser.on_axis`; spectra of an axis whose channels do not suit the network are resampled."""
        assert noise is not None
        if axis is None:
            return self._exact(spectra, noise)
        own = usable_axis(axis)
        if own is axis:
            falling = axis[0] > axis[-1]
            flip = np.s_[:, ::-1] if falling else np.s_[:, :]
            denoised, error = self._exact(spectra[flip], noise[flip])
            return denoised[flip], error[flip]
        there, back = resampling_matrix(axis, own), resampling_matrix(own, axis)
        inside = spectra @ there
        denoised, error = self._exact(inside, np.sqrt(noise**2 @ there**2))
        # What the coarser axis cannot hold is kept where it is far above the noise: a narrow band, say.
        detail = spectra - inside @ back
        return denoised @ back + np.where(np.abs(detail) > 4 * noise, detail, 0.0), error @ back

    def calibrated(self, deviation: np.ndarray, noise: Any, together: int = 1) -> np.ndarray:
        """Standard deviations of errors as held-out simulated samples show them to be; any shape, equal for both.

        Of spectra that the network saw one by one `sqrt((factor * deviation)^2 + (noise_share * noise)^2)`. Of those of
        a map `factor * deviation`, where the factor depends on how many there are, as what they have in common is found
        from them. The weights' record has these numbers; without them deviations are as said.

        Args:
            deviation: what network and map say of their error.
            noise: standard deviation of the input's noise.
            together: number of spectra that were estimated together.
        """
        settings = self.record.get("calibration_together" if together > 1 else "calibration")
        if settings is None:
            return deviation
        if together > 1:
            return float(np.interp(np.log(together), np.log(settings["spectra"]), settings["factor"])) * deviation
        return np.sqrt((settings["factor"] * deviation) ** 2 + (settings["noise_share"] * noise) ** 2)


def usable_axis(axis: np.ndarray) -> np.ndarray:
    """`axis` [L] itself if its channels are as wide as in training, else an even axis over its range that is.

    Raises:
        InputError: channels are wider than 200 cm⁻¹ on average.
    """
    width = abs(axis[-1] - axis[0]) / max(len(axis) - 1, 1)
    if width > _WIDEST:
        raise InputError(
            f"The axis goes from {axis.min():g} to {axis.max():g} cm⁻¹ in {len(axis)} channels, {width:.0f} cm⁻¹ wide "
            f"on average; expected at most {_WIDEST:g}: correct the axis."
        )
    # A tenth more or less makes no difference to the network.
    if STEPS[0] / 1.1 <= width <= STEPS[1] * 1.1:
        return axis
    channels = max(FEWEST_CHANNELS, round(abs(axis[-1] - axis[0]) / float(np.clip(width, *STEPS))) + 1)
    return np.linspace(axis.min(), axis.max(), channels)
