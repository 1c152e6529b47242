"""Peaks of a spectrum, as `scipy.signal` finds them, whose import would take longer than many a map."""

from typing import NamedTuple

import numpy as np


class Peaks(NamedTuple):
    """P peaks of one spectrum, in the order of its channels.

    Attributes:
        channel: [P] of their highest points; of a flat top that of the middle.
        prominence: [P], how far they stand above the higher of the two lowest points between them and what is higher
            on each side, or the end.
        left, right: [P] where they stand at half their prominence, in channels and fractions of these.
    """

    channel: np.ndarray
    prominence: np.ndarray
    left: np.ndarray
    right: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """[P] at half the prominence, channels."""
        return self.right - self.left


def peaks_of(spectrum: np.ndarray) -> Peaks:
    """All peaks of a spectrum [L] of finite numbers; none at its ends."""
    channels = _highest_points(spectrum)
    found = np.array([_measured(spectrum, channel) for channel in channels]).reshape(-1, 3)
    return Peaks(channels, *found.T)


def _highest_points(spectrum: np.ndarray) -> np.ndarray:
    """Channels that are higher than those beside; of equal ones beside each other, the middle."""
    starts = np.flatnonzero(np.diff(spectrum, prepend=np.nan) != 0)
    stops = np.append(starts[1:], len(spectrum))
    heights = spectrum[starts]
    higher = np.zeros(len(starts), bool)
    higher[1:-1] = (heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])
    return (starts[higher] + stops[higher] - 1) // 2


def _measured(spectrum: np.ndarray, channel: int) -> tuple[float, float, float]:
    """Prominence of a peak, and its left and right end at half of that."""
    # Each side as it goes away from the peak, up to what is higher.
    sides = [_up_to_higher(side) for side in (spectrum[channel::-1], spectrum[channel:])]
    prominence = spectrum[channel] - max(side.min() for side in sides)
    height = spectrum[channel] - 0.5 * prominence
    (left, less), (right, fewer) = (_reach(side[: side.argmin() + 1], height) for side in sides)
    return prominence, channel - left + less, channel + right - fewer


def _up_to_higher(side: np.ndarray) -> np.ndarray:
    higher = side > side[0]
    return side[: higher.argmax()] if higher.any() else side


def _reach(side: np.ndarray, height: float) -> tuple[int, float]:
    """How many channels along a side it has fallen to a height, which it does, and what part of one it is too far."""
    last = int((side <= height).argmax())
    return last, (height - side[last]) / (side[last - 1] - side[last]) if side[last] < height else 0.0
