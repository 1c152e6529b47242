"""Spectra denoised while they are measured: lines of a running scan in, denoised lines out."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.inference.loaded_model import FEWEST_CHANNELS
from deeper_jax.spectra.noise import NoiseModel, estimate_noise, smooth_intensity
from deeper_jax.spectra.values import check_size, is_deviation, real_array

if TYPE_CHECKING:
    from deeper_jax.inference.spectral_denoiser import SpectralDenoiser

# Spectra that a compiled call takes; longer lines take several.
LONGEST = 64
# The noise is estimated from the latest so many spectra, anew when so many more have come in.
_REMEMBERED, _GROWTH = 256, 1.5


class SpectrumStream:
    """Denoises the spectra of one measurement as they come; made by a loaded denoiser's `stream`.

    Attributes:
        noise_model: the noise as estimated from the spectra so far, `variance = gain * intensity + floor`; None before
            the first.
        spectra: how many came so far.
    """

    def __init__(
        self,
        model: "SpectralDenoiser",
        wavenumbers: Any = None,
        *,
        channels: int | None = None,
        noise: float | None = None,
        longest: int = LONGEST,
    ) -> None:
        """See `SpectralDenoiser.stream`; `model` is the loaded denoiser."""
        self._model, self._axis = model, model.given_axis("stream", wavenumbers)
        self._length = _length(model, self._axis, channels)
        if noise is not None and (np.ndim(noise) or not is_deviation(noise)):
            raise InputError(f"noise is {noise!r}; give its standard deviation, above 0, in the spectra's unit.")
        if longest < 1 or longest != int(longest):
            raise InputError(f"longest is {longest!r}; give the spectra of the longest line, 1 or more.")
        self._given = noise
        # A power of two, of which the networks compile one program.
        self._rows = 1 << (int(longest) - 1).bit_length()
        self._latest: deque[np.ndarray] = deque()
        self._estimated_at = 0
        self.noise_model: NoiseModel | None = None
        self.spectra = 0

    def warm_up(self) -> "SpectrumStream":
        """Compile before the scan starts (seconds), so that its first line is as quick as any; returns itself."""
        length = self._length
        if length is None:
            raise InputError("warm_up() must know how long the spectra are: give stream() wavenumbers or channels.")
        # Not flat, or there would be nothing to denoise.
        spectra = 100.0 + np.sin(np.arange(length))[None].repeat(2, 0)
        self._answer(spectra, np.ones_like(spectra))
        return self

    def denoise(self, line: Any) -> np.ndarray:
        """Denoise a line.

        Args:
            line: [n, L] or one spectrum [L], any real type and unit, n any number; spectra that are NaN or of one value
                throughout were not measured.

        Returns:
            The same shape and unit, float64; what was not measured is NaN.

        Raises:
            InputError: another shape, or spectra with single channels missing.
        """
        return self.denoise_with_uncertainty(line)[0]

    def denoise_with_uncertainty(self, line: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """As `denoise`, and the standard deviation of the error of each value; None if the network knows none."""
        line = real_array("denoise", line)
        spectra, measured = self._checked(line)
        if self._length is None:
            self._length = spectra.shape[1]
        clean = np.full(spectra.shape, np.nan)
        error = clean.copy() if self._model.knows_uncertainty else None
        if measured.any():
            self._learn(spectra[measured])
            answer, deviation = self._answer(spectra[measured], self._noise(spectra[measured]))
            clean[measured] = answer
            if error is not None:
                error[measured] = deviation
        return clean.reshape(line.shape), None if error is None else error.reshape(line.shape)

    def lines(self, lines: Iterable[Any]) -> Iterator[np.ndarray]:
        """Denoise one line after another as an iterable brings them, `[n, L]` each."""
        for line in lines:
            yield self.denoise(line)

    def _checked(self, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if line.ndim not in (1, 2):
            raise InputError(f"denoise() was given an array of shape {line.shape}; it takes lines [n, L].")
        spectra = line.reshape(-1, line.shape[-1]).astype(np.float64)
        length = self._length or spectra.shape[1]
        if spectra.shape[1] != length or length < FEWEST_CHANNELS:
            expected = length if length >= FEWEST_CHANNELS else f"{FEWEST_CHANNELS} or more"
            raise InputError(f"denoise() was given spectra of {spectra.shape[1]} channels; this stream has {expected}.")
        measured = ~(np.isnan(spectra).all(1) | (spectra == spectra[:, :1]).all(1))
        if not np.isfinite(spectra[measured]).all():
            raise InputError("denoise() was given spectra with single NaN or infinite channels: interpolate these.")
        check_size("denoise()", spectra[measured])
        return spectra, measured

    def _learn(self, spectra: np.ndarray) -> None:
        """Keep the latest spectra and estimate their noise, less and less often as more are known."""
        self.spectra += len(spectra)
        if self._given is not None:
            return
        self._latest.append(spectra[-_REMEMBERED:])
        while sum(map(len, self._latest)) - len(self._latest[0]) >= _REMEMBERED:
            self._latest.popleft()
        due = min(_GROWTH * self._estimated_at, self._estimated_at + _REMEMBERED)
        if self.noise_model is None or self.spectra >= due:
            self.noise_model = estimate_noise(np.concatenate(self._latest)[-_REMEMBERED:])
            self._estimated_at = self.spectra

    def _noise(self, spectra: np.ndarray) -> np.ndarray:
        if self._given is not None:
            return np.full(spectra.shape, self._given)
        assert self.noise_model is not None
        return self.noise_model.std(smooth_intensity(spectra))

    def _answer(self, spectra: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Denoised spectra and their errors, [n, L] each, always by calls of the same number of spectra."""
        parts = []
        for start in range(0, len(spectra), self._rows):
            part = slice(start, start + self._rows)
            count = len(spectra[part])
            padding = ((0, self._rows - count), (0, 0))
            padded = [np.pad(each[part], padding, mode="edge") for each in (spectra, noise)]
            answer, error = self._model.checked_answer(padded[0], padded[1], self._axis)
            error = np.full(answer.shape, np.nan) if error is None else error
            parts.append((answer[:count], error[:count]))
        return np.concatenate([answer for answer, _ in parts]), np.concatenate([error for _, error in parts])


def _length(model: "SpectralDenoiser", axis: np.ndarray | None, channels: int | None) -> int | None:
    """How long the spectra are, None where only the first will tell."""
    known = {len(axis)} if axis is not None else set() if model.any_axis else {model.length}
    if channels is not None:
        known.add(channels)
    if len(known) > 1:
        raise InputError(f"stream() was told of spectra of {' and '.join(map(str, sorted(known)))} channels; give one.")
    return known.pop() if known else None
