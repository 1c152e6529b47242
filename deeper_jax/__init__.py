"""Deep-learning Raman imaging in JAX: denoising and hyperspectral super-resolution."""

__version__ = "0.1.0"
