"""Network architectures, one a file."""

from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.resunet1d import ResUNet1D

__all__ = ["HyRISR", "ResUNet1D"]
