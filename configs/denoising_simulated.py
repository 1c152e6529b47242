"""The demo with more of everything: more cells and three times the training, ten minutes on two CPU cores.

    python train.py --config=configs/denoising_simulated.py --workdir=runs/simulated
    python eval.py --workdir=runs/simulated --output=runs/simulated/report

docs/results.md has the figures.
"""

from ml_collections import ConfigDict

from configs import denoising_demo


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; `arg` as for configs/denoising.py."""
    config = denoising_demo.get_config(arg)
    config.data.path = "data/simulated/cells"
    config.data.tfds_dir = "data/simulated/tfds"
    config.data.simulate.update({"cells": 44, "counts_cells": 12, "height": 40, "width": 40, "seed": 1})
    config.train.steps = 2400
    config.train.evaluate_every = 400
    config.train.checkpoint_every = 250
    return config
