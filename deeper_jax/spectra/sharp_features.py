"""Sharp features of spectra: peaks of few channels, how high they stand and how wide they are."""

from typing import NamedTuple

import numpy as np


class SharpFeatures(NamedTuple):
    """Peaks over their surroundings, [N] each.

    Attributes:
        row: which spectrum.
        channel: the highest of the peak.
        height: there, over the surroundings.
        lower, higher: heights of the two channels beside it, the lower and the higher one, 0 or more.
        noise: standard deviation of a channel.
    """

    row: np.ndarray
    channel: np.ndarray
    height: np.ndarray
    lower: np.ndarray
    higher: np.ndarray
    noise: np.ndarray

    def narrower(self, width: float, margin: float = 0.0) -> np.ndarray:
        """Which are narrower than a band of `width` channels at half its height, by `margin` deviations of noise.

        The neighbours of a Gaussian's highest channel have the same product wherever between the channels it lies.
        """
        product = np.exp(-8 * np.log(2) / width**2)
        return (self.lower + margin * self.noise) * self.higher < product * self.height**2

    def over(self, spectra: np.ndarray, surroundings: np.ndarray) -> "SharpFeatures":
        """The same peaks of spectra, with their heights over other surroundings; [P, L] both."""
        row, channel, last = self.row, self.channel, spectra.shape[1] - 1
        base = surroundings[row, channel]
        # At an end the one neighbour stands for both.
        before = spectra[row, np.where(channel > 0, channel - 1, 1)] - base
        after = spectra[row, np.where(channel < last, channel + 1, last - 1)] - base
        lower, higher = np.maximum(np.minimum(before, after), 0.0), np.maximum(np.maximum(before, after), 0.0)
        return SharpFeatures(row, channel, spectra[row, channel] - base, lower, higher, self.noise)

    def of(self, which: np.ndarray) -> "SharpFeatures":
        """Some of them, by a mask or by indices."""
        return SharpFeatures(*(values[which] for values in self))


def sharp_features(spectra: np.ndarray, excess: np.ndarray, noise: np.ndarray, height: float) -> SharpFeatures:
    """Local maxima whose `excess` over their surroundings is above `height` deviations of the noise; [P, L] all."""
    row, channel = np.nonzero(excess > height * noise)
    last = spectra.shape[1] - 1
    value = spectra[row, channel]
    # At an end the one neighbour stands for both.
    before = spectra[row, np.where(channel > 0, channel - 1, 1)]
    after = spectra[row, np.where(channel < last, channel + 1, last - 1)]
    highest = (value > before) & (value >= after)
    row, channel = row[highest], channel[highest]
    nothing = np.zeros(len(row))
    return SharpFeatures(row, channel, nothing, nothing, nothing, noise[row, channel]).over(spectra, spectra - excess)


def height_over_surroundings(spectra: np.ndarray, window: int) -> np.ndarray:
    """What a morphological opening of `window` channels takes away, [P, L]: features that are narrower."""
    return spectra - _extreme(_extreme(spectra, window, np.minimum), window, np.maximum)


def _extreme(spectra: np.ndarray, window: int, which: np.ufunc) -> np.ndarray:
    """The minimum or maximum over an odd number of channels, [P, L]; the ends are repeated.

    By doubling: of pairs, of pairs of these and so on, which is several times as fast as SciPy's filters.
    """
    half = window // 2
    ends = np.repeat(spectra[:, :1], half, 1), np.repeat(spectra[:, -1:], half, 1)
    found, width = np.concatenate([ends[0], spectra, ends[1]], 1), 1
    while 2 * width <= window:
        found = which(found[:, :-width], found[:, width:])
        width *= 2
    rest = window - width
    return which(found[:, :-rest], found[:, rest:]) if rest else found
