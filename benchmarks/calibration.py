"""How often the truth lies within the 90 % intervals of `enhance`, on simulated samples, at four noise levels.

    python -m benchmarks.calibration                                     # of the networks that come with the package
    python -m benchmarks.calibration --run=runs/default --pack=FILE.npz  # fit the calibration of a denoiser, pack both
    python -m benchmarks.calibration --restorer=runs/restorer --pack-between=FILE.npz    # the same of a map restorer
    python -m benchmarks.calibration --refiner=runs/refiner --pack-between=FILE.npz      # or of its companion

The calibration is fitted on other samples than those it is tried on, and both have more background, noise and droplets
than the training's. Measured pixels have the denoiser's calibration: one for spectra that are seen one by one and, for
those of a map, one that depends on their number; pixels between them have that of the restorer's companion, or of a
restorer that has none, one for each step. Those of maps are fitted on cells and on sections of cartilage, those of
measured pixels with a constant offset of the read-outs and with a random one.
"""

import argparse
import dataclasses
import itertools
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

import deeper_jax
from benchmarks.restoration.samples import SIMULATED, drawn
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.enhancement.denoising import Denoising
from deeper_jax.enhancement.finer_map import networks_between, refined_spectra, ways_in_pixels
from deeper_jax.enhancement.map_denoiser import alone
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.options import EnhanceOptions
from deeper_jax.enhancement.uncertainty import Case, coverage, fit_calibration, fit_factor
from deeper_jax.inference.map_restorer import tempered_deviation
from deeper_jax.models.weights_file import write_weights_file
from deeper_jax.simulator import default_wavenumbers
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_RESTORER

# Light of the short exposure over that of the DeepeR cells' 0.1 s; the noise is shot and read noise of that light.
LEVELS = (0.3, 1.0, 3.0, 10.0)
FIT_SEEDS, TEST_SEEDS = tuple(range(1000, 1007)), tuple(range(2000, 2004))
SIDES = (48, 24, 16, 12)
# One number of so many is fitted to, which tells as much as all of them.
FITTED = 15
# Where a network says that it knows little, at least so much of that is believed; by the raster's step. More of it
# would make the intervals of cells too wide.
LEAST = {2: 0.68, 3: 0.6, 4: 0.5}
# What errors are of, and what the read-outs' offset does.
ALONE, MEASURED, NEW = "spectra one by one", "measured pixels", "pixels between"
OFFSETS = ("random", "constant")


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
    logging.getLogger("deeper_jax").setLevel(logging.WARNING)
    model, networks = deeper_jax.load(options.run), networks_between(deeper_jax.load(options.restorer))
    if options.refiner:
        networks = [networks[0], deeper_jax.load(options.refiner)]
    if options.pack or options.pack_between:
        fitted: dict[Any, dict[tuple[Any, ...], list[Case]]] = {}
        for (what, size, kind), group, case in cases(model, networks, FIT_SEEDS, True, bool(options.pack_between)):
            few = Case(*(np.ravel(each)[::FITTED].astype(np.float32) for each in case))
            # What the spectra of a map have in common is found from them: their number tells.
            key = (what, group[-1] if what == MEASURED else size)
            fitted.setdefault(key, {}).setdefault((size, kind, *group), []).append(few)
        if options.pack:
            counts = sorted(count for what, count in fitted if what == MEASURED)
            factors = [fit_factor(fitted[MEASURED, count].values()) for count in counts]
            alone = fit_calibration(fitted[ALONE, ""].values())
            together = {"spectra": counts, "factor": factors}
            pack(model, options.pack, {"calibration": alone, "calibration_together": together}, half=False)
        if options.pack_between:
            between = {
                str(step): fit_calibration(fitted[NEW, f"{step}x"].values(), least) | {"least": least}
                for step, least in LEAST.items()
            }
            pack(networks[-1], options.pack_between, {"calibration": between}, half=True)
    covered: dict[tuple[str, ...], dict[float, list[float]]] = {}
    for what, (level, *_), case in cases(model, networks, TEST_SEEDS):
        covered.setdefault(what, {}).setdefault(level, []).append(coverage(case))
    print("| truth within 90 % interval, % | " + " | ".join(f"light {level:g}" for level in LEVELS) + " |")
    print("| --- |" + " --- |" * len(LEVELS))
    for what in sorted(covered):
        cells = [f"{100 * np.mean(covered[what][level]):.1f}" for level in LEVELS]
        print(f"| {', '.join(filter(None, what))} | {' | '.join(cells)} |")


def pack(loaded: Any, path: str, calibrations: dict[str, Any], half: bool) -> None:
    """Write the weights of a loaded network with its calibrations, and take these for its own."""
    loaded.record.update(calibrations)
    record = {key: value for key, value in loaded.record.items() if key not in ("checkpoint", "source")}
    write_weights_file(path, loaded.params, loaded.stats, record, half=half)
    print(f"Fitted: {calibrations}. Written to {path}.", flush=True)


def cases(
    model: Any, networks: list[Any], seeds: tuple[int, ...], stated: bool = False, with_new: bool = True
) -> Iterator[tuple[tuple[str, str, str], tuple[float, str, int], Case]]:
    """((what, size, kind), (light, offset, number of spectra), Case) of simulated cells and sections.

    Of their middle, and of scans with larger steps. Deviations are those of `enhance`, or as `stated` by map and
    networks. Those of pixels between the measured ones may be left out.
    """
    for level, seed, kind, offset in itertools.product(LEVELS, seeds, SIMULATED, OFFSETS):
        config = dataclasses.replace(SIMULATED[kind][1], signal_level=(level, level), low_cosmic_rate=0.0)
        if kind == "cell":
            config = dataclasses.replace(config, droplet_diameter=(1.0, 3.0))
        if offset == "constant":
            config = dataclasses.replace(config, offset_step_probability=0.0)
        cube, truth = drawn(kind, config, seed, SIDES[0])
        if kind == "cell" and offset == "random":
            yield (ALONE, "", kind), (level, offset, 1), _alone(cube, truth, model, stated)
        for side in SIDES:
            middle = (slice((SIDES[0] - side) // 2, (SIDES[0] + side) // 2),) * 2
            found = _on_raster(cube[middle], truth[middle], model, networks, 1, stated, False)
            for name, case in found.items():
                yield (name, f"{side} x {side}", kind), (level, offset, side**2), case
        for step in LEAST:
            # Where nothing was read out nobody can know the random offset of a read-out.
            new = with_new and offset == "constant"
            for name, case in _on_raster(cube, truth, model, networks, step, stated, new).items():
                yield (name, f"{step}x", kind), (level, offset, (SIDES[0] // step) ** 2), case


def _alone(cube: np.ndarray, truth: np.ndarray, model: Any, stated: bool) -> Case:
    spectra = cube.reshape(-1, cube.shape[-1])
    found = alone(spectra, estimate_noise(spectra), model.network)
    std = found.std if stated else model.calibrated(found.std, found.noise)
    return Case(found.spectra - truth.reshape(spectra.shape), std, found.noise)


def _on_raster(
    cube: np.ndarray, truth: np.ndarray, model: Any, networks: list[Any], step: int, stated: bool, with_new: bool
) -> dict[str, Case]:
    raster = Raster.of((step, step))
    low, true = cube[raster.places], truth[raster.places].reshape(-1, truth.shape[-1])
    present, every = np.ones(low.shape[:2], bool), slice(0, len(true))
    spectra = MeasuredSpectra(low, present)
    ways = ways_in_pixels(networks if step > 1 else networks[:1], raster)
    denoising = Denoising(model, ways, spectra, estimate_noise(spectra.rows(every)), default_wavenumbers())
    denoising.begin(EnhanceOptions(scale=step))
    fitted = denoising.fitted
    if fitted is None:
        return {}
    common = fitted.estimate(every)
    found = common if stated else denoising.estimate(every)[0]
    cases = {MEASURED: Case(found.spectra - true, found.std, found.noise)}
    if with_new:
        fine, std = refined_spectra(fitted, present, networks, raster, ways)
        new = ~raster.spread(present)
        noise = np.sqrt((common.noise**2).mean())
        deviation, error = std[new], (fine - truth)[new]
        if stated:
            by_map = tempered_deviation(deviation)
            cases[NEW] = Case(error, by_map, np.broadcast_to(noise, error.shape), deviation)
        else:
            cases[NEW] = Case(error, networks[-1].calibrated(deviation, float(noise), step), np.zeros(()))
    return cases


if __name__ == "__main__":
    main()
