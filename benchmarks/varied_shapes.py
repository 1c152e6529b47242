"""Maps of ever other sizes and lengths in one process: what it keeps of memory, mappings and compiled programs.

    python -m benchmarks.varied_shapes [--denoise=1000] [--maps=1000] [--super=1000]

Spectra of 32 to 1500 channels and 1 to 200 of them, maps of 2 x 2 to 12 x 12 pixels, grids of 2 x 2 to 40 x 40; the
package's own denoiser and a narrow, untrained super-resolver. A process may map 65,530 areas of memory and crashes
beyond; a compiled program takes 100 to 200 of them.
"""

import argparse
import resource
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from flax import nnx

import deeper_jax
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.maps import raman_map
from deeper_jax.models.hyrisr import HyRISR

_GRID = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--denoise", type=int, default=1000, help="calls of denoise")
    parser.add_argument("--maps", type=int, default=1000, help="maps through enhance")
    parser.add_argument("--super", type=int, default=1000, help="maps super-resolved")
    options = parser.parse_args()
    counts = dict(
        zip(("`denoise`", "`enhance`", "`super_resolve`"), (options.denoise, options.maps, options.super), strict=True)
    )
    print("| calls | of | peak memory, MB | memory, MB | mappings | live programs |\n" + "| --- " * 6 + "|")
    _print_row(0, "at the start")
    for name, job in jobs().items():
        for done in range(1, counts[name] + 1):
            job()
            if done in (counts[name] // 2, counts[name]):
                _print_row(done, name)


def jobs() -> dict[str, Callable[[], object]]:
    """What is done again and again, with ever other sizes."""
    rng = np.random.default_rng(0)
    model = deeper_jax.load()
    axis = np.linspace(600.0, 1800.0, 64)
    sizes = {"width": 16, "groups": 2, "blocks": 2, "reduction": 4}
    module = HyRISR(scale=2, length=len(axis), **sizes, rngs=nnx.Rngs(0))  # type: ignore[arg-type]
    resolver = SuperResolver(module, {"wavenumbers": axis.tolist()})
    return {
        "`denoise`": lambda: model.denoise(_spectra(rng, int(rng.integers(1, 200)))),
        "`enhance`": lambda: deeper_jax.enhance(_map(rng), model),
        "`super_resolve`": lambda: resolver.super_resolve(rng.random((*rng.integers(2, 41, 2), 64))),
    }


def _spectra(rng: np.random.Generator, *shape: int) -> np.ndarray:
    length = int(np.exp(rng.uniform(np.log(32), np.log(1500))))
    return rng.poisson(100 + 50 * np.sin(np.arange(length) / 9) ** 2, (*shape, length)).astype(np.float64)


def _map(rng: np.random.Generator) -> object:
    values = _spectra(rng, *map(int, rng.integers(2, _GRID + 1, 2)))
    return raman_map(values, 400 + 2.0 * np.arange(values.shape[-1]))


def mappings() -> int:
    """Areas of memory that this process maps."""
    return len(Path("/proc/self/maps").read_text().splitlines())


def _print_row(calls: int, name: str) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    programs = len(jax.devices()[0].client.live_executables())
    print(f"| {calls} | {name} | {peak:.0f} | {pages * resource.getpagesize() / 1e6:.0f} | {mappings()} | {programs} |")


if __name__ == "__main__":
    main()
