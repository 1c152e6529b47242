"""What all loaded denoisers have in common, so that a caller need not know which network it holds."""

from typing import Any

import numpy as np
from scipy.ndimage import minimum_filter1d

from deeper_jax.errors import InputError
from deeper_jax.inference.loaded_model import LoadedModel
from deeper_jax.inference.streaming import LONGEST, SpectrumStream
from deeper_jax.spectra.noise import SMOOTHING, estimate_noise, smooth_intensity
from deeper_jax.spectra.residuals import restore_outliers
from deeper_jax.spectra.values import checked_values, is_deviation

OUTSIDE = ("error", "keep")


class SpectralDenoiser(LoadedModel):
    """A trained denoiser of any kind; `LoadedModel` lists its other attributes.

    Attributes:
        knows_uncertainty: whether the network is told the noise of its input and says how sure it is of its answer.
    """

    knows_uncertainty = False
    title = "a denoiser"

    def denoise(
        self, spectra: Any, wavenumbers: Any = None, *, noise: Any = None, outside: str = "error"
    ) -> np.ndarray:
        """Denoise spectra one by one, in the user's own units; `deeper_jax.enhance` uses a map as a whole.

        Where a network that is told the noise takes away more than noise, a narrow band say, that is given back.

        Args:
            spectra: [..., L], any real type and unit; a single spectrum, [N, L], a map [H, W, L].
            wavenumbers: [L] in cm⁻¹, the spectra's own axis, ascending or descending. None: the model's axis.
            noise: standard deviation of the noise in the spectra's unit, broadcast to [..., L]. None: estimated from
                all the spectra together. A network that is not told the noise answers the same without.
            outside: what happens to channels outside the model's range: 'error' refuses them, 'keep' passes them
                through unchanged. No channel is outside that of a model for any axis.

        Returns:
            Array of the same shape and units; float32, or float64 if the input is.

        Raises:
            InputError: wrong length, NaN or infinite values, an axis or noise that cannot be used.
        """
        return self.denoise_with_uncertainty(spectra, wavenumbers, noise=noise, outside=outside)[0]

    def denoise_with_uncertainty(
        self, spectra: Any, wavenumbers: Any = None, *, noise: Any = None, outside: str = "error"
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """As `denoise`, and the standard deviation of each value's error, of the same shape and unit.

        It is None where the network does not know it (`knows_uncertainty`), and NaN in channels that were kept.
        """
        return self._denoise(spectra, wavenumbers, noise, outside)

    def _denoise(
        self, spectra: Any, wavenumbers: Any, noise: Any, outside: str, **settings: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if outside not in OUTSIDE:
            raise InputError(
                f"outside is {outside!r}; choose 'error' or 'keep', or drop the channels first: "
                "inside = model.covers(wavenumbers)."
            )
        given = checked_values("denoise", spectra)
        if given.ndim == 0:
            raise InputError("denoise() was given a single number; it takes spectra [..., L].")
        remedy = None if outside == "keep" else ", or pass outside='keep'"
        axis = self.given_axis("denoise", wavenumbers, given.shape, remedy=remedy)
        dtype = np.float64 if given.dtype == np.float64 else np.float32
        flat = given.reshape(-1, given.shape[-1]).astype(np.float64)
        deviation = checked_noise(noise, given.shape)
        inside = np.s_[:] if axis is None else self.covers(axis)
        output, error = flat.copy(), np.full(flat.shape, np.nan)
        if len(flat):
            chosen = flat[:, inside]
            if deviation is not None:
                deviation = deviation[:, inside]
            elif self.knows_uncertainty:
                deviation = estimate_noise(chosen).std(smooth_intensity(chosen))
            answer, found = self.checked_answer(chosen, deviation, None if axis is None else axis[inside], **settings)
            output[:, inside] = answer
            if found is not None:
                error[:, inside] = found
        denoised, uncertainty = (each.reshape(given.shape).astype(dtype) for each in (output, error))
        return denoised, uncertainty if self.knows_uncertainty else None

    def on_axis(
        self, spectra: np.ndarray, noise: np.ndarray | None, axis: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """`denoise_with_uncertainty` for arrays that were checked, before calibration.

        Args:
            spectra: [N, L], float64, within the model's range.
            noise: its standard deviation, [N, L]; None only for a network that is not told it.
            axis: [L] in cm⁻¹, rising or falling; None: the model's own, or one that suits it.

        Returns:
            Denoised spectra and the standard deviation of their error or None, float64 [N, L].
        """
        raise NotImplementedError

    def checked_answer(
        self, spectra: np.ndarray, noise: np.ndarray | None, axis: np.ndarray | None, **settings: Any
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """`on_axis`, calibrated; where the noise is known, what it took away that is no noise is given back."""
        answer, error = self.on_axis(spectra, noise, axis, **settings)
        if error is None or noise is None:
            return answer, error
        # Near a high line the mean intensity, and the noise by it, is larger than in the line's flanks.
        lowest = minimum_filter1d(noise, SMOOTHING, axis=1)
        return restore_outliers(spectra, answer, self.calibrated(error, noise), lowest)[:2]

    def calibrated(self, deviation: np.ndarray, noise: Any, together: int = 1) -> np.ndarray:
        """Standard deviations of errors as held-out data show them to be; as they are where nothing is known of it."""
        return deviation

    def network_output(self, spectra: np.ndarray, wavenumbers: np.ndarray | None) -> np.ndarray:
        """The network's own answer to spectra [N, L], on the ground of its training's targets, in any scale."""
        return self.denoise(spectra, wavenumbers)

    def stream(
        self,
        wavenumbers: Any = None,
        *,
        channels: int | None = None,
        noise: float | None = None,
        longest: int = LONGEST,
    ) -> SpectrumStream:
        """Denoise a scan line by line while it runs: `stream.denoise(line)`, `stream.lines(iterable)`.

        Every spectrum is denoised by itself, as by `denoise`; how noisy they are is learnt from the lines so far, the
        first from itself. Cosmic rays are not looked for.

        Args:
            wavenumbers: [L] in cm⁻¹, as for `denoise`.
            channels: L, where `wavenumbers` is None and `warm_up` is to be called before the first line.
            noise: standard deviation of the noise in the spectra's unit, if known.
            longest: spectra in the longest line usually; longer ones take more than one call of the network.

        Raises:
            InputError: a setting that cannot be used.
        """
        return SpectrumStream(self, wavenumbers, channels=channels, noise=noise, longest=longest)


def checked_noise(noise: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """[N, L] of spectra of a shape [..., L]; None where it is not known."""
    if noise is None:
        return None
    try:
        spread = np.broadcast_to(np.asarray(noise, np.float64), shape)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"noise of shape {np.shape(noise)} does not fit spectra of shape {shape}: give a number, one a channel [L] "
            "or one a value; for one a spectrum, noise[..., None]."
        ) from error
    if not is_deviation(noise):
        raise InputError("noise takes standard deviations above 0, between 1e-30 and 1e30, in the spectra's unit.")
    return spread.reshape(-1, shape[-1])
