"""A small super-resolution run from its config to its report: trained, loaded, evaluated."""

import jax
import numpy as np
import pytest

import deeper_jax
from configs import super_resolution_small
from deeper_jax.data.simulated_data import write_simulated_images
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.tasks.evaluate import evaluate
from deeper_jax.tasks.registry import training_job
from deeper_jax.training.loop import train
from deeper_jax.training.sharding import data_mesh
from deeper_jax.training.stored_checkpoints import read_weights


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two epochs on small simulated cells, at 2x."""
    folder = tmp_path_factory.mktemp("images")
    write_simulated_images(folder / "cells", images=8, test_images=3, height=20, width=18, seed=3)
    config = super_resolution_small.get_config("scale=2")
    config.data.path, config.data.tfds_dir = str(folder / "cells"), str(folder / "tfds")
    config.data.patch = 16
    config.model.update({"length": 25, "width": 8, "groups": 1, "blocks": 1})
    config.train.update({"steps": 4, "batch_size": 8, "evaluate_every": 2, "checkpoint_every": 2, "log_every": 1})
    state = train(config, training_job(config), folder / "run", data_mesh())
    return folder, config, state


def test_training_keeps_a_moving_average_and_load_takes_it(trained):
    folder, config, state = trained
    model = deeper_jax.load(folder / "run")
    assert isinstance(model, SuperResolver)
    assert (model.scale, model.raster_offset, model.length) == (2, 1, 25)
    assert model.record["preprocessing"][-1] == {"name": "bin", "length": 25}
    latest = deeper_jax.load(folder / "run" / "checkpoints" / "latest")
    for ours, average in zip(jax.tree.leaves(latest.params), jax.tree.leaves(state.ema), strict=True):
        np.testing.assert_array_equal(ours, average)
    differences = [
        np.abs(np.asarray(a) - np.asarray(b)).max()
        for a, b in zip(jax.tree.leaves(state.ema), jax.tree.leaves(state.params), strict=True)
    ]
    assert max(differences) > 1e-5
    assert read_weights(folder / "run").path.parent.name == "best"


def test_evaluation_twice_gives_identical_tables(trained, tmp_path):
    folder, _, _ = trained
    for name in ("first", "second"):
        evaluate(folder / "run", tmp_path / name)
    first, second = ((tmp_path / name / "metrics.csv").read_text() for name in ("first", "second"))
    assert first == second
    methods = {line.split(",")[0] for line in first.splitlines()[1:]}
    assert {"network", "nearest", "bicubic", "bicubic_released"} <= methods
    assert first.splitlines()[0].startswith("method,image,mse,psnr,ssim,mse_truth")
    assert (tmp_path / "first" / "index.html").stat().st_size > 10000
