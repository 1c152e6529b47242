"""Quality, not speed: BatchNorm by the statistics of all devices' batch, or of each device's own part of it.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 python -m benchmarks.batch_statistics --output=DIR

The demo's denoiser, with BatchNorm, trained on all devices there are, a batch of 128 shared among them, with either way
to take the statistics (`train.batch_statistics`), the same seeds, data and steps for both; errors as in
`benchmarks.data_paths`, of simulated cells that none has seen. Writes OUTPUT/batch_statistics.md; runs that were
stopped resume.
"""

from pathlib import Path

import jax
from ml_collections import ConfigDict

from benchmarks.data_paths import as_markdown, config_of, options_of, train_all, write_table
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.errors import InputError

WORDS = {"all": "of the whole batch", "device": "of each device's part"}


def main() -> None:
    options = options_of(__doc__, steps=400)
    run_quietly("batch_statistics.py", lambda: run(options.output, options.seeds, options.steps))


def run(output: Path, seeds: int, steps: int) -> None:
    """Train all, score all, and write the table."""
    devices = jax.device_count()
    if devices < 2:
        raise InputError("There is one device, whose part is the whole batch: set XLA_FLAGS as --help shows.")

    def config(way: str, seed: int) -> ConfigDict:
        found = config_of("device", output, seed, steps)
        found.model.batch_norm, found.train.batch_statistics = True, way
        return found

    scores = train_all(output, seeds, WORDS, config)
    varied = f"statistics on {devices} devices, batch {config('all', 0).train.batch_size}"
    write_table(output / "batch_statistics.md", as_markdown(scores, varied, seeds, steps))


if __name__ == "__main__":
    main()
