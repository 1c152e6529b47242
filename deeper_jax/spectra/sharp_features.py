"""Sharp features of spectra: peaks of few channels, how high they stand and how wide they are."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import grey_opening


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
    padded = np.pad(spectra, ((0, 0), (1, 1)), mode="reflect")
    highest = (spectra > padded[:, :-2]) & (spectra >= padded[:, 2:])
    row, channel = np.nonzero(highest & (excess > height * noise))
    nothing = np.zeros(len(row))
    return SharpFeatures(row, channel, nothing, nothing, nothing, noise[row, channel]).over(spectra, spectra - excess)


def height_over_surroundings(spectra: np.ndarray, window: int) -> np.ndarray:
    """What a morphological opening of `window` channels takes away, [P, L]: features that are narrower."""
    return spectra - grey_opening(spectra, (1, window), mode="nearest")
