"""Quality, not speed: BatchNorm by the statistics of all devices' batch, or of each device's own part of it.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 python -m benchmarks.batch_statistics --output=DIR

The demo's denoiser, with BatchNorm, trained on all devices there are, a batch of 128 shared among them, with either way
to take the statistics (`train.batch_statistics`), the same seeds, data and steps for both; errors as in
`benchmarks.data_paths`, of simulated cells that none has seen. Writes OUTPUT/batch_statistics.md; runs that were
stopped resume.
"""

import argparse
from pathlib import Path

import jax
import numpy as np

from benchmarks.data_paths import as_markdown, config_of, errors
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.data.files import read_pairs
from deeper_jax.errors import InputError
from deeper_jax.tasks.registry import training_job
from deeper_jax.training.loop import train

WORDS = {"all": "of the whole batch", "device": "of each device's part"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, type=Path, help="folder for the data, the runs and the table")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each way (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=400, help="of each run (default: %(default)s)")
    options = parser.parse_args()
    run_quietly("batch_statistics.py", lambda: run(options.output, options.seeds, options.steps))


def run(output: Path, seeds: int, steps: int) -> None:
    """Train all, score all, and write the table."""
    devices = jax.device_count()
    if devices < 2:
        raise InputError("There is one device, whose part is the whole batch: set XLA_FLAGS as --help shows.")
    scores: dict[str, list[np.ndarray]] = {way: [] for way in WORDS}
    for seed in range(seeds):
        for way, found in scores.items():
            config = config_of("device", output, seed, steps)
            config.model.batch_norm, config.train.batch_statistics = True, way
            workdir = output / f"{way}_{seed}"
            train(config, training_job(config), workdir)
            found.append(errors(workdir, read_pairs(output / "cells")["test"]))
    words = f"statistics on {devices} devices, batch {config.train.batch_size}"
    table = as_markdown({WORDS[way]: np.mean(found, axis=0) for way, found in scores.items()}, words, seeds, steps)
    (output / "batch_statistics.md").write_text(table + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
