"""The whole command, `deeper-jax enhance`: seconds, processor time, memory and error by the size of the map.

    python -m benchmarks.command [--sizes=40x40x500,120x120x1000,250x250x500,500x500x500] [--output=DIR]
    python -m benchmarks.command --quick --sizes=1000x1000x500 --output=DIR

Simulated cells in files of float32, every method in a process of its own, from reading the file to writing the answer:
`enhance` with its page, and without; PCA + Whittaker with the components and the smoothing that are best on the truth
of that very map; where they are installed RamanSPy's pipeline (despiking, Savitzky-Golay) and, on maps of at most two
million values, BM4D (for non-commercial use only). "Warm" is the second map of one process. Memory is the peak of the
process. The error is that of the spectra, in percent of the noise's variance. On a machine that others use too, compare
processor time. Maps of more than 200 million values are mosaics of cells of 250 x 250 pixels, made and compared with
their truth in pieces, and no peer is asked, as all hold several copies of the map.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIZES = "40x40x500,120x120x1000,250x250x500,500x500x500"
COMPONENTS, LAMBDAS = (2, 3, 4, 6), (10, 30, 100)
LARGEST_BM4D = 2_000_000
# Above so many values a map is a mosaic of cells of so many pixels a side, and peers are not asked.
LARGEST_AT_ONCE, TILE = 200_000_000, 250


class Cost(NamedTuple):
    """Of a process: wall seconds, processor seconds, and its peak of memory in GB."""

    seconds: float
    processor: float
    memory: float


def simulated(shape: tuple[int, int, int], folder: Path) -> tuple[Path, np.ndarray]:
    """A file of a noisy map, and its truth; of a large map both are made in pieces, and the truth lies in a file."""
    from deeper_jax.maps import raman_map, write_map
    from deeper_jax.simulator import default_wavenumbers

    axis = default_wavenumbers()
    axis = np.linspace(axis[0], axis[-1], shape[2]).astype(np.float32)
    path = folder / "map.h5"
    if np.prod(shape) > LARGEST_AT_ONCE:
        return path, _mosaic(shape, axis, path, folder / "truth.npy")
    measured, truth = _cell(5, shape[:2], axis)
    write_map(raman_map(measured, np.float64(axis)), path, overwrite=True)
    return path, truth


def _cell(seed: int, shape: tuple[int, int], axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A noisy scan and its truth, float32."""
    import jax

    from deeper_jax.simulator import SimulatorConfig, simulate_cell

    simulate = jax.jit(simulate_cell, static_argnums=(1, 2, 4))
    cell = simulate(jax.random.key(seed), *shape, axis, SimulatorConfig(signal_level=(1.0, 1.0)))
    return np.asarray(cell.low, np.float32), np.asarray(cell.low_truth, np.float32)


def _mosaic(shape: tuple[int, int, int], axis: np.ndarray, path: Path, truth_path: Path) -> np.ndarray:
    """Cells beside each other, written line of cells by line of cells; their truth, which lies in a file."""
    import xarray

    from deeper_jax.maps.writing import MapInPieces

    height, width, _ = shape
    truth = np.lib.format.open_memmap(truth_path, "w+", np.float32, shape)
    coords = {"y": np.arange(height), "x": np.arange(width), "wavenumber": np.float64(axis)}
    nothing = np.broadcast_to(np.float32(0), shape)
    whole = xarray.DataArray(nothing, coords, ("y", "x", "wavenumber"), name="intensity", attrs={"units": "a.u."})
    with MapInPieces(path, overwrite=True) as file:
        file.begin(whole.to_dataset())
        for top in range(0, height, TILE):
            rows = min(TILE, height - top)
            line = np.empty((rows, *shape[1:]), np.float32)
            for left in range(0, width, TILE):
                here = slice(left, min(left + TILE, width))
                measured, clean = _cell(5 + top * width + left, (TILE, TILE), axis)
                line[:, here] = measured[:rows, : here.stop - left]
                truth[top : top + rows, here] = clean[:rows, : here.stop - left]
            file.put(slice(top * width, (top + rows) * width), {"intensity": line.reshape(-1, shape[2])})
        file.finish(whole.to_dataset())
    truth.flush()
    return truth


def mean_square(path: Path, truth: np.ndarray) -> float:
    """Of the differences of the map in a file from the truth, gone through in pieces."""
    from deeper_jax.maps import read_map

    found, total = read_map(path, lazy=True), 0.0
    lines = max(1, (1 << 24) // truth[0].size)
    for start in range(0, len(truth), lines):
        part = slice(start, start + lines)
        total += float(np.square(found[part].values - truth[part], dtype=np.float64).sum())
    return total / truth.size


def cost_of(*arguments: str | Path) -> Cost:
    """What a process takes."""
    command = [sys.executable, *map(str, arguments)]
    # A process's peak begins with that of its parent, so the parent must be small.
    code = (
        "import os, subprocess, sys, time; begun = time.perf_counter();"
        "quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL};"
        "_, status, used = os.wait4(subprocess.Popen(sys.argv[1:], **quiet).pid, 0);"
        "print(os.waitstatus_to_exitcode(status), time.perf_counter() - begun, used.ru_utime + used.ru_stime,"
        "1024 * used.ru_maxrss / 1e9)"
    )
    told = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True).stdout
    status, *costs = told.split()
    if status != "0":
        raise RuntimeError(f"{arguments}: ended with {status}")
    return Cost(*map(float, costs))


def best_pca(path: Path, truth: np.ndarray) -> str:
    """Components and smoothing that are best on the truth, found on a part of the map."""
    from deeper_jax.evaluation.reference_methods import pca_whittaker
    from deeper_jax.maps import read_map

    part = (slice(0, 64), slice(0, 64))
    flat = read_map(path).values[part].reshape(-1, truth.shape[-1]).astype(np.float64)
    target = truth[part].reshape(flat.shape)
    errors = {(k, lam): ((pca_whittaker(flat, k, lam) - target) ** 2).mean() for k in COMPONENTS for lam in LAMBDAS}
    return ",".join(map(str, min(errors, key=lambda each: errors[each])))


def by_peer(method: str, path: Path, output: Path) -> None:
    """One of the other methods, from file to file."""
    from deeper_jax.maps import read_map

    data = read_map(path)
    cube = data.values
    if method.startswith("pca:"):
        from deeper_jax.evaluation.reference_methods import pca_whittaker

        components, lam = method.removeprefix("pca:").split(",")
        answer = pca_whittaker(cube.reshape(-1, cube.shape[-1]).astype(np.float64), int(components), float(lam))
    elif method == "ramanspy":
        from ramanspy import SpectralImage, preprocessing

        steps = [preprocessing.despike.WhitakerHayes(), preprocessing.denoise.SavGol(window_length=9, polyorder=3)]
        image = SpectralImage(cube, data["wavenumber"].values)
        answer = preprocessing.Pipeline(steps).apply(image).spectral_data
    else:
        from bm4d import bm4d

        noise = np.median(np.abs(np.diff(cube, 4, axis=-1))) / 0.6745 / np.sqrt(70)
        answer = bm4d(cube.astype(np.float64), noise)
    np.save(output, np.asarray(answer, np.float32).reshape(cube.shape))


def warm(path: Path, output: Path) -> None:
    """Enhance a map twice in this process, and write how long the second took."""
    import deeper_jax
    from deeper_jax.maps import read_map

    data = read_map(path)
    for _ in range(2):
        begun, before = time.perf_counter(), time.process_time()
        deeper_jax.enhance(data)
        output.write_text(f"{time.perf_counter() - begun} {time.process_time() - before}")


def rows_of(shape: tuple[int, int, int], folder: Path, quick: bool) -> list[tuple[str, Cost, float | None]]:
    """(method, cost, error) of every method on one map."""
    path, truth = simulated(shape, folder)
    noise = mean_square(path, truth)
    result, other = folder / "enhanced.h5", folder / "other.npy"
    command = ("-m", "deeper_jax", "enhance", path, "-o", result, "--overwrite")
    found: list[tuple[str, Cost, float | None]] = [
        ("enhance, with its page", cost_of(*command), 100 * mean_square(result, truth) / noise)
    ]
    found.append(("enhance, no page", cost_of(*command, "--no-page"), None))
    if not quick:
        seconds = folder / "seconds"
        cost = cost_of("-m", "benchmarks.command", "--warm", path, seconds)
        spent = [float(word) for word in seconds.read_text().split()]
        found.append(("enhance in memory, warm", Cost(*spent, cost.memory), None))
    if truth.size > LARGEST_AT_ONCE:
        return found
    peers = {"PCA + Whittaker, best on the truth": f"pca:{best_pca(path, truth)}"}
    if importlib.util.find_spec("ramanspy"):
        peers["RamanSPy, despiked and Savitzky-Golay"] = "ramanspy"
    if importlib.util.find_spec("bm4d") and truth.size <= LARGEST_BM4D:
        peers["BM4D"] = "bm4d"
    for name, method in peers.items():
        cost = cost_of("-m", "benchmarks.command", "--peer", method, path, other)
        found.append((name, cost, float(100 * ((np.load(other) - truth) ** 2).mean() / noise)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--quick", action="store_true", help="without the warm runs")
    parser.add_argument("--output", type=Path, help="folder for the files; a temporary one without it")
    parser.add_argument("--peer", nargs=3, metavar=("METHOD", "IN", "OUT"), help=argparse.SUPPRESS)
    parser.add_argument("--warm", nargs=2, metavar=("IN", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        by_peer(options.peer[0], Path(options.peer[1]), Path(options.peer[2]))
        return
    if options.warm:
        warm(*map(Path, options.warm))
        return
    missing = [name for name in ("ramanspy", "bm4d") if not importlib.util.find_spec(name)]
    if missing:
        print(f"Left out, as not installed: {', '.join(missing)}.\n")
    print("| map | method | seconds | processor seconds | peak memory, GB | error, % of noise |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    growth: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size in options.sizes.split(","):
            height, width, channels = map(int, size.split("x"))
            for name, cost, error in rows_of((height, width, channels), folder, options.quick):
                told = "" if error is None else f"{error:.2f}"
                costs = f"{cost.seconds:.1f} | {cost.processor:.1f} | {cost.memory:.2f}"
                print(f"| {size.replace('x', ' × ')} | {name} | {costs} | {told} |", flush=True)
                if name == "enhance, no page":
                    growth.append((height * width * channels, cost.processor))
    if len(growth) > 2:
        values, seconds = np.array(growth).T
        slope, start = np.polyfit(values / 1e6, seconds, 1)
        power = np.polyfit(np.log(values[1:]), np.log(np.maximum(seconds[1:] - start, 1e-3)), 1)[0]
        print(
            f"\nProcessor seconds without page: {start:.1f} and {slope:.3f} a million values more; beyond the start "
            f"they grow as the size to the power {power:.2f}."
        )


if __name__ == "__main__":
    main()
