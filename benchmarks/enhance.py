"""What `enhance` does to maps, beside what a careful hand does: errors, droplets of a pixel or two, edges.

    python -m benchmarks.enhance [--pairs=cell_pairs_real.npz] [--map=cartilage_map_real.npz]

Simulated cells with droplets of one to two pixels, in percent of the noise's variance (less is better): everywhere, in
the tenth of the pixels whose neighbours differ from them most (edges), and in droplets; and the contrast of droplets
that is left, 1 where they stand out of their surroundings as in truth. `--pairs`: measured spectra, scored against
slow ones after a scale-and-offset fit of each spectrum, less the slow ones' own noise. `--map`: a clean map, how much
it is altered. Parameters of the other methods are the best ones on the very data they are scored on.
"""

import argparse
from pathlib import Path

import jax
import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

import deeper_jax
from deeper_jax.enhancement.map_denoiser import alone, denoise_map
from deeper_jax.evaluation.reference_methods import pca, pca_whittaker, whittaker
from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_cell
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.tasks.load import DEFAULT_RESTORER

SEEDS = (3000, 3001, 3002)
LEVELS = (0.3, 1.0, 3.0, 10.0)
SHAPE = (40, 48)
LAMBDAS = (3, 10, 30, 100, 300, 1000, 3000, 10000)
COMPONENTS = (1, 2, 3, 4, 5, 6)
LIPID = 1  # index of the molecule that droplets are made of


def methods(cube, model, restorer):
    """Name and candidates [H, W, L] of every method; the best candidate is scored."""
    flat = cube.reshape(-1, cube.shape[-1])
    present, noise_model = np.ones(cube.shape[:2], bool), estimate_noise(flat)
    smooth = gaussian_filter(cube, (1, 1, 0)).reshape(flat.shape)
    yield "noisy", [flat]
    yield "Whittaker, one spectrum", [whittaker(flat, lam) for lam in LAMBDAS]
    yield "network, one spectrum", [alone(flat, noise_model, model.network).spectra]
    yield "PCA, whole map", [pca(flat, k) for k in COMPONENTS]
    yield "PCA + Whittaker, whole map", [pca_whittaker(flat, k, lam) for k in COMPONENTS for lam in LAMBDAS[:6]]
    yield (
        "Gaussian (1 pixel) + PCA + Whittaker",
        [pca_whittaker(smooth, k, lam) for k in COMPONENTS for lam in LAMBDAS[:6]],
    )
    restorers = {"network": restorer.restore_grid}
    yield "enhance, whole map", [denoise_map(cube, present, noise_model, model.network, restorers).spectra]


def simulated(model, restorer):
    simulate = jax.jit(simulate_cell, static_argnums=(1, 2, 4))
    axis = default_wavenumbers()
    for level in LEVELS:
        rows: dict[str, list] = {}
        config = SimulatorConfig(signal_level=(level, level), low_cosmic_rate=0.0, droplet_diameter=(1.0, 2.0))
        for seed in SEEDS:
            cell = simulate(jax.random.key(seed), *SHAPE, axis, config)
            cube, truth = np.asarray(cell.low, np.float64), np.asarray(cell.low_truth, np.float64)
            lipid = np.asarray(cell.abundances)[..., LIPID]
            for name, candidates in methods(cube, model, restorer):
                scores = [score(candidate.reshape(truth.shape), truth, cube, lipid) for candidate in candidates]
                rows.setdefault(name, []).append(min(scores, key=lambda values: values[0]))
        print(f"\nSimulated cells, light {level} times that of the measured ones (mean of {len(SEEDS)} cells)\n")
        print("| method | error, % of noise | at edges | in droplets | contrast of droplets |")
        print("| --- | --- | --- | --- | --- |")
        for name, values in rows.items():
            error, edges, droplets, contrast = np.mean(values, 0)
            print(f"| {name} | {error:.2f} | {edges:.2f} | {droplets:.2f} | {contrast:.2f} |")


def score(output, truth, cube, lipid):
    """Errors in percent of the noise's variance, everywhere, at edges and in droplets; contrast of droplets."""
    noise = ((cube - truth) ** 2).mean()
    error = 100 * ((output - truth) ** 2).mean(-1) / noise
    step = np.sqrt(((truth - uniform_filter(truth, (3, 3, 1))) ** 2).mean(-1))
    edges = step > np.quantile(step, 0.9)
    droplets = lipid > np.quantile(lipid, 0.98)
    true, found = (around(image)[droplets] for image in (truth, output))
    return error.mean(), error[edges].mean(), error[droplets].mean(), (true * found).sum() / (true**2).sum()


def around(image):
    """What a pixel has more than its surroundings of 5 x 5 pixels."""
    return image - uniform_filter(image, (5, 5, 1))


def measured_pairs(path, model, restorer):
    stored = np.load(path)
    low, high = stored["low"].astype(np.float64), stored["high"].astype(np.float64)
    cube = low.reshape(8, 84, -1) if len(low) == 672 else low[None]
    print(f"\nMeasured pairs of {path.name}\n\n| method | excess error |\n| --- | --- |")
    for name, candidates in methods(cube, model, restorer):
        print(f"| {name} | {min(excess(candidate, high).mean() for candidate in candidates):.6f} |")


def excess(output, counts):
    """MSE against slow spectra scaled to [0, 1], after the best scale and offset of each, less their own noise: [N]."""
    reach = np.ptp(counts, axis=1)[:, None]
    fitted = fitted_to(output, counts)[0]
    return (((counts - fitted) / reach) ** 2).mean(1) - (slow_noise(counts) ** 2 / reach**2).mean(1)


def fitted_to(output, counts):
    """The best scale and offset of each output for its slow spectrum, [N, L]; and the scale, [N, 1]."""
    output, offset = output - output.mean(1, keepdims=True), counts.mean(1, keepdims=True)
    slope = (output * counts).sum(1, keepdims=True) / np.maximum((output**2).sum(1, keepdims=True), 1e-300)
    return offset + slope * output, slope


def slow_noise(counts):
    """Standard deviation of the slow spectra's noise where so many counts are expected."""
    return np.sqrt(0.196 * np.maximum(counts, 0.0) + 5.9)


def clean_map(path, model, restorer):
    stored = np.load(path)
    cube = stored["cube"].astype(np.float64)
    flat = cube.reshape(-1, cube.shape[-1])
    noise_model = estimate_noise(flat)
    present = np.ones(cube.shape[:2], bool)
    altered = flat - denoise_map(cube, present, noise_model, model.network, {"network": restorer.restore_grid}).spectra
    alone_altered = flat - alone(flat, noise_model, model.network).spectra
    # Independent of the noise model: the median of fourth differences along the spectra.
    noise = 1.4826 * np.median(np.abs(np.diff(flat, 4, axis=1))) / np.sqrt(70)
    print(
        f"\nClean map {path.name}: altered by {np.sqrt((altered**2).mean()):.3f} (whole map) or "
        f"{np.sqrt((alone_altered**2).mean()):.3f} (one spectrum) where its noise is {noise:.3f}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a run or file of weights; the package's denoiser without it")
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--map", type=Path)
    parser.add_argument("--no-simulation", action="store_true")
    options = parser.parse_args()
    model, restorer = deeper_jax.load(options.model), deeper_jax.load(DEFAULT_RESTORER)
    if options.pairs:
        measured_pairs(options.pairs, model, restorer)
    if options.map:
        clean_map(options.map, model, restorer)
    if not options.no_simulation:
        simulated(model, restorer)


if __name__ == "__main__":
    main()
