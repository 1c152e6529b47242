"""Examples a second of the training input: ours against the released code's way, one example at a time.

    python benchmarks/input_pipeline.py --json input_pipeline.json

The twin below works as the released code does (a NumPy data set behind torch's DataLoader, no workers), but
is written from the facts. Both shift and mix the same spectra in batches of 256, and are timed in turns so
that whatever else the machine does meets both alike. Prints Markdown.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deeper_jax.data.spectra_pipeline import training_batches
from deeper_jax.data.spectral_pairs import SpectralPairs

PACKAGES = ("numpy", "tensorflow-cpu", "tensorflow", "torch")
WARM_UP_BATCHES = 300
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


def shift_by_padding(spectrum: np.ndarray, channels: int) -> np.ndarray:
    if channels > 0:
        return np.pad(spectrum[channels:], (0, channels), mode="reflect")
    if channels < 0:
        return np.pad(spectrum[:channels], (-channels, 0), mode="reflect")
    return spectrum


def endless(loader: torch.utils.data.DataLoader) -> Iterator[Any]:
    while True:
        yield from loader


def examples_per_second(batches: Iterator[Any], count: int, batch_size: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return count * batch_size / (time.perf_counter() - start)


def measure(examples: int, length: int, batch_size: int, rounds: int) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    noisy, target = (generator.random((examples, length), np.float32) + 0.1 for _ in range(2))
    pairs = SpectralPairs(noisy, target, None, None, np.zeros(examples, np.int32), ("cell",), {}, "benchmark", True)
    ours = training_batches(pairs, batch_size=batch_size, seed=0, total_steps=10**9)
    dataset = PerExampleDataset(noisy, target)
    twin = endless(torch.utils.data.DataLoader(dataset, batch_size, drop_last=True, num_workers=0))
    examples_per_second(ours, WARM_UP_BATCHES, batch_size)
    examples_per_second(twin, 5, batch_size)
    rates: dict[str, list[float]] = {"per_example": [], "ours": []}
    for _ in range(rounds):
        rates["per_example"].append(examples_per_second(twin, 20, batch_size))
        examples_per_second(ours, DISCARDED_BATCHES, batch_size)
        rates["ours"].append(examples_per_second(ours, 500, batch_size))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "examples": examples,
        "length": length,
        "batch_size": batch_size,
        "examples_per_second": rates,
        "median": medians,
        "ratio": medians["ours"] / medians["per_example"],
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
    rows = [
        ("one example at a time (NumPy, torch DataLoader)", "per_example"),
        ("deeper_jax (tf.data)", "ours"),
    ]
    lines = [
        f"{result['examples']} pairs of {result['length']} channels, batch {result['batch_size']}, shift "
        "and mixup; "
        f"{result['cores']} cores of {result['processor']}, Python {result['python']}, {versions}.",
        "",
        "| input pipeline | examples/s (median) | lowest to highest |",
        "|---|---|---|",
    ]
    for title, name in rows:
        rates = result["examples_per_second"][name]
        lines.append(f"| {title} | {result['median'][name]:,.0f} | {min(rates):,.0f} to {max(rates):,.0f} |")
    return "\n".join([*lines, "", f"Ratio of the medians: {result['ratio']:.1f}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--length", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", help="also write the figures to this file")
    arguments = parser.parse_args()
    result = surroundings() | measure(arguments.examples, arguments.length, arguments.batch_size, arguments.rounds)
    print(as_markdown(result))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
