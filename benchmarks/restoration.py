"""What `enhance` makes of maps with the map restorer and without it, and of coarse scans beside interpolation.

    python -m benchmarks.restoration thinned --maps=FOLDER   # real counts: input of few photons, scored on the rest
    python -m benchmarks.restoration cells                   # simulated cells, on the grid that was measured
    python -m benchmarks.restoration finer                   # coarse scans of simulated cells and cartilage, 2x to 4x
    python -m benchmarks.restoration dose                    # the same light on every pixel, or longer on fewer
    python -m benchmarks.restoration cost                    # seconds and peak memory, in a new process each

Squared errors in percent of the noise's variance, for real maps as a share of the map's variance. Mean and half-width
of the 95 % interval over samples, whose seeds nothing was trained on; the best interpolation is chosen on the truth.
"""

import argparse
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy import stats

import deeper_jax
from benchmarks.command import cost_of
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.enhancement.cosmic_rays import find_cosmic_rays
from deeper_jax.enhancement.map_denoiser import denoise_map
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.uncertainty import NINETY_PERCENT
from deeper_jax.evaluation.upsampling import reference_upsamplers
from deeper_jax.maps import raman_map, read_map
from deeper_jax.simulator import SimulatorConfig, cartilage_config, simulate_cartilage, simulate_cell
from deeper_jax.simulator.config import default_wavenumbers
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER

KINDS = (("cell", simulate_cell, SimulatorConfig()), ("cartilage", simulate_cartilage, cartilage_config()))
LEVELS, FRACTIONS, SIDE = (1.0, 3.0, 10.0), (0.03, 0.1, 0.3), 60
# Counts a photo-electron, and what is added to make the variance proportional, of Renishaw maps whose noise is known.
GAIN, PEDESTAL = 0.75, 17 / 0.75


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--maps", type=Path, default=Path(), help="folder of Renishaw maps at 785 nm (thinned)")
    parser.add_argument("--samples", type=int, default=10, help="simulated samples of each kind")
    parser.add_argument("--size", help=argparse.SUPPRESS)
    options = parser.parse_args()
    run_quietly("restoration.py", lambda: PARTS[options.part](options))


def thinned(options: argparse.Namespace) -> None:
    """Error = mean of ((1 - f) / f * output - rest)^2 - mean(rest), over the variance of the rest."""
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    print("| map | electrons | enhance | without the restorer |\n| --- | --- | --- | --- |")
    for path in sorted(options.maps.glob("lukas_map*.wdf")):
        data = read_map(path)
        electrons, axis = (data.values + PEDESTAL) / GAIN, data["wavenumber"].values
        present = np.isfinite(electrons).all(-1)
        noise_model = estimate_noise(electrons[present])
        measured = MeasuredSpectra(electrons, present)
        measured.replace(find_cosmic_rays(measured, axis, noise_model=noise_model).filled)
        counts = np.maximum(np.round(measured.rows(slice(0, len(measured)))), 0).astype(np.int64)
        for fraction in FRACTIONS:
            seen = np.random.default_rng(0).binomial(counts, fraction)
            rest, factor = counts - seen, (1 - fraction) / fraction
            cube = np.zeros(electrons.shape)
            cube[present] = seen
            network = functools.partial(model.on_axis, axis=axis)
            errors = []
            for restore in (restorer.restore_grid, None):
                output = denoise_map(cube, present, estimate_noise(seen.astype(float)), network, restore).spectra
                errors.append((((factor * output - rest) ** 2).mean() - rest.mean()) / rest.var())
            print(f"| {path.name} | {seen.mean():.0f} | {errors[0]:.5f} | {errors[1]:.5f} |", flush=True)


def cells(options: argparse.Namespace) -> None:
    """Simulated cells on the measured grid, the offset of the read-outs constant or random."""
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    print("| light | offset of the read-outs | enhance | without the restorer |\n| --- | --- | --- | --- |")
    for level in LEVELS:
        for name, chance in (("constant", 0.0), ("random", SimulatorConfig().offset_step_probability)):
            config = dataclasses.replace(_quiet(SimulatorConfig(), level), offset_step_probability=chance)
            errors: tuple[list[float], list[float]] = ([], [])
            for cube, truth in _samples(simulate_cell, config, options.samples):
                noise_model, present = estimate_noise(cube.reshape(-1, cube.shape[-1])), np.ones(cube.shape[:2], bool)
                for found, restore in zip(errors, (restorer.restore_grid, None), strict=True):
                    output = denoise_map(cube, present, noise_model, model.network, restore).spectra
                    found.append(_error(output.reshape(truth.shape), truth, cube))
            print(f"| {level:g} | {name} | {_told(errors[0])} | {_told(errors[1])} |", flush=True)


def finer(options: argparse.Namespace) -> None:
    """Coarse scans made finer, beside the scan denoised without the restorer and interpolated in the best way."""
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    titles = "sample | light | scale | enhance | denoised, best interpolation | ratio | p | 90 %: measured | between"
    print(f"| {titles} |\n|{' --- |' * 9}")
    for sample, simulate, base in KINDS:
        for level in LEVELS:
            rows: dict[int, list[list[float]]] = {2: [], 3: [], 4: []}
            for cube, truth in _samples(simulate, _quiet(base, level), options.samples):
                for scale, found in rows.items():
                    found.append(_refined(cube, truth, scale, model, restorer))
            for scale, found in rows.items():
                ours, best, *inside = np.array(found).T
                p = f"{stats.ttest_rel(ours, best).pvalue:.1g}" if len(ours) > 1 else "-"
                cells = [_told(ours), _told(best), f"{ours.mean() / best.mean():.2f}", p]
                cells += [f"{each.mean():.2f}" for each in inside]
                print(f"| {sample} | {level:g} | {scale} | {' | '.join(cells)} |", flush=True)


def _refined(cube: np.ndarray, truth: np.ndarray, scale: int, model: Any, restorer: Any) -> list[float]:
    raster = Raster.of((scale, scale))
    low = cube[raster.places]
    given = raman_map(low, default_wavenumbers())
    result = deeper_jax.enhance(given, model, scale=scale, restorer=restorer, cosmic_rays="keep")
    noise_model, present = estimate_noise(low.reshape(-1, low.shape[-1])), np.ones(low.shape[:2], bool)
    denoised = denoise_map(low, present, noise_model, model.network).spectra.reshape(low.shape)
    upsamplers = reference_upsamplers(scale, 1, released=False).values()
    best = min(_error(upsample(denoised), truth, cube) for upsample in upsamplers)
    inside = np.abs(result["intensity"].values - truth) <= NINETY_PERCENT * result["uncertainty"].values
    measured = raster.spread(present)
    return [
        *(_error(result["intensity"].values, truth, cube), best),
        *(inside[measured].mean(), inside[~measured].mean()),
    ]


def dose(options: argparse.Namespace) -> None:
    """Cells and cartilage scanned in each pixel, or in each second, third or fourth for 4, 9 or 16 times as long."""
    model, restorer = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER)
    print("| sample | light a pixel | every pixel | 2 | 3 | 4 |\n| --- | --- | --- | --- | --- | --- |")
    for sample, simulate, base in KINDS:
        for level in (0.1, 0.3, 1.0, 3.0):
            cells = []
            for step in (1, 2, 3, 4):
                errors = []
                for cube, truth in _samples(simulate, _quiet(base, level * step**2), options.samples):
                    low = raman_map(cube[Raster.of((step, step)).places], default_wavenumbers())
                    result = deeper_jax.enhance(low, model, scale=step, restorer=restorer, cosmic_rays="keep")
                    errors.append(np.sqrt(((result["intensity"].values - truth) ** 2).mean() / truth.var()))
                cells.append(_told(errors))
            print(f"| {sample} | {level:g} | {' | '.join(cells)} |", flush=True)


def cost(options: argparse.Namespace) -> None:
    """Seconds and peak memory of `enhance`, imports and compilation included."""
    if options.size:
        height, width, channels, scale = map(int, options.size.split(","))
        y, x = np.mgrid[:height, :width]
        images = np.stack([np.sin(x / 7) + 2, np.cos(y / 5) + 2, np.hypot(x - 20, y - 20) < 9], -1)
        axis = np.linspace(600.0, 1800.0, channels)
        bands = np.exp(-0.5 * ((axis - np.array([[900.0], [1200.0], [1500.0]])) / 12) ** 2)
        cube = np.random.default_rng(0).poisson(20 + 30 * images @ bands).astype(np.float32)
        deeper_jax.enhance(raman_map(cube, axis), scale=scale)
        return
    print("| map | scale | seconds | peak memory |\n| --- | --- | --- | --- |")
    for size in ("16,16,500,4", "64,64,500,1", "120,120,1024,1"):
        spent = cost_of("-m", "benchmarks.restoration", "cost", f"--size={size}")
        *shape, scale = size.split(",")
        print(f"| {' x '.join(shape)} | {scale} | {spent.seconds:.1f} | {spent.memory:.2f} GB |", flush=True)


def _quiet(config: SimulatorConfig, level: float) -> SimulatorConfig:
    """Of one light, without cosmic rays and without the read-outs' random offset, which nobody can know."""
    return dataclasses.replace(config, signal_level=(level, level), low_cosmic_rate=0.0, offset_step_probability=0.0)


def _samples(simulate: Any, config: SimulatorConfig, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Counts and their expectation, [SIDE, SIDE, L] each."""
    draw = jax.jit(lambda key: simulate(key, SIDE, SIDE, default_wavenumbers(), config))
    for index in range(count):
        measured = draw(jax.random.key(5000 + index))
        yield np.asarray(measured.low, np.float64), np.asarray(measured.low_truth, np.float64)


def _error(output: np.ndarray, truth: np.ndarray, cube: np.ndarray) -> float:
    return float(100 * ((output - truth) ** 2).mean() / ((cube - truth) ** 2).mean())


def _told(values: Any) -> str:
    if len(values) < 2:
        return f"{np.mean(values):.3f}"
    return f"{np.mean(values):.3f} ± {stats.t.ppf(0.975, len(values) - 1) * stats.sem(values):.3f}"


PARTS = {each.__name__: each for each in (thinned, cells, finer, dose, cost)}

if __name__ == "__main__":
    main()
