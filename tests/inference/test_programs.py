"""Few compiled programs whatever the shapes, and the same answers as of a program for each shape."""

import functools
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from tiny_models import spectra_of_bands, tiny_denoiser, tiny_super_resolver

from deeper_jax.inference import programs
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.programs import padded_size
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.noise_aware_unet import NoiseAwareUNet


def test_padded_sizes_are_few_and_near():
    for multiple in (8, 16):
        sizes = {padded_size(size, multiple) for size in range(1, 2049)}
        assert len(sizes) < 32 and not [size for size in sizes if size % multiple]
        assert all(size <= padded_size(size, multiple) <= max(1.25 * size, size + multiple) for size in range(1, 2049))


@pytest.mark.parametrize(("length", "beyond"), [(48, 80), (208, 16)])
def test_a_spectrum_that_is_padded_gets_the_answer_that_it_gets_alone(length, beyond):
    module = NoiseAwareUNet(length=64, width=4, rngs=nnx.Rngs(0))
    module.head.kernel[...] = np.random.default_rng(0).normal(size=module.head.kernel[...].shape).astype(np.float32)
    spectra, _ = spectra_of_bands(2, length=length)
    pair = np.stack([spectra - 100, np.full(spectra.shape, 2.0)], 1).astype(np.float32)
    network = jax.jit(lambda *inputs: module(*inputs))
    expected = np.asarray(network(pair))
    padded = np.pad(pair, ((0, 0), (0, 0), (0, beyond)), mode="edge")
    found = np.asarray(network(padded, np.int32(length)))[..., :length]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("padding", ["zeros", "edge"])
@pytest.mark.parametrize("scale", [2, 4])
def test_an_image_that_is_padded_gets_the_answer_that_it_gets_alone(padding, scale):
    sizes = {"width": 8, "groups": 1, "blocks": 2, "reduction": 2, "padding": padding}
    module = HyRISR(scale=scale, length=12, **sizes, rngs=nnx.Rngs(0))
    image = np.random.default_rng(0).random((1, 5, 11, 12)).astype(np.float32)
    network = jax.jit(lambda *inputs: module(*inputs))
    expected = np.asarray(network(image))
    padded = np.pad(image, ((0, 0), (0, 3), (0, 5), (0, 0)))
    found = np.asarray(network(padded, np.int32(5), np.int32(11)))[:, : 5 * scale, : 11 * scale]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def live_programs() -> int:
    return len(jax.devices()[0].client.live_executables())


def mappings() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells the mappings")
def test_of_dozens_of_shapes_few_programs_stay(monkeypatch):
    monkeypatch.setattr(programs, "compiled", functools.lru_cache(4)(programs.compiled.__wrapped__))
    model, resolver = tiny_denoiser(), tiny_super_resolver(np.linspace(800, 989, 12))
    rng = np.random.default_rng(0)

    def every_shape():
        for count, length in enumerate(range(33, 113, 4), 1):
            model.denoise(rng.normal(size=(count, length)), noise=1.0)
        for height in range(2, 15, 3):
            for width in range(2, 15, 3):
                resolver.super_resolve(rng.random((height, width, 12)))

    before = live_programs()
    every_shape()
    assert live_programs() <= before + 4
    once = mappings()
    every_shape()
    assert live_programs() <= before + 4 and mappings() <= once + 50


def test_networks_alike_share_programs_and_each_answers_with_its_own_weights():
    spectra, _ = spectra_of_bands(5)
    one, other = tiny_denoiser(random=False), tiny_denoiser()
    np.testing.assert_allclose(one.denoise(spectra, noise=2.0), spectra, rtol=1e-5)
    misses = programs.compiled.cache_info().misses
    shared = other.denoise(spectra, noise=2.0)
    assert programs.compiled.cache_info().misses == misses
    programs.compiled.cache_clear()
    np.testing.assert_array_equal(other.denoise(spectra, noise=2.0), shared)
    assert np.abs(shared - spectra).max() > 1
    # Of another width: the same shape of input, another program.
    wide = NoiseAwareDenoiser(NoiseAwareUNet(length=64, width=6, rngs=nnx.Rngs(0)), {})
    np.testing.assert_allclose(wide.denoise(spectra, noise=2.0), spectra, rtol=1e-5)
