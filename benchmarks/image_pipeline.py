"""Images a second of the super-resolution training input: ours against the released code's way.

    python benchmarks/image_pipeline.py --json image_pipeline.json

The twin below works as the released code does (one image at a time out of its .mat file, NumPy in float64,
torch's DataLoader without workers, batches of 2), but is written from the facts. Both read the same folder,
make the same kinds of draws and give float32 batches; they are timed in turns so that whatever else the machine
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
from deeper_jax.spectra.raster import raster_offset_choices

PACKAGES = ("numpy", "scipy", "tensorflow-cpu", "tensorflow", "torch")
SCALE, SIZE = 4, 64
# What has been made ahead while the other side was timed.
DISCARDED_BATCHES = 8


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


def shift_by_padding(image: np.ndarray, channels: int) -> np.ndarray:
    if channels > 0:
        return np.pad(image[..., channels:], ((0, 0), (0, 0), (0, channels)), mode="reflect")
    if channels < 0:
        return np.pad(image[..., :channels], ((0, 0), (0, 0), (-channels, 0)), mode="reflect")
    return image


def endless(loader: torch.utils.data.DataLoader) -> Iterator[Any]:
    while True:
        for batch in loader:
            # The released training loop makes each batch float32 before the network sees it.
            yield {name: values.float() for name, values in batch.items()}


def images_per_second(batches: Iterator[Any], count: int, batch_size: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return count * batch_size / (time.perf_counter() - start)


def measure(folder: Path, images: int, size: int, length: int, batch_size: int, rounds: int) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    for number in range(images):
        image = generator.random((size, size, length)) + 0.1
        scipy.io.savemat(folder / f"cell-{number:03d}.mat", {"image": image})
    read = read_images(folder)
    ours = image_training_batches(
        read, batch_size=batch_size, scale=SCALE, seed=0, total_steps=10**9, raster_offsets=raster_offset_choices(SCALE)
    )
    dataset = PerImageDataset(sorted(folder.glob("*.mat")), seed=0)
    loader = torch.utils.data.DataLoader(dataset, batch_size, drop_last=True, num_workers=0)
    twin = endless(loader)
    images_per_second(ours, 10, batch_size)
    images_per_second(twin, max(2, images // batch_size), batch_size)
    rates: dict[str, list[float]] = {"per_image": [], "ours": []}
    for _ in range(rounds):
        rates["per_image"].append(images_per_second(twin, 10, batch_size))
        images_per_second(ours, DISCARDED_BATCHES, batch_size)
        rates["ours"].append(images_per_second(ours, 100, batch_size))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "images": images,
        "size": [size, size, length],
        "batch_size": batch_size,
        "images_per_second": rates,
        "median": medians,
        "ratio": medians["ours"] / medians["per_image"],
    }


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
    rows = [("one image at a time (SciPy, NumPy, torch DataLoader)", "per_image"), ("deeper_jax (tf.data)", "ours")]
    lines = [
        f"{result['images']} images of {' x '.join(map(str, result['size']))} in .mat files, batch "
        f"{result['batch_size']}, all augmentation, {SCALE}x; {result['cores']} cores of {result['processor']}, "
        f"Python {result['python']}, {versions}.",
        "",
        "| image pipeline | images/s (median) | lowest to highest |",
        "|---|---|---|",
    ]
    for title, name in rows:
        rates = result["images_per_second"][name]
        lines.append(f"| {title} | {result['median'][name]:,.1f} | {min(rates):,.1f} to {max(rates):,.1f} |")
    return "\n".join([*lines, "", f"Ratio of the medians: {result['ratio']:.1f}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--size", type=int, default=64, help="height and width of the images on disk")
    parser.add_argument("--length", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    if arguments.size < SIZE:
        parser.error(f"--size {arguments.size}: expected {SIZE} or more")
    with tempfile.TemporaryDirectory() as folder:
        result = surroundings() | measure(
            Path(folder),
            arguments.images,
            arguments.size,
            arguments.length,
            arguments.batch_size,
            arguments.rounds,
        )
    print(as_markdown(result))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
