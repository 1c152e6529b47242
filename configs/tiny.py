"""A run of seconds with everything switched on: for the tests, and to try a change.

python train.py --config=configs/tiny.py --config.data.path=FOLDER --workdir=runs/tiny
"""

from ml_collections import ConfigDict

from configs import denoising


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; `arg` as for configs/denoising.py."""
    config = denoising.get_config(arg or "width=4")
    config.data.path = "data/tiny/cells"
    config.data.tfds_dir = "data/tiny/tfds"
    config.data.simulate = ConfigDict({"cells": 4, "test_cells": 1, "height": 8, "width": 8})
    config.data.validation_fraction = 0.34
    config.train.batch_size = 16
    config.train.epochs = 0
    config.train.steps = 60
    config.train.log_every = 1
    config.train.evaluate_every = 20
    config.train.checkpoint_every = 7
    return config
