"""The paper's experiments: what they train on, how long, and what they report.

    python eval.py --experiment=all --output=runs/paper                                    # small, simulated data
    python eval.py --experiment=denoising --config=configs/experiments.py:paper --output=runs/paper

`small` (the default) takes two CPU cores about twenty minutes for all; `paper` is the paper's networks and numbers
of epochs, for GPUs. Data: `denoising.data.path`, `hybrid.training.data.path`, `super_resolution.x2.data.path` (x3,
x4) and `transfer.training.data.path` are used where they exist, simulated ones otherwise, which is said.
"""

from ml_collections import ConfigDict

from configs import cartilage, denoising, super_resolution, super_resolution_small


def get_config(arg: str | None = None) -> ConfigDict:
    """The settings; `arg` is 'small' or 'paper'.

    Raises:
      ValueError: another `arg`.
    """
    if arg not in (None, "", "small", "paper"):
        raise ValueError(f"configs/experiments.py takes :small or :paper, not {arg!r}")
    config = ConfigDict()
    # Of the vertex component analysis.
    config.seed = 0
    config.endmembers = 5
    # Folds of the cross-validation, at most one a cell.
    config.folds = 11
    # Seconds a pixel of the fast and of the slow measurement.
    config.dwell_low, config.dwell_high = 0.1, 1.0
    # Side of a pixel in micrometres, for scale bars; 0: not known, none.
    config.pixel_size_um = 0.5
    # At most so many test cells; the reference methods are tuned on the first of them.
    config.hybrid = ConfigDict({"cells": 11, "endmembers": 4, "tuning_cells": 2})
    config.transfer = ConfigDict({"pixel_size_um": 1.0, "map": "", "map_pixel_size_um": 1.0})
    # Parts of the network of cells that are not taken over: the upsampler is solved for the tissue's own spectra.
    config.transfer.not_transferred = ("upsamplers", "blend")
    return _paper(config) if arg == "paper" else _small(config)


def _small(config: ConfigDict) -> ConfigDict:
    config.denoising = denoising.get_config("width=8,batch_norm=false")
    config.denoising.train.update({"batch_size": 128, "epochs": 0, "steps": 120, "log_every": 40})
    config.denoising.train.update({"evaluate_every": 60, "checkpoint_every": 30})
    config.denoising.schedule.learning_rate = 3e-3
    config.hybrid.training = denoising.get_config("width=16,batch_norm=false")
    config.hybrid.training.train.update({"batch_size": 128, "epochs": 0, "steps": 900, "log_every": 50})
    config.hybrid.training.train.update({"evaluate_every": 300, "checkpoint_every": 100})
    config.hybrid.training.schedule.learning_rate = 2e-3
    config.super_resolution = ConfigDict()
    for scale in (2, 3, 4):
        one = super_resolution_small.get_config(f"scale={scale}")
        # The cartilage map's range, so that its network can start from these.
        one.data.axis, one.model.length = (602.0, 1798.0), 100
        one.data.path, one.data.patch = "data/deeper_images", 48
        one.train.update({"steps": 150, "evaluate_every": 50, "checkpoint_every": 50})
        one.data.simulate.update({"images": 34, "test_images": 9})
        config.super_resolution[f"x{scale}"] = one
    config.transfer.training = _tissue(config.super_resolution.x4, "data/deeper_cartilage")
    config.transfer.training.train.steps = 80
    # The tissue is another sample of another instrument than the training patches.
    config.transfer.training.initial_keep_level = True
    config.transfer.scratch_learning_rate = 1e-3
    config.transfer.map_training = cartilage.get_config()
    for name in ("length", "width", "groups", "blocks", "reduction"):
        config.transfer.map_training.model[name] = config.super_resolution.x2.model[name]
    config.transfer.map_training.data.axis = (602.0, 1798.0)
    _simulate_cells(config)
    return config


def _paper(config: ConfigDict) -> ConfigDict:
    config.denoising = denoising.get_config()
    config.hybrid.training = denoising.get_config()
    config.super_resolution = ConfigDict()
    for scale in (2, 3, 4):
        one = super_resolution.get_config(f"scale={scale}")
        one.data.simulate = ConfigDict({"images": 169, "test_images": 9, "height": 64, "width": 64, "seed": 1})
        config.super_resolution[f"x{scale}"] = one
    config.transfer.not_transferred = ()
    config.transfer.training = _tissue(config.super_resolution.x4, "data/deeper_cartilage")
    config.transfer.training.train.epochs = 200
    config.transfer.scratch_learning_rate = 1e-5
    config.transfer.map_training = super_resolution.get_config("scale=2")
    config.transfer.map_training.data.update({"strips": 5, "patch": 24})
    config.transfer.map_training.train.epochs = 200
    _simulate_cells(config)
    return config


def _simulate_cells(config: ConfigDict) -> None:
    simulate = {"cells": 11, "test_cells": 1, "height": 48, "width": 48, "seed": 2}
    config.denoising.data.simulate = ConfigDict(simulate)
    config.hybrid.training.data.simulate = ConfigDict({**simulate, "cells": 36, "test_cells": 11, "seed": 4})


def _tissue(cells: ConfigDict, path: str) -> ConfigDict:
    """The network of cells, for 16 training patches of cartilage and 12 test patches of another sample."""
    tissue = ConfigDict(cells.to_dict())
    tissue.data.path = path
    tissue.data.simulate = ConfigDict(
        {"sample": "cartilage", "images": 28, "test_images": 12, "height": 64, "width": 64, "seed": 3}
    )
    return tissue
