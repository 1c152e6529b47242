"""Untrained models, small enough for tests of what lies around them."""

import numpy as np
from flax import nnx

from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.initial_upsampler import start_as_interpolation
from deeper_jax.models.map_restorer import MapRestorer
from deeper_jax.models.noise_aware_unet import NoiseAwareUNet
from deeper_jax.models.resunet1d import ResUNet1D

CONFIG = {
    "task": "noise_aware_denoising",
    "seed": 0,
    "model": {"name": "noise_aware_unet", "length": 64, "width": 4, "dtype": "float32"},
}


def tiny_denoiser(*, random: bool = True) -> NoiseAwareDenoiser:
    """Any axis; answers with the input itself and its noise, or (`random`) with something else that depends on both."""
    module = NoiseAwareUNet(length=64, width=4, rngs=nnx.Rngs(0))
    if random:
        shape = module.head.kernel[...].shape
        module.head.kernel[...] = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return NoiseAwareDenoiser(module, {"config": CONFIG, "step": 7, "versions": {"deeper_jax": "0"}})


def tiny_restorer() -> LoadedMapRestorer:
    """Any map; answers with the Wiener estimate."""
    config = {"task": "map_restoration", "seed": 0, "model": {"name": "map_restorer", "width": 2, "dtype": "float32"}}
    return LoadedMapRestorer(MapRestorer(2, rngs=nnx.Rngs(0)), {"config": config, "step": 7, "versions": {}})


def fixed_denoiser(axis: np.ndarray):
    """A denoiser of one axis, random weights; its length is a multiple of 16."""
    from deeper_jax.inference.denoiser import Denoiser

    module = ResUNet1D(length=len(axis), width=4, batch_norm=False, rngs=nnx.Rngs(0))
    return Denoiser(module, {"wavenumbers": axis.tolist(), "config": {"seed": 0}})


def tiny_super_resolver(axis: np.ndarray, scale: int = 2, raster_offset: int = 1) -> SuperResolver:
    """Linear interpolation between the pixels, which it passes through."""
    sizes = {"width": 4, "groups": 1, "blocks": 1, "reduction": 2, "padding": "edge"}
    module = HyRISR(scale=scale, length=len(axis), **sizes, rngs=nnx.Rngs(0))
    start_as_interpolation(module, raster_offset)
    return SuperResolver(module, {"wavenumbers": axis.tolist(), "raster_offset": raster_offset})


def spectra_of_bands(*shape: int, length: int = 64, noise: float = 2.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two substances that change over the map, with white noise: [*shape, L] and the axis [L]."""
    generator = np.random.default_rng(seed)
    axis = np.linspace(800.0, 800.0 + 3.0 * (length - 1), length)
    place = np.linspace(0, 1, int(np.prod(shape, dtype=int))).reshape((*shape, 1))
    bands = [np.exp(-(((axis - centre) / 9.0) ** 2)) for centre in (axis[length // 4], axis[2 * length // 3])]
    clean = 100 + 60 * place * bands[0] + 40 * (1 - place) * bands[1]
    return clean + noise * generator.normal(size=clean.shape), axis
