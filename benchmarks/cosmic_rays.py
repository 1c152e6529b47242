"""Narrow bands kept and cosmic rays found by `enhance`: what is lost of either.

    python -m benchmarks.cosmic_rays [--seeds=3]

1. Share of the height of an isolated band of 2000 counts on 330 that is left, by its full width at half maximum and the
   width of the channels: of a lone spectrum, in a list of four unlike ones, in a pixel of a map and in two.
2. Cosmic rays planted in simulated cells: share taken out of the intensity, share in the mask, channels of the mask
   without one.
"""

import argparse
import warnings

import jax
import numpy as np

import deeper_jax
from deeper_jax.maps import raman_map
from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_cell

WIDTHS = (3, 4, 5, 6, 8, 12)
STEPS = (2.0, 4.0)
LEVELS = (0.3, 1.0, 3.0, 10.0)


def gaussian(axis, centre, width):
    return np.exp(-4 * np.log(2) * ((axis - centre) / width) ** 2)


def band_cases(step, width, generator, height=2000.0, ground=330.0, centre=None):
    """Name, axis, counts, index of the spectrum with the band, and that band without noise, of each kind."""
    axis = np.arange(200.0, 1800.0, step)
    centre = generator.uniform(400, 1600) if centre is None else centre
    band = height * gaussian(axis, centre, width)
    others = [height * gaussian(axis, at, width) for at in generator.uniform(300, 1700, 3)]
    broad = 900 * gaussian(axis, generator.uniform(400, 1600), 45.0)
    grid = np.tile(ground + broad, (10, 10, 1))
    one, two = grid.copy(), grid.copy()
    one[4, 5] += band
    two[4, 5] += band
    two[4, 6] += 0.4 * band
    yield "lone spectrum", axis, generator.poisson(ground + band)[None], (0,), band
    yield "four unlike spectra", axis, generator.poisson(ground + np.stack([band, *others])), (0,), band
    yield "map, one pixel", axis, generator.poisson(one), (4, 5), band
    yield "map, two pixels", axis, generator.poisson(two), (4, 5), band


def height_kept(axis, counts, index, band, **settings):
    """Height of the output over the median, at the band's highest channel as measured, over the measured one."""
    counts = counts.astype(np.float64)
    given = raman_map(counts[0] if len(counts) == 1 else counts, axis, **positions(counts))
    result = deeper_jax.enhance(given, **settings)["intensity"].values.reshape(counts.shape)
    peak = int(np.where(band > 0.1 * band.max(), counts[index], -np.inf).argmax())
    after, before = (values[index][peak] - np.median(values[index]) for values in (result, counts))
    return float(after / before)


def positions(counts):
    return {"y": np.arange(10.0), "x": np.arange(10.0)} if counts.ndim == 3 else {}


def widths(seeds, model):
    print("| channels | spectra | " + " | ".join(f"{width} cm⁻¹" for width in WIDTHS) + " |")
    print("| --- | --- |" + " --- |" * len(WIDTHS))
    for step in STEPS:
        rows: dict[str, list[list[float]]] = {}
        for width in WIDTHS:
            for seed in range(seeds):
                for name, axis, counts, index, band in band_cases(step, width, np.random.default_rng(seed)):
                    kept = height_kept(axis, counts, index, band, model=model)
                    rows.setdefault(name, [[] for _ in WIDTHS])[WIDTHS.index(width)].append(kept)
        for name, cells in rows.items():
            words = [f"{100 * min(cell):.0f}-{100 * max(cell):.0f} %" for cell in cells]
            print(f"| {step:.0f} cm⁻¹ | {name} | {' | '.join(words)} |")


def planted(cube, generator, rate, heights, noise):
    """Cosmic rays of one to three channels in a share of the spectra: the struck cube, and what was added."""
    added = np.zeros_like(cube)
    for place in np.argwhere(generator.random(cube.shape[:-1]) < rate):
        peak = np.exp(generator.uniform(*np.log(heights))) * noise
        profile = [(1.0,), (1.0, 0.6), (0.3, 1.0, 0.6)][generator.integers(3)]
        start = generator.integers(0, cube.shape[-1] - 2)
        added[(*place, slice(start, start + len(profile)))] = np.round(peak * np.array(profile))
    return cube + added, added


def cells(seeds, model):
    axis = default_wavenumbers()
    simulate = jax.jit(simulate_cell, static_argnums=(1, 2, 4))
    print("\n| light | height, σ | hits | taken out | in the mask | removed, of these | not hit, removed | marked |")
    print("| --- |" + " --- |" * 7)
    for level in LEVELS:
        for heights in ((10, 30), (30, 100), (100, 1000)):
            for rate in (0.002, 0.02):
                row = np.zeros(6)
                for seed in range(seeds):
                    config = SimulatorConfig(signal_level=(level, level), low_cosmic_rate=0.0)
                    cell = simulate(jax.random.key(4000 + seed), 32, 36, axis, config)
                    clean, truth = np.asarray(cell.low, np.float64), np.asarray(cell.low_truth, np.float64)
                    noise = np.sqrt(((clean - truth) ** 2).mean())
                    cube, added = planted(clean, np.random.default_rng(seed), rate, heights, noise)
                    given = raman_map(cube, axis, y=np.arange(32.0), x=np.arange(36.0))
                    result = deeper_jax.enhance(given, model)
                    high = added > 0.9 * added.max(-1, keepdims=True) + 1e-9
                    high &= added > 0
                    left = (result["intensity"].values - truth)[high] / added[high]
                    row[:2] += high.sum(), (left < 0.2).sum()
                    if "cosmic_ray" in result:
                        mask, removed = (result[name].values for name in ("cosmic_ray", "cosmic_ray_removed"))
                        row[2:] += mask[high].sum(), removed[high].sum(), (removed & (added == 0)).sum(), 0
                        row[5] += (mask & ~removed & (added == 0)).sum()
                shares = [f"{100 * each / max(row[0], 1):.0f} %" for each in row[1:4]]
                print(
                    f"| {level} | {heights[0]}-{heights[1]} | {row[0]:.0f} | {' | '.join(shares)} | "
                    f"{row[4]:.0f} | {row[5]:.0f} |",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--model", help="a run or file of weights; the package's denoiser without it")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model = deeper_jax.load(options.model)
    widths(options.seeds, model)
    cells(options.seeds, model)


if __name__ == "__main__":
    main()
