"""How often the truth lies within the 90 % intervals of `enhance`, on simulated samples, at four noise levels.

    python -m benchmarks.calibration                                     # of the networks that come with the package
    python -m benchmarks.calibration --run=runs/default --pack=FILE.npz  # fit the calibration of a denoiser, pack both
    python -m benchmarks.calibration --restorer=runs/restorer --pack-between=FILE.npz    # the same of a map restorer
    python -m benchmarks.calibration --refiner=runs/refiner --pack-between=FILE.npz      # or of its companion

The calibration is fitted on other cells than those it is tried on, and both have more background, noise and droplets
than the training's. Measured pixels have the denoiser's calibration; pixels between them have that of the restorer's
companion, or of a restorer that has none, one for each step of the raster, fitted on cells and sections of cartilage.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

import deeper_jax
from benchmarks.restoration.samples import SIMULATED, drawn
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.enhancement.finer_map import networks_between, refined_spectra, ways_in_pixels
from deeper_jax.enhancement.map_denoiser import alone, fit_map, with_exceptions
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.uncertainty import Case, coverage, fit_calibration
from deeper_jax.inference.map_restorer import tempered_deviation
from deeper_jax.models.weights_file import write_weights_file
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER

# Light of the short exposure over that of the DeepeR cells' 0.1 s; the noise is shot and read noise of that light.
LEVELS = (0.3, 1.0, 3.0, 10.0)
FIT_SEEDS, TEST_SEEDS = tuple(range(1000, 1007)), tuple(range(2000, 2004))
SIDE = 48
# One number of so many is fitted to, which tells as much as all of them.
FITTED = 7
# Where a network says that it knows little, at least so much of that is believed; by the raster's step. More of it
# would make the intervals of cells too wide.
LEAST = {2: 0.68, 3: 0.6, 4: 0.5}
SCALES = tuple(LEAST)
MEASURED = ("whole map", "one spectrum")
_NONE = {"factor": 1.0, "noise_share": 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a run of configs/default_denoiser.py; the package's denoiser without it")
    parser.add_argument("--pack", help="fit the denoiser's calibration and write the weights with it to this .npz file")
    parser.add_argument("--restorer", default=str(DEFAULT_RESTORER), help="a run of configs/map_restorer.py")
    parser.add_argument("--refiner", help="a run of configs/map_restorer.py:finer=true; the package's without it")
    parser.add_argument("--pack-between", help="the same of the network that answers between pixels, as float16")
    options = parser.parse_args()
    run_quietly("calibration.py", lambda: run(options))


def run(options: argparse.Namespace) -> None:
    model, networks = deeper_jax.load(options.run), networks_between(deeper_jax.load(options.restorer))
    if options.refiner:
        networks = [networks[0], deeper_jax.load(options.refiner)]
    own = model.record.get("calibration", _NONE)
    between = networks[-1].record.get("calibration", {})
    if options.pack or options.pack_between:
        fitted: dict[tuple[str, float], list[Case]] = {}
        for how, level, case in cases(model, networks, FIT_SEEDS):
            fitted.setdefault((how, level), []).append(Case(*(np.ravel(each)[::FITTED] for each in case)))
        if options.pack:
            own = fit_calibration(fitted[how, level] for how in MEASURED for level in LEVELS)
            pack(model, options.pack, own, half=False)
        if options.pack_between:
            between = {
                str(scale): fit_calibration(
                    (fitted[_new(scale, kind), level] for kind in SIMULATED for level in LEVELS), least
                )
                | {"least": least}
                for scale, least in LEAST.items()
            }
            pack(networks[-1], options.pack_between, between, half=True)
    settings = dict.fromkeys(MEASURED, own)
    for scale in SCALES:
        settings |= {_new(scale, kind): between.get(str(scale), _NONE) for kind in SIMULATED}
    found: dict[tuple[str, float], list[float]] = {}
    for how, level, case in cases(model, networks, TEST_SEEDS):
        found.setdefault((how, level), []).append(coverage(case, **settings[how]))
    print("| light | " + " | ".join(str(level) for level in LEVELS) + " |")
    print("| --- |" + " --- |" * len(LEVELS))
    for how in settings:
        cells = [f"{np.mean(found[how, level]):.3f}" for level in LEVELS]
        print(f"| {how}, truth within 90 % interval | {' | '.join(cells)} |")


def pack(loaded: Any, path: str, calibration: dict[str, Any], half: bool) -> None:
    """Write the weights of a loaded network with its calibration."""
    record = {key: value for key, value in loaded.record.items() if key not in ("checkpoint", "source")}
    write_weights_file(path, loaded.params, loaded.stats, record | {"calibration": calibration}, half=half)
    print(f"Fitted: {calibration}. Written to {path}.", flush=True)


def cases(model: Any, networks: list[Any], seeds: tuple[int, ...]) -> Iterator[tuple[str, float, Case]]:
    """(how, level, Case) of each simulated sample: cells on their own grid, cells and cartilage on finer ones."""
    for level in LEVELS:
        for seed in seeds:
            for kind, (_, config) in SIMULATED.items():
                ranges = {"signal_level": (level, level), "low_cosmic_rate": 0.0}
                if kind == "cell":
                    ranges["droplet_diameter"] = (1.0, 3.0)
                    sample = drawn(kind, dataclasses.replace(config, **ranges), seed, SIDE)
                    for how, case in _measured(*sample, model, networks):
                        yield how, level, case
                # The random offset of a read-out nobody can know where nothing was read out.
                sample = drawn(kind, dataclasses.replace(config, **ranges, offset_step_probability=0.0), seed, SIDE)
                for scale in SCALES:
                    for case in _between(*sample, model, networks, scale):
                        yield _new(scale, kind), level, case


def _new(scale: int, kind: str) -> str:
    return f"{scale}x, pixels between, {kind}"


def _measured(cube: np.ndarray, truth: np.ndarray, model: Any, networks: list[Any]) -> Iterator[tuple[str, Case]]:
    spectra, truth = cube.reshape(-1, cube.shape[-1]), truth.reshape(-1, truth.shape[-1])
    noise_model = estimate_noise(spectra)
    measured, every = MeasuredSpectra(cube, np.ones(cube.shape[:2], bool)), slice(0, len(spectra))
    fitted = fit_map(measured, noise_model, model.network, ways_in_pixels(networks[:1], Raster.of((1, 1))))
    by_itself = alone(spectra, noise_model, model.network)
    together = by_itself if fitted is None else with_exceptions(spectra, fitted.estimate(every), model.network)
    for how, estimate in zip(MEASURED, (together, by_itself), strict=True):
        yield how, Case(estimate.spectra - truth, estimate.std, estimate.noise)


def _between(cube: np.ndarray, truth: np.ndarray, model: Any, networks: list[Any], scale: int) -> Iterator[Case]:
    raster = Raster.of((scale, scale))
    low = cube[raster.places]
    present = np.ones(low.shape[:2], bool)
    noise_model = estimate_noise(low.reshape(-1, low.shape[-1]))
    fitted = fit_map(MeasuredSpectra(low, present), noise_model, model.network, ways_in_pixels(networks, raster))
    if fitted is None:
        return
    fine, std = refined_spectra(fitted, present, networks, raster)
    between = ~raster.spread(present)
    noise = np.full_like(std, np.sqrt((fitted.estimate(slice(0, len(fitted.scores))).noise ** 2).mean()))
    deviation = std[between]
    yield Case((fine - truth)[between], tempered_deviation(deviation), noise[between], deviation)


if __name__ == "__main__":
    main()
