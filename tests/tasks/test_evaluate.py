"""Evaluation of runs that were trained on the simulator, and the choice of what to evaluate on."""

import json

import numpy as np
import pytest

from configs import default_denoiser, denoising_counts
from deeper_jax.data.simulated_data import simulate_pairs
from deeper_jax.data.writing import write_pairs
from deeper_jax.errors import InputError
from deeper_jax.models.weights_file import write_weights_file
from deeper_jax.simulator import default_wavenumbers
from deeper_jax.tasks import denoising_evaluation
from deeper_jax.tasks.evaluate import choose_splits, evaluate
from deeper_jax.tasks.registry import task_of, training_job
from deeper_jax.training.loop import train

CELLS = {"cells": 3, "test_cells": 1, "height": 8, "width": 8}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps of the default denoiser's config, made small."""
    config = default_denoiser.get_config("width=4")
    config.train.update({"batch_size": 8, "steps": 2, "log_every": 1, "evaluate_every": 2, "checkpoint_every": 2})
    config.model.length, config.data.validation_spectra, config.data.cell_fraction = 64, 8, 0.0
    workdir = tmp_path_factory.mktemp("run")
    train(config, training_job(config), workdir)
    return workdir


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A denoiser of one axis for raw counts, with a record as its run would have left."""
    config = denoising_counts.get_config("width=4")
    record = {"config": json.loads(config.to_json()), "wavenumbers": default_wavenumbers().tolist()}
    record["preprocessing"] = record["config"]["data"]["steps"]
    task = task_of(config)
    model = task.wrap(task.build(config), record)
    path = tmp_path_factory.mktemp("weights") / "counts.npz"
    write_weights_file(path, model.params, model.stats, record)
    return path


@pytest.mark.parametrize("name", [pytest.param("trained", marks=pytest.mark.slow), "untrained"])
def test_without_data_it_is_evaluated_on_simulated_cells_and_says_so(name, request, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(denoising_evaluation, "SIMULATED", CELLS)
    with caplog.at_level("INFO", logger="deeper_jax"):
        evaluate(request.getfixturevalue(name), tmp_path)
    assert "SIMULATED cells that it has not seen" in caplog.text and "--data=PATH" in caplog.text
    summary = json.loads((tmp_path / "metrics.json").read_text())
    assert summary["context"]["simulated"] is True
    assert summary["context"]["preprocessing_of_the_data"] == [{"name": "remove_cosmic_rays"}]
    rows = {row["method"]: row for row in summary["rows"]}
    assert {"network", "raw", "SG(1,9)"} <= set(rows) and {row["image"] for row in rows.values()} == {"cell_002"}
    # The truth is known, and smoothing brings the spectra nearer to it.
    assert rows["SG(1,9)"]["mse_fit_truth"] < 0.5 * rows["raw"]["mse_fit_truth"]
    assert "SIMULATED" in (tmp_path / "index.html").read_text().upper()


def test_a_noise_aware_denoiser_is_evaluated_on_pairs_that_are_named(tmp_path):
    """With the package's own weights: it must beat what it is given, whatever the axis of the pairs."""
    import deeper_jax

    pairs = simulate_pairs(**CELLS, seed=11)
    write_pairs(tmp_path / "pairs", pairs)
    evaluate(deeper_jax.tasks.load.DEFAULT_DENOISER, tmp_path / "out", data=tmp_path / "pairs")
    summary = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert summary["context"]["tuned_on"] == "the train cells of the same data"
    rows = {row["method"]: row for row in summary["rows"]}
    assert rows["network"]["mse_fit_truth"] < 0.4 * rows["raw"]["mse_fit_truth"]
    model = deeper_jax.load()
    test = pairs["test"]
    answer = np.asarray(model.denoise(test.noisy, test.wavenumbers), np.float64)
    # The table's figure, by NumPy alone: each spectrum over its own maximum.
    expected = np.mean(
        (answer / answer.max(1, keepdims=True) - test.truth / test.truth.max(1, keepdims=True).astype(np.float64)) ** 2
    )
    assert rows["network"]["mse_truth"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_pairs_without_wavenumbers_are_evaluated_on(untrained, tmp_path):
    """Their figures count the channels; tables are the same as of any others."""
    pairs = simulate_pairs(**CELLS, seed=11)["test"]
    np.savez(tmp_path / "cell.npz", noisy=pairs.noisy, target=pairs.target)
    evaluate(untrained, tmp_path / "out", data=tmp_path / "cell.npz", image_shape=(8, 8))
    for name in ("index.html", "metrics.md", "figure_spectra.png", "figure_mse.png"):
        assert (tmp_path / "out" / name).stat().st_size > 1000


def test_the_test_split_is_kept_apart_from_what_methods_are_tuned_on():
    assert choose_splits({"train": 1, "validation": 2, "test": 3}, "x", "cells") == (
        3,
        2,
        "the validation cells of the same data",
    )
    assert choose_splits({"train": 1, "test": 3}, "x", "images")[:2] == (3, 1)
    for splits in ({"all": 4}, {"test": 4}):
        test, tuning, words = choose_splits(splits, "x", "cells")
        assert test == tuning == 4 and "flatters the reference methods" in words
    with pytest.raises(InputError, match=r"x: holds no test cells, only \['train', 'validation'\]"):
        choose_splits({"train": 1, "validation": 2}, "x", "cells")
