"""The estimate of a map's spectra in the way that the model allows: all together, one by one, or on a fixed axis."""

import functools
import logging
from collections.abc import Callable, Mapping

import numpy as np

from deeper_jax.enhancement.checked_spectra import TOGETHER
from deeper_jax.enhancement.map_denoiser import Calibrations, Estimate, FittedMap, alone, fit_map, with_exceptions
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.options import EnhanceOptions
from deeper_jax.enhancement.progress import Progress, progress_bar
from deeper_jax.enhancement.score_images import Restore
from deeper_jax.enhancement.uncertainty import DRAWS, parametric_bootstrap
from deeper_jax.inference.spectral_denoiser import SpectralDenoiser
from deeper_jax.spectra.noise import NoiseModel, smooth_intensity

# Spectra between two steps of the bar: whole batches of the networks.
_PART = 1024
_log = logging.getLogger(__name__)


class Denoising:
    """The estimate of a map's spectra, by consecutive rows.

    Attributes:
        fitted: what the spectra have in common, where that was looked for and found.
        use_map: whether it was looked for.
    """

    def __init__(
        self,
        model: SpectralDenoiser,
        restorers: Mapping[str, Restore],
        spectra: MeasuredSpectra,
        noise_model: NoiseModel,
        axis: np.ndarray,
        prepare: Callable[[int], None] | None = None,
    ) -> None:
        self._model, self._restorers, self._spectra = model, restorers, spectra
        self._noise_model, self._axis, self._prepare = noise_model, axis, prepare
        self.fitted: FittedMap | None = None
        self._as_precise: FittedMap | None = None
        self.use_map = False
        together = functools.partial(model.calibrated, together=len(spectra))
        self._calibrations = Calibrations(together, model.calibrated)
        self._by_itself: Estimate | None = None

    def begin(self, options: EnhanceOptions) -> None:
        """Find out what takes all spectra."""
        count = f"{len(self._spectra):,} {'spectrum' if len(self._spectra) == 1 else 'spectra'}"
        _log.info("denoising %s of %d channels", count, len(self._axis))
        self.use_map = options.use_map and self._model.knows_uncertainty
        if not self._model.knows_uncertainty:
            every = self._spectra.rows(slice(0, len(self._spectra)))
            self._by_itself = _by_fixed_axis(self._model, every, self._noise_model, self._axis, options.progress)
        elif self.use_map:
            self.fitted = fit_map(self._spectra, self._noise_model, self._network, self._restorers, self._prepare)
        # What is read as float32 is handed out so, and may be looked at so in half of the time.
        self._as_precise = self.fitted and self.fitted.in_precision(self._spectra.precision)

    @property
    def together(self) -> int:
        """Spectra that are best estimated together: whole batches of the network where it sees all."""
        return TOGETHER // self._spectra.shape[1] if self.fitted else _PART

    def estimate(self, rows: slice) -> tuple[Estimate, np.ndarray]:
        """Of these rows, with calibrated deviations; and the spectra [n, L] by what is common to all.

        In the precision of the spectra.
        """
        precision = self._spectra.precision
        if self._as_precise is not None:
            common = self._as_precise.estimate(rows)
            spectra = self._spectra.rows(rows, precision)
            return with_exceptions(spectra, common, self._network, self._calibrations), common.spectra
        if self._by_itself is not None:
            by_itself = Estimate(*(each[rows] for each in self._by_itself))
        else:
            by_itself = alone(self._spectra.rows(rows), self._noise_model, self._network)
        found = Estimate(*(each.astype(precision) for each in by_itself))
        return found._replace(std=self._model.calibrated(found.std, found.noise)), found.spectra

    def _network(self, spectra: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answer, error = self._model.on_axis(spectra, std, self._axis)
        assert error is not None
        return answer, error


def _by_fixed_axis(
    model: SpectralDenoiser, spectra: np.ndarray, noise_model: NoiseModel, axis: np.ndarray, progress: Progress
) -> Estimate:
    noise = noise_model.std(smooth_intensity(spectra))
    with progress_bar((1 + DRAWS) * len(spectra), progress) as bar:

        def denoise(noisy: np.ndarray) -> np.ndarray:
            answer = np.empty(noisy.shape)
            for rows in _parts(len(noisy)):
                answer[rows] = model.denoise(noisy[rows], axis, outside="keep")
                bar.update(len(answer[rows]))
            return answer

        answer = denoise(spectra)
        return Estimate(answer, parametric_bootstrap(denoise, answer, noise), noise)


def _parts(total: int) -> list[slice]:
    return [slice(start, start + _PART) for start in range(0, total, _PART)]
