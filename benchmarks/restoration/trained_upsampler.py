"""The paper's super-resolution network trained by configs/super_resolution_small.py, once a scale and kept.

python -m benchmarks.restoration.trained_upsampler --runs=runs/finer    # by itself: the longest part of `finer`
"""

import argparse
from pathlib import Path

from benchmarks.restoration.samples import whole_numbers
from configs import super_resolution_small
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.experiments.runs import trained
from deeper_jax.inference.super_resolver import SuperResolver


def super_resolver(runs: Path, scale: int, steps: int = 0) -> SuperResolver:
    """The network of one scale in the folder `runs`, trained first if need be; 0 steps: those of the config."""
    config = super_resolution_small.get_config(f"scale={scale}")
    config.data.path, config.data.tfds_dir = str(runs / "images"), str(runs / "prepared")
    if steps:
        config.train.steps = config.train.evaluate_every = config.train.checkpoint_every = steps
    return trained(config, runs / f"{scale}x", SuperResolver)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--scales", type=whole_numbers, default="2,3,4")
    options = parser.parse_args()
    run_quietly("trained_upsampler", lambda: [super_resolver(options.runs, scale) for scale in options.scales])


if __name__ == "__main__":
    main()
