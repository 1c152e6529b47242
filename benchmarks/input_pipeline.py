"""Examples a second of the training input: ours against the released code's way, one example at a time.

    python -m benchmarks.input_pipeline spectra --json spectra.json
    python -m benchmarks.input_pipeline images --json images.json

The twins below work as the released code does, but are written from the facts: spectra behind torch's DataLoader
without workers, in batches of 256; images one at a time out of their .mat files, NumPy in float64, batches of 2. Both
sides make the same kinds of draws and give float32 batches, and are timed in turns so that whatever else the machine
does meets both alike. Prints Markdown.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import torch

from deeper_jax.data.image_files import read_images
from deeper_jax.data.image_pipeline import image_training_batches
from deeper_jax.data.spectra_pipeline import training_batches
from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.spectra.raster import raster_offset_choices

PACKAGES = ("numpy", "scipy", "tensorflow-cpu", "tensorflow", "torch")
SCALE, SIZE = 4, 64
# What has been made ahead while the other side was timed.
DISCARDED_BATCHES = 20


class PerExampleDataset(torch.utils.data.Dataset):
    """Draws, shifts, mixes and scales one pair at a time."""

    def __init__(self, noisy: np.ndarray, target: np.ndarray) -> None:
        self.noisy, self.target = noisy, target

    def __len__(self) -> int:
        return len(self.noisy)

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        pair = (self.noisy[row], self.target[row])
        mixed = np.random.rand() < 0.5  # noqa: NPY002  (as the released code draws)
        channels = int(round(np.random.uniform(-0.1, 0.1) * len(pair[0])))  # noqa: NPY002
        pair = tuple(shift_by_padding(spectrum, channels) for spectrum in pair)
        if mixed:
            partner = np.random.randint(len(self))  # noqa: NPY002
            weight = np.random.beta(0.2, 0.2)  # noqa: NPY002
            others = (self.noisy[partner], self.target[partner])
            pair = tuple(
                weight * own + (1 - weight) * shift_by_padding(other, channels)
                for own, other in zip(pair, others, strict=True)
            )
        noisy, target = ((spectrum / spectrum.max()).astype(np.float32)[np.newaxis] for spectrum in pair)
        return {"noisy": noisy, "target": target}


class PerImageDataset(torch.utils.data.Dataset):
    """Reads, turns, shifts, mixes, scales and downsamples one image at a time."""

    def __init__(self, files: list[Path], seed: int) -> None:
        self.files, self.generator = files, np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        draw = self.generator
        images = [self.read(row)]
        if draw.random() < 0.5:
            images.append(self.read(int(draw.integers(len(self)))))
        images = [self.turned(self.patch(image)) for image in images]
        channels = round(draw.uniform(-0.1, 0.1) * images[0].shape[-1])
        images = [shift_by_padding(image, channels) for image in images]
        if draw.random() < 0.5:
            images = [image[..., ::-1] if draw.random() < 0.5 else image for image in images]
        mixed = images[0]
        if len(images) == 2:
            weight = draw.beta(0.2, 0.2)
            mixed = weight * images[0] + (1 - weight) * images[1]
        scaled = np.divide(mixed, np.tile(np.amax(mixed), mixed.shape))
        offset = int(draw.choice(raster_offset_choices(SCALE)))
        small = scaled[offset::SCALE, offset::SCALE]
        return {"lr_image": np.moveaxis(small, -1, 0), "hr_image": np.moveaxis(scaled, -1, 0)}

    def read(self, row: int) -> np.ndarray:
        return scipy.io.loadmat(self.files[row])["image"]

    def patch(self, image: np.ndarray) -> np.ndarray:
        top, left = (int(self.generator.integers(edge - SIZE + 1)) for edge in image.shape[:2])
        return image[top : top + SIZE, left : left + SIZE]

    def turned(self, image: np.ndarray) -> np.ndarray:
        for axis in (1, 0):
            if self.generator.random() < 0.5:
                image = np.flip(image, axis)
        return np.rot90(image, int(self.generator.integers(4)))


def shift_by_padding(values: np.ndarray, channels: int) -> np.ndarray:
    """Shift the last axis, the end left free filled by reflection."""
    rest = [(0, 0)] * (values.ndim - 1)
    if channels > 0:
        return np.pad(values[..., channels:], [*rest, (0, channels)], mode="reflect")
    if channels < 0:
        return np.pad(values[..., :channels], [*rest, (-channels, 0)], mode="reflect")
    return values


def endless(loader: torch.utils.data.DataLoader) -> Iterator[Any]:
    while True:
        for batch in loader:
            # The released training loop makes each batch float32 before the network sees it.
            yield {name: values.float() for name, values in batch.items()}


def examples_per_second(batches: Iterator[Any], count: int, batch_size: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return count * batch_size / (time.perf_counter() - start)


def spectra_sides(examples: int, length: int, batch_size: int) -> tuple[Iterator[Any], Any]:
    generator = np.random.default_rng(0)
    noisy, target = (generator.random((examples, length), np.float32) + 0.1 for _ in range(2))
    pairs = SpectralPairs(noisy, target, None, None, np.zeros(examples, np.int32), ("cell",), {}, "benchmark", True)
    return training_batches(pairs, batch_size=batch_size, seed=0, total_steps=10**9), PerExampleDataset(noisy, target)


def image_sides(folder: Path, images: int, size: int, length: int, batch_size: int) -> tuple[Iterator[Any], Any]:
    generator = np.random.default_rng(0)
    for number in range(images):
        image = generator.random((size, size, length)) + 0.1
        scipy.io.savemat(folder / f"cell-{number:03d}.mat", {"image": image})
    offsets = raster_offset_choices(SCALE)
    settings = {"batch_size": batch_size, "scale": SCALE, "seed": 0, "total_steps": 10**9, "raster_offsets": offsets}
    ours = image_training_batches(read_images(folder), **settings)
    return ours, PerImageDataset(sorted(folder.glob("*.mat")), seed=0)


def measure(
    ours: Iterator[Any], dataset: Any, batch_size: int, rounds: int, batches: tuple[int, int]
) -> dict[str, Any]:
    """Time both in turns; `batches`: of the twin and of ours in a round."""
    twin = endless(torch.utils.data.DataLoader(dataset, batch_size, drop_last=True, num_workers=0))
    examples_per_second(ours, batches[1] // 2, batch_size)
    examples_per_second(twin, batches[0] // 2, batch_size)
    rates: dict[str, list[float]] = {"one at a time": [], "ours": []}
    for _ in range(rounds):
        rates["one at a time"].append(examples_per_second(twin, batches[0], batch_size))
        examples_per_second(ours, DISCARDED_BATCHES, batch_size)
        rates["ours"].append(examples_per_second(ours, batches[1], batch_size))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratio = medians["ours"] / medians["one at a time"]
    return {"batch_size": batch_size, "examples_per_second": rates, "median": medians, "ratio": ratio}


def surroundings() -> dict[str, Any]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor_name(),
        "cores": cores,
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": versions,
    }


def processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def as_markdown(result: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    titles = {"one at a time": "one example at a time (NumPy, torch DataLoader)", "ours": "deeper_jax (tf.data)"}
    lines = [
        f"{result['data']}, batch {result['batch_size']}, all augmentation; {result['cores']} cores of "
        f"{result['processor']}, Python {result['python']}, {versions}.",
        "",
        "| input pipeline | examples/s (median) | lowest to highest |",
        "|---|---|---|",
    ]
    for name, title in titles.items():
        rates = result["examples_per_second"][name]
        lines.append(f"| {title} | {result['median'][name]:,.4g} | {min(rates):,.4g} to {max(rates):,.4g} |")
    return "\n".join([*lines, "", f"Ratio of the medians: {result['ratio']:.1f}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", choices=("spectra", "images"))
    parser.add_argument("--examples", type=int, help="by default 20,000 spectra or 16 images")
    parser.add_argument("--size", type=int, default=SIZE, help="height and width of the images on disk")
    parser.add_argument("--length", type=int, default=500)
    parser.add_argument("--batch-size", type=int, help="by default 256 spectra or 2 images")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", help="also write the figures to this file")
    given = parser.parse_args()
    if given.size < SIZE:
        parser.error(f"--size {given.size}: expected {SIZE} or more")
    spectra = given.data == "spectra"
    examples, batch_size = given.examples or (20_000 if spectra else 16), given.batch_size or (256 if spectra else 2)
    with tempfile.TemporaryDirectory() as folder:
        if spectra:
            words, batches = f"{examples} pairs of {given.length} channels", (20, 500)
            sides = spectra_sides(examples, given.length, batch_size)
        else:
            words, batches = (
                f"{examples} .mat images of {given.size} x {given.size} x {given.length}, {SCALE}x",
                (10, 100),
            )
            sides = image_sides(Path(folder), examples, given.size, given.length, batch_size)
        result = {"data": words} | surroundings() | measure(*sides, batch_size, given.rounds, batches)
    print(as_markdown(result))
    if given.json:
        Path(given.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
