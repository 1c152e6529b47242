"""A noisy map denoised and brought to four times the resolution by both full networks: seconds a map, once warm.

    python -m benchmarks.latency [--side=16,64] [--groups=18] [--blocks=6] [--repeats=20]

ResUNet1D of width 64, then HyRISR 4x, with random weights (the time does not depend on them), as one compiled
program; bfloat16 on a GPU, float32 on a CPU. Timed with the map in the device's memory before and after, and as NumPy
arrays in and out.
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.speed import set_up
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.resunet1d import ResUNet1D

LENGTH = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", default="16,64", help="pixels of the noisy map's sides (default: %(default)s)")
    parser.add_argument("--groups", type=int, default=18)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    on_gpu = set_up()
    dtype = jnp.bfloat16 if on_gpu else jnp.float32
    denoiser = FunctionalModel(ResUNet1D(LENGTH, 64, dtype=dtype, rngs=nnx.Rngs(0)))
    size = {"groups": options.groups, "blocks": options.blocks}
    resolver = FunctionalModel(HyRISR(4, **size, dtype=dtype, rngs=nnx.Rngs(1)))
    weights = jax.device_put(((denoiser.params, denoiser.stats), (resolver.params, resolver.stats)))

    @jax.jit
    def chain(weights, noisy):
        spectra = noisy.reshape(-1, LENGTH)
        spectra = spectra / spectra.max(1, keepdims=True)
        clean = denoiser.evaluate(*weights[0], spectra).reshape(noisy.shape)
        return resolver.evaluate(*weights[1], (clean / clean.max())[None])[0]

    print(
        f"{jax.devices()[0].device_kind}, {jnp.dtype(dtype).name}, HyRISR {options.groups} x {options.blocks}; "
        "ms, median (longest)"
    )
    print("| map | in the device's memory | arrays in and out |\n| --- | --- | --- |")
    for side in map(int, options.side.split(",")):
        noisy = np.random.default_rng(0).uniform(1, 10, (side, side, LENGTH)).astype(np.float32)
        held = jax.device_put(noisy)
        inside = timed(lambda held=held: jax.block_until_ready(chain(weights, held)), options.repeats)
        whole = timed(lambda noisy=noisy: np.asarray(chain(weights, noisy)), options.repeats)
        print(f"| {side} x {side} to {4 * side} x {4 * side} | {inside} | {whole} |", flush=True)


def timed(function, repeats: int) -> str:
    """Median and longest of `repeats` calls after a first one, in ms."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(1e3 * (time.perf_counter() - start))
    return f"{statistics.median(times):.1f} ({max(times):.1f})"


if __name__ == "__main__":
    main()
