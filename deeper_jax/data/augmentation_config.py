"""What training augmentation of spectra draws, for either way of feeding it."""

from dataclasses import dataclass


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
