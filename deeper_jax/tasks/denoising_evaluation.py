"""Evaluation of a trained denoiser: data, reference methods, tables, pictures and a page."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from deeper_jax.data.files import SpectralPairs, read_pairs
from deeper_jax.data.fingerprints import cell_fingerprints
from deeper_jax.data.simulated_data import simulate_pairs
from deeper_jax.errors import InputError
from deeper_jax.evaluation.plot_style import data_note, save_png
from deeper_jax.evaluation.reference_methods import ReferenceMethod, paper_methods
from deeper_jax.evaluation.score_figures import mse_figure
from deeper_jax.evaluation.spectra_figures import denoising_figure
from deeper_jax.evaluation.spectra_scores import EvaluationImage, Row, apply_method, evaluate_denoising
from deeper_jax.evaluation.tuning import tune
from deeper_jax.inference.spectral_denoiser import SpectralDenoiser
from deeper_jax.simulator import SimulatorConfig
from deeper_jax.tasks.denoising import load_splits, prepared_pairs
from deeper_jax.tasks.evaluate import check_unseen, choose_splits, write_evaluation
from deeper_jax.tasks.task import EvaluationOptions

log = logging.getLogger(__name__)
TUNED_FAMILIES = {
    "savitzky_golay": "Savitzky-Golay",
    "whittaker": "Whittaker",
    "wavelet": "wavelet",
    "pca": "PCA",
    "pca_whittaker": "PCA + Whittaker",
}
# Reference methods are tuned twice, since the best filter depends on what is measured.
TUNING_METRICS = {"mse": "least MSE", "mse_fit": "least MSE fit"}
# Simulated cells for a model that was trained on the simulator: to be tested on, in all, and their sides in pixels.
SIMULATED: dict[str, Any] = {"test_cells": 2, "cells": 4, "height": 32, "width": 32}
# Cells that reference methods are tuned on, of a data set without validation cells.
FEW = 2


def evaluate_denoiser(model: SpectralDenoiser, output: Path, options: EvaluationOptions) -> list[Row]:
    """Compare a denoiser with every reference method, and write what came out into `output`.

    Args:
        model: any denoiser.
        output: folder for metrics.csv, metrics.json, metrics.md, the pictures and index.html.
        options: `data` are pairs in any form that `files.read_pairs` takes; without it they are the test cells of the
            run's own data, simulated for a run that was trained on the simulator.

    Returns:
        One row for each method and image.

    Raises:
        InputError: nothing to evaluate on.
    """
    test, tuning, tuned_on = _data(model, options)
    images = evaluation_images(test)
    log.info("%d image(s), %d spectra of %s.", len(images), len(test), test.source)
    references, parameters = _references(evaluation_images(tuning))
    methods: dict[str, Callable] = {**references, "network": network_method(model, test.wavenumbers)}
    log.info("Scoring %d methods.", len(methods))
    rows = evaluate_denoising(images, methods, released=options.released)
    best = parameters["PCA + Whittaker, least MSE fit"]
    _draw(images[0], methods, rows, output, best, test.simulated, model.denoise)
    write_evaluation(model, output, rows, test, options, tuned_on=tuned_on, tuned_parameters=parameters)
    return rows


def _draw(
    image: EvaluationImage,
    methods: Mapping[str, Callable],
    rows: Sequence[Row],
    folder: Path,
    best_classical: str,
    simulated: bool,
    denoise: Callable,
) -> None:
    """The paper's Figure 2a-c for one image, and the error that forgives scale and offset beside it."""
    note = data_note(simulated)
    drawn = ("SG(1,9)", best_classical, "network")
    outputs = {name: apply_method(image, name, methods[name]) for name in drawn}
    # The bare network answers in no unit.
    in_unit = {**outputs, "network": denoise(image.noisy, image.wavenumbers)}
    denoising_figure(folder, image, outputs, rows, in_unit=in_unit, data_note=note)
    save_png(mse_figure(rows, data_note=note, metric="mse_fit"), folder / "figure_mse_fit.png")


def network_method(model: SpectralDenoiser, wavenumbers: np.ndarray | None) -> Callable[[Any], np.ndarray]:
    """The network as a method: noisy [N, L] to output [N, L]."""
    return lambda noisy: model.network_output(noisy, wavenumbers)


def _data(model: SpectralDenoiser, options: EvaluationOptions) -> tuple[SpectralPairs, SpectralPairs, str]:
    """Pairs to evaluate on, pairs to tune the reference methods on, and words for the latter."""
    settings = model.config.get("data")
    if options.data is not None:
        splits = read_pairs(options.data, image_shape=options.image_shape)
        if "train" in splits:
            splits["train"] = splits["train"].select(splits["train"].cell_names[-FEW:])
        test, tuning, words = choose_splits(splits, str(options.data), "cells")
        check_unseen(model, cell_fingerprints(test), "cells", options)
        if settings is not None and settings.get("source") == "files":
            test, tuning = (prepared_pairs(pairs, settings["steps"], model.length) for pairs in (test, tuning))
        return test, tuning, words
    if settings is None:
        raise InputError("These weights do not say what they were trained on: name pairs with --data=PATH.")
    if "path" in settings and settings["source"] == "files":
        return choose_splits(load_splits(ConfigDict(model.config)), settings["path"], "cells")
    log.info(
        "The model was trained on simulated spectra: evaluating on SIMULATED cells that it has not seen. Name measured "
        "pairs with --data=PATH."
    )
    # Training and validation draw from the seed and the next one.
    seed, steps = model.config["seed"] + 2, tuple(model.record["preprocessing"])
    # JSON, of which the record is made, has no tuples.
    ranges: Any = {n: tuple(v) if isinstance(v, list) else v for n, v in settings["simulator"].items()}
    splits = simulate_pairs(**SIMULATED, seed=seed, config=SimulatorConfig(**ranges), steps=steps)
    return choose_splits(splits, "the simulator", "cells")


def evaluation_images(pairs: SpectralPairs) -> list[EvaluationImage]:
    """One image a cell."""
    images = []
    for name in pairs.cell_names:
        cell = pairs.of_cell(name)
        images.append(
            EvaluationImage(
                name=name,
                noisy=cell.noisy,
                target=cell.target,
                truth=cell.truth,
                image_shape=cell.image_shapes.get(name),
                wavenumbers=cell.wavenumbers,
                pixel_size_um=cell.pixel_sizes_um.get(name),
            )
        )
    return images


def _references(images: Sequence[EvaluationImage]) -> tuple[dict[str, ReferenceMethod], dict[str, str]]:
    """The paper's filters and the tuned methods by name, and which parameters were chosen."""
    methods = paper_methods()
    parameters = {}
    pairs = [(image.noisy, image.target) for image in images]
    for metric, goal in TUNING_METRICS.items():
        for family, words in TUNED_FAMILIES.items():
            log.info("Tuning %s for the %s.", words, goal)
            method = tune(family, pairs, metric)
            methods[method.name] = method
            parameters[f"{words}, {goal}"] = method.name
    return methods, parameters
