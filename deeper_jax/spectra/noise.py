"""How noisy a measurement is, estimated from the measurement itself."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.optimize import nnls

from deeper_jax.errors import InputError
from deeper_jax.spectra.sharp_features import height_over_surroundings, sharp_features

# Fourth differences: a band three channels wide all but vanishes in them, white noise does not.
_DIFFERENCES = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / np.sqrt(70.0)
_MEDIAN_OF_SQUARE = 0.4549  # median of the chi-square distribution with one degree of freedom
# Differences beyond so many standard deviations are of cosmic rays and sharp bands; below lies this much variance.
_CLIP, _VARIANCE_BELOW = 4.0, 0.9989
_TRUSTED = 1.3
_BINS = 24
_FEW = 24  # spectra
# Numbers of a large map that its noise is estimated from: two thousandths of its variance are left to chance.
NOISE_SAMPLE = 1 << 20
_LINE_HEIGHT, _LINE_WIDTH = 10.0, 3.2  # standard deviations, channels
SMOOTHING = 9  # channels over which the expected intensity is taken
# Noise is never taken to be less than this share of a spectrum's range: numbers in files are rounded.
_SMALLEST_SHARE = 1e-5


class NoiseModel(NamedTuple):
    """Variance of a channel as a function of its expected intensity: `gain * intensity + floor`, `least` at least.

    Attributes:
        gain: variance per intensity, of shot noise; the unit of the spectra.
        floor: variance at intensity 0, of reading out; that unit squared. Negative where the spectra stand on an
            offset that makes no noise.
        least: smallest variance, above 0.
    """

    gain: float
    floor: float
    least: float

    def std(self, expected: np.ndarray) -> np.ndarray:
        """Standard deviation of the noise where `expected` is expected, of the same shape."""
        return np.sqrt(np.maximum(self.gain * expected + self.floor, self.least))

    def scaled(self, factor: float) -> "NoiseModel":
        """The model with a variance `factor` times as large."""
        return NoiseModel(self.gain * factor, self.floor * factor, self.least * factor)


def estimate_noise(spectra: np.ndarray, *, without_lines: bool | None = None) -> NoiseModel:
    """Fit shot and read noise to what is rough in the spectra.

    A line of one or two channels is rough too. In a few spectra it would raise the noise of all high intensities, so
    a second fit leaves out what surrounds lines that are far above the noise by the first.

    The fourth differences along each spectrum are all but free of its bands. Their robust variance in bins of
    equal numbers of channels, ordered by the smoothed intensity, is fitted by a line that does not fall.

    Args:
        spectra: [N, L] of one measurement, any unit, L at least 16, all finite.
        without_lines: whether to fit twice; None: if there are fewer than 24 spectra.

    Raises:
        InputError: another shape.
    """
    rough = _rough(spectra)
    model = _fit(rough.squares.ravel(), rough.expected.ravel(), rough.spectra)
    twice = without_lines if without_lines is not None else len(spectra) < _FEW
    return _without_lines(rough, model) if twice else model


def noise_by_both_fits(spectra: np.ndarray) -> list[NoiseModel]:
    """What `estimate_noise` says of spectra [N, L] by one fit and by two, for little more than one of them takes."""
    rough = _rough(spectra)
    model = _fit(rough.squares.ravel(), rough.expected.ravel(), rough.spectra)
    second = _without_lines(rough, model)
    return [second if len(spectra) < _FEW else model, second]


class _Rough(NamedTuple):
    """Spectra [N, L], and of all but two channels at each end the squared fourth differences and the intensity."""

    spectra: np.ndarray
    squares: np.ndarray
    expected: np.ndarray


def _rough(spectra: np.ndarray) -> _Rough:
    spectra = np.asarray(spectra, np.float64)
    if spectra.ndim != 2 or spectra.shape[1] < 16 or not len(spectra):
        raise InputError(f"Noise is estimated from spectra [N, L] of 16 channels or more; found {spectra.shape}.")
    expected = uniform_filter1d(spectra, SMOOTHING, axis=1)[:, 2:-2]
    return _Rough(spectra, fourth_differences(spectra) ** 2, expected)


def _without_lines(rough: _Rough, model: NoiseModel) -> NoiseModel:
    """The second fit."""
    spectra = rough.spectra
    excess = height_over_surroundings(spectra, SMOOTHING)
    lines = sharp_features(spectra, excess, model.std(spectra - excess), _LINE_HEIGHT)
    lines = lines.of(lines.narrower(_LINE_WIDTH))
    near = np.zeros(spectra.shape, bool)
    near[lines.row, lines.channel] = True
    rows = np.unique(lines.row)
    near[rows] = maximum_filter1d(near[rows], 2 * SMOOTHING - 1, axis=1)
    calm = ~near[:, 2:-2]
    if len(rows) and calm.mean() > 0.5:
        return _fit(rough.squares[calm], rough.expected[calm], spectra)
    return model


def _fit(squares: np.ndarray, expected: np.ndarray, spectra: np.ndarray) -> NoiseModel:
    order = np.argsort(expected)
    parts = np.array_split(order, min(_BINS, max(2, order.size // 60)))
    variance = np.array([_robust_mean(squares[part]) for part in parts])
    level = np.array([expected[part].mean() for part in parts])
    return _line(level, variance, _smallest_variance(spectra))


def fourth_differences(spectra: np.ndarray) -> np.ndarray:
    """[N, L] to [N, L - 4], scaled so that white noise keeps its variance."""
    length = spectra.shape[1] - 4
    return sum(weight * spectra[:, i : i + length] for i, weight in enumerate(_DIFFERENCES))


def _robust_mean(squares: np.ndarray) -> float:
    """Mean of the squares of normal numbers, some of which are not noise."""
    by_median = float(np.median(squares)) / _MEDIAN_OF_SQUARE
    mean = float(squares[squares <= _CLIP**2 * by_median].mean()) / _VARIANCE_BELOW
    # The median is less exact, but sharp bands of a clean map raise it less.
    return mean if mean < _TRUSTED * by_median else by_median


def _line(level: np.ndarray, variance: np.ndarray, smallest: float) -> NoiseModel:
    """Relative least squares of `gain * level + floor` with `gain` 0 or more."""
    weight = 1.0 / np.maximum(variance, smallest)
    lowest, reach = float(level.min()), max(float(np.ptp(level)), 1e-300)
    columns = np.stack([(level - lowest) / reach, np.ones_like(level)], axis=1)
    (gain, at_lowest), _ = nnls(columns * weight[:, None], variance * weight)
    gain = float(gain) / reach
    least = max(0.25 * float(variance.min()), smallest)
    return NoiseModel(gain, float(at_lowest) - gain * lowest, least)


def _smallest_variance(spectra: np.ndarray) -> float:
    reach = float(np.ptp(spectra)) or max(float(np.abs(spectra).max()), 1.0)
    return (_SMALLEST_SHARE * reach) ** 2


def smooth_intensity(spectra: np.ndarray) -> np.ndarray:
    """What is expected in each channel as far as noise needs to know, `[N, L]`: the mean over nine channels.

    float32 for spectra in float32, float64 for any others.
    """
    spectra = np.asarray(spectra)
    dtype = np.float32 if spectra.dtype == np.float32 else np.float64
    return uniform_filter1d(spectra.astype(dtype, copy=False), SMOOTHING, axis=-1)
