"""Denoising a running scan: how long a line takes once the network is compiled, and what the first one costs.

    python -m benchmarks.streaming [--model=RUN] [--spectra=64] [--channels=500] [--lines=50]

Simulated shot noise on a few bands; time from a line's arrival to its denoised form, noise estimation included. The
fastest scans bring a line of 64 spectra in some 50 ms. Without --model the package's own denoiser is timed.
"""

import argparse
import time

import numpy as np

import deeper_jax


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a run's directory or a file of weights")
    parser.add_argument("--spectra", type=int, default=64, help="of a line")
    parser.add_argument("--channels", type=int, default=500)
    parser.add_argument("--step", type=float, default=2.4, help="width of a channel, cm⁻¹")
    parser.add_argument("--lines", type=int, default=50)
    options = parser.parse_args()
    model = deeper_jax.load(options.model)
    axis = 500 + options.step * np.arange(options.channels)
    lines = simulated_lines(axis, options.spectra, options.lines)
    start = time.perf_counter()
    stream = model.stream(axis, longest=options.spectra).warm_up()
    print(f"warm_up: {time.perf_counter() - start:.1f} s, once before the scan")
    took = []
    for line in lines:
        start = time.perf_counter()
        stream.denoise(line)
        took.append(1e3 * (time.perf_counter() - start))
    print(f"{options.spectra} spectra x {options.channels} channels, {options.lines} lines, ms a line:")
    print(
        f"first {took[0]:.1f}, median {np.median(took):.1f}, 90th percentile {np.percentile(took, 90):.1f}, "
        f"longest {max(took):.1f}"
    )


def simulated_lines(axis: np.ndarray, spectra: int, lines: int) -> np.ndarray:
    """Poisson counts [lines, spectra, L]."""
    generator = np.random.default_rng(0)
    bands = sum(np.exp(-(((axis - centre) / 12) ** 2)) for centre in (785, 1003, 1300, 1450, 1660))
    strength = generator.uniform(5, 50, (lines, spectra, 1))
    return generator.poisson(100 + strength * bands)


if __name__ == "__main__":
    main()
