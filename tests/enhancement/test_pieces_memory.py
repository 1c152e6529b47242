"""A real process enhances a map that is several times as large as what its memory may grow by."""

import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT
from tiny_models import spectra_of_bands

from deeper_jax.maps import raman_map, write_map

CODE = """
import resource, sys, threading, time
sys.path.insert(0, "tests")
import deeper_jax
from tiny_models import tiny_denoiser
from deeper_jax.enhancement import cosmic_rays, denoising, map_denoiser, measured_spectra, pipeline, unloaded_spectra
from deeper_jax.enhancement.report import bands, comparison, cubes, embedded_spectra, page, write_page
from deeper_jax.inference import map_restorer
from deeper_jax.maps import read_map


def let(number, *names):
    for module, name in names:
        assert hasattr(module, name), f"{module.__name__} has no {name}"
        setattr(module, name, number)


# What is bounded anyway is made small, so that a moderate map shows it.
let(0, (pipeline, "SMALL"), (comparison, "_AT_ONCE"))
let(1 << 18, *((module, "NOISE_SAMPLE") for module in (pipeline, cosmic_rays, map_denoiser)))
let(1 << 18, (bands, "_LOOKED_AT"), (page, "_ASKED"))
let(1 << 17, (denoising, "TOGETHER"), (measured_spectra, "_SLAB"))
let(1 << 17, (unloaded_spectra, "_TOGETHER"), (cubes, "_TOGETHER"))
let(64, (map_restorer, "TILE"))
let(embedded_spectra.LARGEST_PAGE - 1_000_000, (embedded_spectra, "_PAGE"))
source, folder = sys.argv[1:]
model = tiny_denoiser()


def run(data, name):
    result = deeper_jax.enhance(data, model, output=f"{folder}/{name}.h5")
    write_page(f"{folder}/{name}.html", result)


def watch(peak):
    while True:
        with open("/proc/self/statm") as file:
            peak[0] = max(peak[0], int(file.read().split()[1]) * resource.getpagesize())
        time.sleep(0.002)


data, peak = read_map(source, lazy=True), [0]
threading.Thread(target=watch, args=(peak,), daemon=True).start()
run(data[:40], "small")  # compiles, imports, and grows to what every map takes
before = peak[0]
run(data, "large")
print(data.nbytes, peak[0] - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by /proc")
def test_memory_does_not_grow_with_the_map(tmp_path):
    values, axis = spectra_of_bands(160, 200, length=400)
    write_map(raman_map(values, axis), tmp_path / "map.h5")
    del values
    command = [sys.executable, "-c", CODE, str(tmp_path / "map.h5"), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    size, grown = map(int, done.stdout.split())
    assert size == 160 * 200 * 400 * np.dtype(np.float64).itemsize
    assert grown < 0.85 * size, f"{grown / 1e6:.0f} MB more for a map of {size / 1e6:.0f} MB"
