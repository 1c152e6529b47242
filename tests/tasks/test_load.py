"""`deeper_jax.load`: what comes back, what it says of itself, and what it refuses."""

import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT
from tiny_models import fixed_denoiser, tiny_denoiser, tiny_super_resolver

import deeper_jax
from deeper_jax.errors import InputError
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.spectral_denoiser import SpectralDenoiser
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.tasks.load import load_as

AXIS = np.linspace(800.0, 989.0, 64)


def test_the_packages_own_denoiser_says_what_it_is():
    model = deeper_jax.load()
    assert type(model) is NoiseAwareDenoiser
    words = repr(model)
    parameters = sum(leaf.size for leaf in model.params["head"].values())
    assert parameters and "NoiseAwareDenoiser" in words and "any axis" in words and "denoiser.npz" in words
    assert "SIMULATED" in words and "5,000 steps" in words and "261,282" in words


def test_what_is_loaded_twice_is_two_models():
    one, two = deeper_jax.load(), deeper_jax.load()
    assert one.params is not two.params and one.record is not two.record
    one.params["head"]["bias"] = one.params["head"]["bias"] + 1
    assert not np.array_equal(deeper_jax.load().params["head"]["bias"], one.params["head"]["bias"])
    np.testing.assert_array_equal(deeper_jax.load().params["head"]["bias"], two.params["head"]["bias"])


def test_a_model_of_one_axis_names_it_and_its_data():
    model = fixed_denoiser(AXIS)
    assert "64 channels, 800-989 cm⁻¹" in repr(model) and "unknown data" in repr(model)
    model.record.update(data={"source": "data/cells", "simulated": False}, step=1200, checkpoint="runs/a/best/1200")
    assert "measured data (data/cells), 1,200 steps" in repr(model) and "runs/a/best/1200" in repr(model)
    assert "2x, raster offset 1" in repr(tiny_super_resolver(AXIS))


def test_load_as_gives_the_model_itself_or_says_that_it_is_another():
    denoiser, resolver = fixed_denoiser(AXIS), tiny_super_resolver(AXIS)
    assert load_as(denoiser, SpectralDenoiser) is load_as(denoiser, Denoiser) is denoiser
    assert type(load_as(None, SpectralDenoiser)) is NoiseAwareDenoiser
    with pytest.raises(InputError, match="The model is a super-resolver, not a denoiser"):
        load_as(resolver, SpectralDenoiser)
    with pytest.raises(InputError, match=r"denoiser.npz is a denoiser, not a super-resolver"):
        load_as(ROOT / "deeper_jax" / "pretrained" / "denoiser.npz", SuperResolver)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (5, "takes a path and was given a int"),
        (tiny_denoiser(), "takes a path and was given a NoiseAwareDenoiser"),
        ("no_such_run", "no_such_run: does not exist; give a run's directory"),
        (ROOT / "configs", "holds no complete checkpoint"),
        (ROOT / "README.md", "README.md: is a file of type '.md'.*deeper_jax.enhance takes"),
    ],
)
def test_what_is_no_model_is_one_sentence(given, sentence):
    with pytest.raises(InputError, match=sentence):
        deeper_jax.load(given)


def test_loading_and_denoising_import_nothing_heavy():
    code = (
        "import sys, numpy, deeper_jax;"
        "deeper_jax.load().denoise(numpy.ones((2, 64)) + numpy.eye(2, 64));"
        "heavy = {'tensorflow', 'tensorflow_datasets', 'torch', 'matplotlib', 'xarray', 'h5py', 'deeper_jax.data'};"
        "print(heavy & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stdout + result.stderr
