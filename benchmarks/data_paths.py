"""Quality, not speed: denoisers fed in three ways, on simulated cells that none of them has seen.

    python -m benchmarks.data_paths --output=runs/data_paths [--seeds=3] [--steps=600]

The same small network and steps, the same files through tf.data and kept on the device, and spectra that the
simulator makes anew on the device at every step. Errors of eight cells, against their noisy long exposure and against
the noise-free truth; each cell's mean over the seeds. Writes OUTPUT/data_paths.md; runs that were stopped resume.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

import deeper_jax
from configs import denoising_counts, denoising_demo
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.data.files import SpectralPairs, read_pairs
from deeper_jax.evaluation.metrics import mse, over_own_maximum
from deeper_jax.evaluation.statistics import compare_paired, summarise
from deeper_jax.spectra.preprocessing import PUBLISHED_STEPS
from deeper_jax.tasks.registry import training_job
from deeper_jax.training.loop import train

CELLS = {"cells": 28, "test_cells": 8, "counts_cells": 0, "height": 32, "width": 32, "seed": 5}
WORDS = {
    "tf.data": "20 cells' files through tf.data",
    "device": "the same files kept on the device",
    "simulator": "simulated anew on the device",
}


def main() -> None:
    options = options_of(__doc__, steps=600)
    run_quietly("data_paths.py", lambda: run(options.output, options.seeds, options.steps))


def options_of(description: str | None, steps: int) -> argparse.Namespace:
    """The folder, the seeds and the steps of trainings that are compared."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, type=Path, help="folder for the data, the runs and the table")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each way (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=steps, help="of each run (default: %(default)s)")
    return parser.parse_args()


def config_of(way: str, output: Path, seed: int, steps: int) -> ConfigDict:
    """The demo's network and schedule, fed in one of the ways of `WORDS`."""
    config = denoising_demo.get_config()
    if way == "simulator":
        settings = denoising_counts.get_config()
        config.data, config.train = settings.data, settings.train
        config.data.steps = [dict(step) for step in PUBLISHED_STEPS]
    else:
        config.data.path, config.data.tfds_dir = str(output / "cells"), str(output / "tfds")
        config.data.simulate, config.data.input_pipeline = ConfigDict(CELLS), way
    config.seed, config.train.steps, config.train.evaluate_every = seed, steps, steps // 4
    return config


def run(output: Path, seeds: int, steps: int) -> None:
    """Train all, score all, and write the table."""
    scores = train_all(output, seeds, WORDS, lambda way, seed: config_of(way, output, seed, steps))
    write_table(output / "data_paths.md", as_markdown(scores, "fed by", seeds, steps))


def train_all(
    output: Path, seeds: int, words: dict[str, str], config: Callable[[str, int], ConfigDict]
) -> dict[str, np.ndarray]:
    """Train each way with each seed, by its config; mean `errors` [cells, 2] over the seeds, by the way's words."""
    scores: dict[str, list[np.ndarray]] = {way: [] for way in words}
    for seed in range(seeds):
        for way, found in scores.items():
            settings, workdir = config(way, seed), output / f"{way}_{seed}"
            train(settings, training_job(settings), workdir)
            found.append(errors(workdir, read_pairs(output / "cells")["test"]))
    return {words[way]: np.mean(found, axis=0) for way, found in scores.items()}


def write_table(path: Path, table: str) -> None:
    path.write_text(table + "\n", encoding="utf-8")
    print(table)


def errors(workdir: Path, test: SpectralPairs) -> np.ndarray:
    """[cells, 2]: MSE against the long exposure and against the truth, each spectrum over its own maximum."""
    model = deeper_jax.load(workdir)
    rows = []
    for name in test.cell_names:
        cell = test.of_cell(name)
        output = over_own_maximum(model.network(over_own_maximum(cell.noisy)))
        rows.append([mse(output, over_own_maximum(known)) for known in (cell.target, cell.truth)])
    return np.array(rows)


def as_markdown(scores: dict[str, np.ndarray], varied: str, seeds: int, steps: int) -> str:
    """One line for each of what is `varied`; differences are paired by cell, against the first."""
    first = next(iter(scores))
    lines = [
        f"{CELLS['test_cells']} simulated cells, {seeds} runs of {steps} steps each; MSE x 1e3 (95 % interval over "
        "cells), and its difference to the first, paired by cell.",
        "",
        f"| {varied} | against the long exposure | difference | p | against the truth | difference | p |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, found in scores.items():
        cells = [name]
        for column in (0, 1):
            values = 1e3 * found[:, column]
            summary = summarise(values)
            cells.append(f"{summary.mean:.3f} ({summary.low:.3f} to {summary.high:.3f})")
            if name == first:
                cells += ["", ""]
            else:
                compared = compare_paired(values, 1e3 * scores[first][:, column])
                cells += [
                    f"{compared.difference:+.3f} ({compared.low:+.3f} to {compared.high:+.3f})",
                    "" if compared.wilcoxon_p is None else f"{compared.wilcoxon_p:.3g}",
                ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
