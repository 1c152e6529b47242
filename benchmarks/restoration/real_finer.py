"""Measured maps of which every second, third or fourth pixel is given, `enhance` scored on the others.

Error = mean of (output - measured)^2 in pixels that were not given, less the variance of their noise, over that of the
best of five registered interpolations of the same denoised scan, chosen on these very pixels for each scan. A map is
sampled from several first pixels; the 95 % interval is by the jackknife over parts of the map, all scans together. It
holds 1: a tie. Maps that were denoised already count as they are.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

import deeper_jax
from benchmarks.restoration.real_maps import real_map
from benchmarks.restoration.samples import whole_numbers
from deeper_jax.evaluation.upsampling import reference_upsamplers
from deeper_jax.maps import raman_map
from deeper_jax.spectra.noise import estimate_noise, smooth_intensity
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER

# Parts of each side of a map, over which the errors are compared.
PARTS = 5


class Ratio(NamedTuple):
    """A ratio of two errors and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        return "tie" if self.low <= 1 <= self.high else "better" if self.value < 1 else "worse"

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--maps", type=Path, nargs="+", required=True, help="files of maps")
    parser.add_argument("--scales", type=whole_numbers, default="2,3", help="such as 2,3")
    parser.add_argument("--starts", type=int, default=16, help="first pixels of scans that are tried, at most")


def run(options: argparse.Namespace) -> None:
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    print("| map | scale | given | best interpolations | its error / variance | ratio (95 %) | |\n|" + " --- |" * 7)
    ratios: dict[int, list[float]] = {scale: [] for scale in options.scales}
    for path in options.maps:
        data = real_map(path)
        for scale, found in ratios.items():
            sums, kernels, given = [], [], ""
            for start in _starts(scale, options.starts):
                print(f"\r{path.name} {scale}x {start}   ", end="", file=sys.stderr, flush=True)
                each, kernel, given = _scan(data, scale, start, model, restorer)
                sums.append(each)
                kernels.append(kernel)
            total = np.sum(sums, axis=0)
            ratio = jackknife(total)
            noise_free = (total[1].sum() - total[2].sum()) / total[3].sum() / np.nanvar(data.values)
            names = ", ".join(f"{name} {kernels.count(name)}" for name in dict.fromkeys(kernels))
            print(
                f"\r| {path.name} | {scale} | {given} | {names} | {noise_free:.2g} | {ratio} | {ratio.verdict} |",
                flush=True,
            )
            found.append(ratio.value)
    for scale, found in ratios.items():
        print(f"\nMedian of the maps at {scale}x: {np.median(found):.3f}")


def _starts(scale: int, most: int) -> Iterator[tuple[int, int]]:
    """Rows and columns that are cut off before the map is sampled, evenly from all that differ."""
    every = [(row, column) for row in range(scale) for column in range(scale)]
    for index in np.unique(np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(int)):
        yield every[index]


def _scan(data: Any, scale: int, start: tuple[int, int], model: Any, restorer: Any) -> tuple[np.ndarray, str, str]:
    """One scan: sums over left-out pixels [4, PARTS, PARTS], the best interpolation, and the scan's size.

    The sums are of squared differences by `enhance` and by that interpolation, of the noise's variance, and of 1.
    """
    cube = data.values
    sides = [(side - first) // scale * scale for side, first in zip(cube.shape, start, strict=False)]
    inside = tuple(slice(first, first + side) for first, side in zip(start, sides, strict=True))
    target = cube[inside]
    raster = Raster.of((scale, scale))
    low = target[raster.places]
    present = np.isfinite(low).all(-1)
    result = deeper_jax.enhance(
        raman_map(low, data["wavenumber"].values), model, scale=scale, restorer=restorer, cosmic_rays="keep"
    )
    asked = np.isfinite(target).all(-1) & np.isfinite(result["intensity"].values).all(-1)
    asked &= ~raster.spread(np.ones_like(present))
    denoised = np.where(present[..., None], result["denoised"].values, np.nanmean(result["denoised"].values, (0, 1)))
    errors = {
        name: ((upsample(denoised) - target) ** 2).mean(-1)
        for name, upsample in reference_upsamplers(scale, 1, released=False).items()
    }
    best = min(errors, key=lambda name: errors[name][asked].mean())
    ours = ((result["intensity"].values - target) ** 2).mean(-1)
    everywhere = cube[np.isfinite(cube).all(-1)]
    noise = np.full(ours.shape, np.nan)
    noise[asked] = (estimate_noise(everywhere).std(smooth_intensity(target[asked])) ** 2).mean(-1)
    rows, columns = (
        (np.arange(first, first + side) * PARTS // whole)
        for first, side, whole in zip(start, sides, cube.shape, strict=False)
    )
    part = (PARTS * rows[:, None] + columns)[asked]
    sums = [np.bincount(part, each[asked], PARTS**2) for each in (ours, errors[best], noise, np.ones_like(ours))]
    return np.reshape(sums, (4, PARTS, PARTS)), best, f"{low.shape[0]} x {low.shape[1]}"


def jackknife(sums: np.ndarray) -> Ratio:
    """The ratio of two errors, their noise taken off, and its interval by leaving out one part after the other.

    Args:
        sums: [3 or more, ...], squared differences of the first and of the second, and the noise's variance, by part.
    """
    parts = sums[:3].reshape(3, -1)
    parts = parts[:, parts[2] > 0]
    whole, count = parts.sum(1), parts.shape[1]

    def ratio(total: np.ndarray) -> np.ndarray:
        return (total[0] - total[2]) / (total[1] - total[2])

    without = ratio(whole[:, None] - parts)
    half = stats.t.ppf(0.975, count - 1) * np.sqrt((count - 1) * without.var()) if count > 1 else np.inf
    return Ratio(float(ratio(whole)), float(ratio(whole) - half), float(ratio(whole) + half))
