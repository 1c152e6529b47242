"""How often the truth lies within the default denoiser's 90 % intervals, on simulated cells, at four noise levels.

    python -m benchmarks.calibration                                     # of the denoiser that comes with the package
    python -m benchmarks.calibration --run=runs/default --pack=FILE.npz  # fit the calibration of a run and pack both

The calibration is fitted on other cells than those it is tried on, and both have more background, noise and droplets
than the training's.
"""

import argparse
from collections.abc import Iterator

import jax
import numpy as np

import deeper_jax
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.enhancement.map_denoiser import alone, denoise_map
from deeper_jax.enhancement.uncertainty import Case, coverage, fit_calibration
from deeper_jax.inference.noise_aware_denoiser import NoiseAwareDenoiser
from deeper_jax.inference.weights_file import write_weights_file
from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_cell
from deeper_jax.spectra.noise import estimate_noise

# Light of the short exposure over that of the DeepeR cells' 0.1 s; the noise is shot and read noise of that light.
LEVELS = (0.3, 1.0, 3.0, 10.0)
FIT_SEEDS, TEST_SEEDS = (1000, 1001, 1002), (2000, 2001, 2002, 2003)
SHAPE = (32, 36)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a run of configs/default_denoiser.py; the package's denoiser without it")
    parser.add_argument("--pack", help="fit the calibration first and write the weights with it to this .npz file")
    options = parser.parse_args()
    run_quietly("calibration.py", lambda: run(options.run, options.pack))


def run(path: str | None, pack: str | None) -> None:
    model = deeper_jax.load(path)
    settings = model.record.get("calibration", {"factor": 1.0, "noise_share": 0.0})
    if pack:
        fitted = [case for _, _, case in cases(model, FIT_SEEDS)]
        settings = fit_calibration(fitted)
        record = {key: value for key, value in model.record.items() if key not in ("checkpoint", "source")}
        write_weights_file(pack, model.params, model.stats, {**record, "calibration": settings})
        print(f"Fitted on {len(fitted)} cases: {settings}. Written to {pack}.")
    found: dict[tuple[str, float], list[float]] = {}
    for how, level, case in cases(model, TEST_SEEDS):
        found.setdefault((how, level), []).append(coverage(case, **settings))
    print("| light | " + " | ".join(str(level) for level in LEVELS) + " |")
    print("| --- |" + " --- |" * len(LEVELS))
    for how in ("whole map", "one spectrum"):
        cells = [f"{np.mean(found[how, level]):.3f}" for level in LEVELS]
        print(f"| {how}, truth within 90 % interval | {' | '.join(cells)} |")


def cases(model: NoiseAwareDenoiser, seeds: tuple[int, ...]) -> Iterator:
    """(how, level, Case) of each simulated cell."""
    axis = default_wavenumbers()
    simulate = jax.jit(simulate_cell, static_argnums=(1, 2, 4))
    for level in LEVELS:
        config = SimulatorConfig(signal_level=(level, level), low_cosmic_rate=0.0, droplet_diameter=(1.0, 3.0))
        for seed in seeds:
            cell = simulate(jax.random.key(seed), *SHAPE, axis, config)
            cube, truth = np.asarray(cell.low, np.float64), np.asarray(cell.low_truth, np.float64)
            truth = truth.reshape(-1, truth.shape[-1])
            noise_model = estimate_noise(cube.reshape(truth.shape))
            together = denoise_map(cube, np.ones(SHAPE, bool), noise_model, model.network)
            by_itself = alone(cube.reshape(truth.shape), noise_model, model.network)
            for how, estimate in (("whole map", together), ("one spectrum", by_itself)):
                yield how, level, Case(estimate.spectra - truth, estimate.std, estimate.noise)


if __name__ == "__main__":
    main()
