"""The demo: a small denoiser on simulated cells, in minutes on two CPU cores.

    make demo

or, step by step,

    python train.py --config=configs/denoising_demo.py --workdir=demo/run
    python eval.py --workdir=demo/run --output=demo/report
"""

from ml_collections import ConfigDict

from configs import denoising


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; `arg` as for configs/denoising.py."""
    config = denoising.get_config(arg or "width=16,batch_norm=false")
    config.data.path = "demo/cells"
    config.data.tfds_dir = "demo/tfds"
    config.data.simulate = ConfigDict(
        {"cells": 16, "test_cells": 4, "counts_cells": 0, "height": 32, "width": 32, "seed": 0}
    )
    config.train.batch_size = 64
    config.train.epochs = 0
    config.train.steps = 3000
    config.train.log_every = 50
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 250
    config.schedule.learning_rate = 2e-3
    return config
