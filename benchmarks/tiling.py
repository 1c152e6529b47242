"""Tiled against whole super-resolution: how far apart, where, and how much memory a large map takes.

    python -m benchmarks.tiling --run=runs/small2x            # seams and the choice of tile and overlap
    python -m benchmarks.tiling --memory                      # a 300 x 500 x 500 map, doubled

Channel attention pools over a tile, so tiled and whole results differ; the first table says by how much. Seams are
measured as the squared error, against the image that was sampled, within two pixels of the tiles' borders over that
elsewhere: 1 means that the borders cannot be told from the rest.
"""

import argparse
import resource
import time

import jax
import numpy as np
from flax import nnx

import deeper_jax
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.inference.tiling import tile_starts
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.initial_upsampler import start_as_interpolation
from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_cell
from deeper_jax.spectra.raster import bin_spectra, downsample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="directory of a trained super-resolution run")
    parser.add_argument("--memory", action="store_true", help="measure the memory of a large map")
    parser.add_argument("--height", type=int, default=300)
    parser.add_argument("--width", type=int, default=500)
    options = parser.parse_args()
    if options.run:
        measure_seams(deeper_jax.load(options.run))
    if options.memory:
        measure_memory(options.height, options.width)


def large_image(model: SuperResolver, cells: int = 4) -> np.ndarray:
    """Simulated cells of 64 x 64 side by side, [cells * 64, cells * 64, L], background removed by the minimum."""
    axis = default_wavenumbers()
    simulate = jax.jit(lambda key: simulate_cell(key, 64, 64, axis, SimulatorConfig()).high)
    keys = jax.random.split(jax.random.key(7), cells * cells)
    rows = []
    for row in range(cells):
        images = [np.asarray(simulate(key)) for key in keys[row * cells : (row + 1) * cells]]
        images = [image - image.min(-1, keepdims=True) for image in images]
        rows.append(np.concatenate([bin_spectra(image, None, length=model.length)[0] for image in images], 1))
    return np.concatenate(rows, 0)


def measure_seams(model: SuperResolver) -> None:
    """Print the table of tiles and overlaps."""
    hr_image = large_image(model)
    side = hr_image.shape[0] // model.scale * model.scale
    hr_image = hr_image[:side, :side]
    lr_image = downsample(hr_image, model.scale, model.raster_offset)
    whole = model.super_resolve(lr_image, tile=max(lr_image.shape))
    whole_error = np.square(whole - hr_image).mean()
    print(f"{model.scale}x, map {lr_image.shape}, whole-map MSE {whole_error:.5g}")
    print("| tile | overlap | rms difference to whole / rms error of whole | MSE / whole's | border / elsewhere | s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for tile, overlap in [(16, 4), (32, 2), (32, 4), (32, 8), (32, 12), (64, 8), (64, 16)]:
        start = time.perf_counter()
        tiled = model.super_resolve(lr_image, tile=tile, overlap=overlap)
        seconds = time.perf_counter() - start
        error = np.square(tiled - hr_image).mean(-1)
        difference = np.sqrt(np.square(tiled - whole).mean() / whole_error)
        border = _border_mask(lr_image.shape[:2], tile, overlap, model.scale)
        ratio = error[border].mean() / error[~border].mean()
        # The same pixels of the whole-map answer say what the borders' content alone does.
        whole_map = np.square(whole - hr_image).mean(-1)
        ratio /= whole_map[border].mean() / whole_map[~border].mean()
        relative = error.mean() / whole_error
        print(f"| {tile} | {overlap} | {difference:.3f} | {relative:.4f} | {ratio:.4f} | {seconds:.1f} |")


def _border_mask(shape: tuple[int, int], tile: int, overlap: int, scale: int) -> np.ndarray:
    masks = []
    for size in shape:
        mask = np.zeros(size * scale, bool)
        side = min(tile, size)
        for start in tile_starts(size, side, overlap):
            for edge in (start, start + side):
                if 0 < edge < size:
                    mask[max(scale * edge - 2, 0) : scale * edge + 2] = True
        masks.append(mask)
    return masks[0][:, None] | masks[1][None, :]


def measure_memory(height: int, width: int) -> None:
    """Print the peak memory of doubling a large map of 500 channels."""
    module = HyRISR(scale=2, length=500, width=16, groups=1, blocks=1, reduction=4, rngs=nnx.Rngs(0))
    start_as_interpolation(module, 1)
    model = SuperResolver(module, {"raster_offset": 1})
    image = np.random.default_rng(0).random((height, width, 500), np.float32)
    start = time.perf_counter()
    output = model.super_resolve(image, progress=True)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sampled = np.abs(output[1::2, 1::2] - image).max()
    print(f"{image.shape} ({image.nbytes / 1e6:.0f} MB) to {output.shape} in {seconds:.0f} s, peak {peak:.2f} GiB")
    print(f"largest difference at the sampled pixels: {sampled:.2g}")


if __name__ == "__main__":
    main()
