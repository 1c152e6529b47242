"""Deep-learning Raman imaging in JAX: denoising and hyperspectral super-resolution.

`deeper_jax.load(path)` gives a model that takes NumPy arrays; `deeper_jax.enhance(path)` takes an instrument's file.
"""

from deeper_jax.enhancement.pipeline import enhance
from deeper_jax.errors import InputError
from deeper_jax.tasks.load import load
from deeper_jax.version import __version__

__all__ = ["InputError", "__version__", "enhance", "load"]
