"""What training augmentation draws, whichever way it is applied: on the host or on the device.

Both ways take the same settings and the same draws, and do the same with them; only the random numbers differ. On
the host spectra are augmented by TensorFlow (`spectra_pipeline`) and images by NumPy (`image_augmentation`), on the
device both by JAX (`device_augmentation`).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class AugmentationConfig:
    """What is drawn for each example.

    shift: largest spectral shift as a share of the length, in [0, 0.5). flip: reverse the spectral axis of
    half the examples. mixup: probability of mixing with a second example. mixup_alpha: its weight follows
    Beta(mixup_alpha, mixup_alpha). Paper: 0.1, off, 0.5, 0.2.
    """

    shift: float = 0.1
    flip: bool = False
    mixup: float = 0.5
    mixup_alpha: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.shift < 0.5:
            raise ValueError(f"shift: found {self.shift}, expected 0 <= shift < 0.5")
        if not 0 <= self.mixup <= 1 or self.mixup_alpha <= 0:
            raise ValueError(f"mixup {self.mixup} must lie in [0, 1], mixup_alpha {self.mixup_alpha} above 0")

    def largest_shift(self, length: int) -> int:
        """The largest shift in channels for spectra of `length` channels."""
        return round(self.shift * length)


class Draws(NamedTuple):
    """The random numbers of B examples, arrays [B] (or [steps, B] for an epoch) of TensorFlow or of JAX.

    Attributes:
        index: row of the example.
        partner: row mixed in (the example itself without mixup).
        shift: channels.
        weight: share of the example in the mixture, float32 in [0, 1], 1 without mixup.
        flip: bool.
    """

    index: Any
    partner: Any
    shift: Any
    weight: Any
    flip: Any


def padded_pairs(noisy: np.ndarray, target: np.ndarray, largest_shift: int) -> np.ndarray:
    """Pairs with m = `largest_shift` reflected channels at either end of each spectrum: [N, 2, L + 2m].

    A shifted spectrum is then a window of its padded row, copied in one piece. Reflection does not repeat the
    edge channel.
    """
    length = noisy.shape[1]
    padded = np.empty((len(noisy), 2, length + 2 * largest_shift), np.float32)
    middle = slice(largest_shift, largest_shift + length)
    padded[:, 0, middle], padded[:, 1, middle] = noisy, target
    padded[:, :, :largest_shift] = padded[:, :, largest_shift + 1 : 2 * largest_shift + 1][:, :, ::-1]
    end = largest_shift + length
    padded[:, :, end:] = padded[:, :, end - largest_shift - 1 : end - 1][:, :, ::-1]
    return padded


@dataclass(frozen=True)
class ImageAugmentationConfig:
    """What is drawn for each image.

    mixup: probability of mixing with a second image. mixup_alpha: its weight follows
    Beta(mixup_alpha, mixup_alpha). horizontal_flip, vertical_flip: probabilities of reversing the columns and
    the lines. rotate: turn by 0, 90, 180 or 270 degrees. shift: largest spectral shift as a share of the
    length, in [0, 0.5). spectral_flip: probability of reversing the spectral axis; the paper's 0.5 is gated
    twice in the released code, which leaves 0.25.
    """

    mixup: float = 0.5
    mixup_alpha: float = 0.2
    horizontal_flip: float = 0.5
    vertical_flip: float = 0.5
    rotate: bool = True
    shift: float = 0.1
    spectral_flip: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.shift < 0.5 or self.mixup_alpha <= 0:
            raise ValueError(f"shift {self.shift} must lie in [0, 0.5), mixup_alpha {self.mixup_alpha} above 0")
        for name in ("mixup", "horizontal_flip", "vertical_flip", "spectral_flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: found {getattr(self, name)}, expected a probability")


class ImageDraws(NamedTuple):
    """The random numbers of images, arrays [...] or [..., 2] of NumPy or of JAX.

    The last axis of two is the image and its partner in the mixture.

    Attributes:
        rows: [..., 2], index of the image and of its partner (the image itself without mixup).
        weight: share of the image in the mixture, 1 without mixup.
        position: [..., 2, 2] of [0, 1), where the crop lies in the room that the image leaves it, down and across.
        horizontal, vertical, spectral: [..., 2] bool, whether flipped.
        turns: [..., 2], quarter turns, 0 to 3.
        shift: channels.
        raster_offset: first sampled pixel.
    """

    rows: Any
    weight: Any
    position: Any
    horizontal: Any
    vertical: Any
    turns: Any
    shift: Any
    spectral: Any
    raster_offset: Any
