"""Spectra of a map measured twice, fast and slow: error and intervals of `enhance` on the fast ones, line by line.

After the best scale and offset of each spectrum. Excess: squared error against the slow spectrum over its range, less
the slow one's own noise (benchmarks/enhance.py), with the restorer and without; expected: what the stated uncertainty
makes of it. Within: share of the slow values in the 90 % interval of the stated uncertainty and the slow one's noise
together; in brackets, of that noise alone, as if the answer were true. After ±: standard errors, of a line over its
spectra, of all over the spectra, and once more over the lines, since neighbours are alike. The brightest tenth of the
slow spectra, by their means, is where the sample is, if most of the map is medium. The strongest component of what the
answers leave of these slow spectra is looked for in what they leave of the fast ones: if the answers have lost it, it
is there too; if the sample was another at the second scan, it is not.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import sem

import deeper_jax
from benchmarks.enhance import excess, fitted_to, slow_noise
from benchmarks.restoration.thinned import enhanced
from deeper_jax.enhancement.uncertainty import NINETY_PERCENT
from deeper_jax.maps import raman_map


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", type=Path, required=True, help="an .npz of low, high [N, L] and wavenumbers [L]")
    parser.add_argument("--lines", type=int, default=8, help="of the map that the spectra are")


def run(options: argparse.Namespace) -> None:
    with np.load(options.pairs) as stored:
        low, high = (stored[name].astype(np.float64) for name in ("low", "high"))
        axis = stored["wavenumbers"].astype(np.float64)
    cube, model = low.reshape(options.lines, -1, len(axis)), deeper_jax.load()
    result = deeper_jax.enhance(raman_map(cube, axis), model, cosmic_rays="keep")
    output, uncertainty = (result[name].values.reshape(low.shape) for name in ("intensity", "uncertainty"))
    fitted, slope = fitted_to(output, high)
    noise, own, distance = slow_noise(fitted), np.abs(slope) * uncertainty, np.abs(high - fitted)
    figures = [
        excess(output, high),
        excess(enhanced(cube, axis, model, {}).reshape(low.shape), high),
        (own**2).mean(1) / np.ptp(high, axis=1) ** 2,
        (distance <= NINETY_PERCENT * np.hypot(own, noise)).mean(1),
        (distance <= NINETY_PERCENT * noise).mean(1),
    ]
    by_line = np.reshape(figures, (len(figures), options.lines, -1))
    titles = ["line", "spectra", "excess", "without the restorer", "expected", "within 90 % (noise alone)"]
    print(f"| {' | '.join(titles)} |\n|{' --- |' * len(titles)}")
    for line in range(options.lines):
        print(_row(str(line + 1), by_line[:, line]))
    print(_row("all", np.array(figures)))
    bright = np.argsort(high.mean(1))[-(len(high) // 10) :]
    print(_row("brightest tenth", np.array(figures)[:, bright]))
    slow, fast, correlation = common((high - fitted)[bright] / slope[bright], (low - output)[bright])
    print(
        f"\nBrightest tenth, along the strongest component of what is left of the slow spectra, in counts of the fast: "
        f"{slow:.2f} in the slow, {fast:.2f} in the fast, correlation {correlation:.2f}"
    )
    ours, without = by_line[:2].mean(2)
    print(f"\nStandard error of all over the lines: {sem(ours):.6f}; of the difference: {sem(ours - without):.6f}")


def common(slow: np.ndarray, fast: np.ndarray) -> tuple[float, float, float]:
    """Along the strongest component of the first residuals [N, L]: standard deviations of both, their correlation."""
    component = np.linalg.svd(slow, full_matrices=False)[2][0]
    first, second = slow @ component, fast @ component
    return float(first.std()), float(second.std()), float(np.corrcoef(first, second)[0, 1])


def _row(name: str, figures: np.ndarray) -> str:
    error, without, expected, within, alone = figures.mean(1)
    half, other = sem(figures[:2], axis=1)
    cells = [name, str(figures.shape[1]), f"{error:.6f} ± {half:.6f}", f"{without:.6f} ± {other:.6f}"]
    cells += [f"{expected:.6f}", f"{100 * within:.1f} % ({100 * alone:.1f} %)"]
    return f"| {' | '.join(cells)} |"
