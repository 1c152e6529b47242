"""The demo: a small denoiser on simulated cells, in three minutes on two CPU cores.

    make demo

or, step by step,

    python train.py --config=configs/denoising_demo.py --workdir=demo/run
    python eval.py --workdir=demo/run --output=demo/report

Twelve cells to learn from, four of them with their background left in, so that the network also takes raw
counts; four others to be tested on. docs/results.md has the figures.
"""

from ml_collections import ConfigDict

from configs import denoising


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; `arg` as for configs/denoising.py."""
    config = denoising.get_config(arg or "width=16,batch_norm=false")
    config.data.path = "demo/cells"
    config.data.tfds_dir = "demo/tfds"
    config.data.simulate = ConfigDict(
        {"cells": 16, "test_cells": 4, "counts_cells": 4, "height": 32, "width": 32, "seed": 0}
    )
    config.train.batch_size = 128
    config.train.epochs = 0
    config.train.steps = 800
    config.train.log_every = 20
    config.train.evaluate_every = 200
    config.train.checkpoint_every = 100
    config.schedule.learning_rate = 2e-3
    return config
