"""Deep-learning Raman imaging in JAX: denoising and hyperspectral super-resolution.

`deeper_jax.load(path)` gives a model that takes NumPy arrays; `deeper_jax.enhance(path)` takes an instrument's file.
"""

from deeper_jax.api import load
from deeper_jax.enhance import enhance
from deeper_jax.errors import InputError
from deeper_jax.version import __version__

__all__ = ["InputError", "__version__", "enhance", "load"]
