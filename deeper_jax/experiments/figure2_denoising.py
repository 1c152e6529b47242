"""The denoiser in leave-one-cell-out cross-validation (paper, Figure 2 and Supplementary Figure 2)."""

import copy
import dataclasses
import json
import logging
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import absl.logging
import numpy as np
from ml_collections import ConfigDict

from deeper_jax.evaluation.plot_style import PEAK, holds, imaging_time
from deeper_jax.evaluation.reference_methods import ReferenceMethod, paper_methods, reference_method
from deeper_jax.evaluation.report.evaluation_report import json_ready, write_tables
from deeper_jax.evaluation.report.headline import headline
from deeper_jax.evaluation.report.statistics_sections import dunnett_section, wilcoxon_section
from deeper_jax.evaluation.report.tables import Section, TextTable, image_table, score_table
from deeper_jax.evaluation.report.words import in_words
from deeper_jax.evaluation.score_figures import mse_figure
from deeper_jax.evaluation.spectra_figures import maps_figure, spectra_figure
from deeper_jax.evaluation.spectra_scores import EvaluationImage, Row, apply_method, score_output
from deeper_jax.evaluation.summary import Scores, scores_of
from deeper_jax.evaluation.tuning import tune
from deeper_jax.experiments.figures import Album, Picture, unmixing_panels
from deeper_jax.experiments.published import published_section
from deeper_jax.experiments.report import Report
from deeper_jax.experiments.runs import data_sentence, trained, with_data
from deeper_jax.experiments.unmixed import (
    MEASURES,
    confusion_section,
    measures_section,
    unmix_output,
    unmix_target,
)
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.tasks.denoising import cells_of_folds, load_splits
from deeper_jax.tasks.denoising_evaluation import evaluation_images, network_method

_log = logging.getLogger(__name__)

TUNED = {
    "SG, tuned": "savitzky_golay",
    "Whittaker, tuned": "whittaker",
    "wavelet, tuned": "wavelet",
    "PCA, tuned": "pca",
    "PCA + Whittaker, tuned": "pca_whittaker",
}
"""Reference methods with the parameters of least MSE on a fold's validation cells, and their families."""
SHOWN = ("raw", "SG(1,9)", "SG, tuned", "PCA, tuned", "network")
"""Methods that are unmixed and drawn."""


class Fold(NamedTuple):
    """What one fold found: figures of merit, the scores of the unmixing and its confusions, by method."""

    rows: list[Row]
    unmixing: dict[str, dict[str, float]]
    confusion: dict[str, list[list[int]]]
    tuned: dict[str, dict[str, Any]]


def run(config: ConfigDict, output: Path, jobs: int = 1) -> Report:
    """Train and test every fold that is not there yet, and report on all of them.

    Args:
      config: as in configs/experiments.py.
      output: folder of all experiments.
      jobs: folds trained side by side, each in a process of its own, on a device of its own where there are several.
    """
    training = with_data(config.denoising, output, "cells")
    cells = cells_of_folds(training)
    folds: list[int | None] = [None] if len(cells) < 3 else [*range(min(len(cells), config.folds))]
    found = _run_folds(training, config, output, folds, jobs)
    rows = [row for fold in found for row in fold.rows]
    folder = output / "denoising"
    pictures, simulated = _draw(training, config, output, folds[0], found[0], rows)
    own_split = "tested on the set's own test file, as it does not tell the cells apart."
    by_fold = f"{len(folds)} folds, each testing on a cell that its network has not seen."
    words = f"{len(cells)} cells, {own_split if folds[0] is None else by_fold}"
    data = data_sentence(simulated, training.data.path, words)
    write_tables(
        rows, folder, {"data_source": str(training.data.path), "simulated": simulated, "checkpoint": "one a fold"}
    )
    metrics = {"MSE": "mse", "PSNR / dB": "psnr", "SSIM": "ssim", "MSE fit": "mse_fit", "MSE to truth": "mse_truth"}
    scores = {title: own for title, field in metrics.items() if (own := scores_of(rows, field))}
    unmixing = {measure: _unmixing_scores(found, measure) for measure in MEASURES} if found[0].unmixing else {}
    parts: list[Section | Picture] = [
        Section("Mean over cells [95 % interval]", _notes(found), score_table(scores)),
        *pictures,
        wilcoxon_section(scores["MSE"], "MSE", "network") if len(folds) > 1 else Section("One fold: no test", []),
    ]
    if len(folds) > 1:
        parts.append(dunnett_section(scores["MSE"], "MSE", "network"))
    if unmixing:
        parts.append(Section("Unmixing with the target's endmembers", [], score_table(unmixing)))
        total = {name: np.sum([fold.confusion[name] for fold in found], axis=0) for name in ("SG, tuned", "network")}
        parts += [measures_section(), confusion_section(total)]
    cells_table = image_table(scores["MSE"], "mse")
    parts += [_tuned_section(found), Section("MSE of every cell", [], cells_table, folded=True)]
    parts.append(published_section("denoising"))
    results = {"scores": scores, "unmixing": unmixing, "folds": len(folds)}
    title = "Denoising, leave-one-cell-out cross-validation"
    first = headline({title: scores[title] for title in ("MSE", "MSE fit")}, images="cells")
    return Report("denoising", title, first, data, parts, results, config.to_dict())


def fold_config(training: ConfigDict, fold: int | None) -> ConfigDict:
    """The training config of one fold; None: the data's own split."""
    config = copy.deepcopy(training)
    config.data.fold = fold
    return config


def fold_folder(output: Path, fold: int | None) -> Path:
    """Where a fold's run lies."""
    return output / "runs" / "denoising" / ("own_split" if fold is None else f"fold_{fold:02d}")


def fold_model(training: ConfigDict, output: Path, fold: int | None) -> Denoiser:
    """The denoiser of a fold, trained first if need be."""
    return trained(fold_config(training, fold), fold_folder(output, fold), Denoiser)


def _run_folds(
    training: ConfigDict, config: ConfigDict, output: Path, folds: list[int | None], jobs: int
) -> list[Fold]:
    if jobs > 1:
        context = multiprocessing.get_context("spawn")
        tasks = [
            (index % jobs, training.to_json(), config.endmembers, config.seed, output, fold)
            for index, fold in enumerate(folds)
        ]
        with context.Pool(jobs) as pool:
            pool.starmap(_fold_in_process, tasks, chunksize=1)
    found = []
    for number, fold in enumerate(folds, 1):
        found.append(_fold(training, config.endmembers, config.seed, output, fold))
        mse = next(row.mse for row in found[-1].rows if row.method == "network")
        _log.info(f"Fold {number} of {len(folds)}: network MSE {mse:.3g}.")
    return found


def _fold_in_process(worker: int, training: str, endmembers: int, seed: int, output: Path, fold: int | None) -> None:
    # As the command itself does: Orbax reports every file it touches.
    absl.logging.set_verbosity(absl.logging.ERROR)
    # One GPU each; without effect where there are none.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    devices = visible.split(",") if visible else [str(number) for number in range(8)]
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[worker % len(devices)]
    _fold(ConfigDict(json.loads(training)), endmembers, seed, output, fold)


def _fold(training: ConfigDict, endmembers: int, seed: int, output: Path, fold: int | None) -> Fold:
    """One fold's figures, from its file if it is done, else by training and testing."""
    path = fold_folder(output, fold) / "scores.json"
    model = fold_model(training, output, fold)
    if path.exists():
        stored = json.loads(path.read_text())
        return Fold([Row(**row) for row in stored.pop("rows")], **stored)
    splits = load_splits(fold_config(training, fold))
    tuned = _tuned_methods(evaluation_images(splits["validation"]))
    methods: dict[str, Any] = {**paper_methods(), **tuned, "network": network_method(model, splits["test"].wavenumbers)}
    rows: list[Row] = []
    unmixing: dict[str, dict[str, float]] = {}
    confusion: dict[str, list[list[int]]] = {}
    for image in evaluation_images(splits["test"]):
        outputs = {name: apply_method(image, name, method) for name, method in methods.items()}
        rows += [score_output(image, name, methods[name], each) for name, each in outputs.items()]
        if image.image_shape is not None:
            target = unmix_target(_raster(image, image.target), endmembers, seed)
            found = {name: unmix_output(_raster(image, outputs[name]), target) for name in SHOWN}
            unmixing = {name: each.scores for name, each in found.items()}
            confusion = {name: each.confusion.tolist() for name, each in found.items()}
    result = Fold(
        rows,
        unmixing,
        confusion,
        {name: {"family": method.family, "parameters": dict(method.parameters)} for name, method in tuned.items()},
    )
    content = {**result._asdict(), "rows": [dataclasses.asdict(row) for row in rows]}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(json_ready(content)) + "\n")
    os.replace(temporary, path)
    return result


def _tuned_methods(images: list[EvaluationImage]) -> dict[str, ReferenceMethod]:
    pairs = [(image.noisy, image.target) for image in images]
    return {name: tune(family, pairs, "mse", max_spectra=600) for name, family in TUNED.items()}


def _raster(image: EvaluationImage, spectra: Any) -> np.ndarray:
    assert image.image_shape is not None
    return np.asarray(spectra, np.float64).reshape(*image.image_shape, -1)


def _draw(
    training: ConfigDict, config: ConfigDict, output: Path, fold: int | None, found: Fold, rows: list[Row]
) -> tuple[list[Picture], bool]:
    """The pictures of the first fold's cell, and whether the data are simulated."""
    pairs = load_splits(fold_config(training, fold))["test"]
    image = evaluation_images(pairs)[0]
    album = Album(output / "denoising", pairs.simulated, config.pixel_size_um)
    tuned = {name: reference_method(each["family"], **each["parameters"]) for name, each in found.tuned.items()}
    model = fold_model(training, output, fold)
    methods: dict[str, Any] = {**paper_methods(), **tuned, "network": network_method(model, image.wavenumbers)}
    outputs = {name: apply_method(image, name, methods[name]) for name in SHOWN}
    drawn = {name: outputs[name] for name in ("SG(1,9)", "PCA, tuned", "network")}
    if image.wavenumbers is not None:
        words = "example spectra, each over its own maximum, at pixels chosen by rank in the target."
        figure = spectra_figure(image, drawn, data_note=album.note)
        album.add("2aef", f"As Figure 2a, e and f: {words}", figure)
    words = "mean squared error of each method, with its 95 % interval over cells and a circle for each cell."
    album.add("2b", f"As Figure 2b: {words}", mse_figure(rows, data_note=album.note))
    if image.image_shape is not None:
        _draw_maps(album, image, outputs, drawn, config, model.denoise)
    return album.pictures, pairs.simulated


def _draw_maps(
    album: Album,
    image: EvaluationImage,
    outputs: dict[str, Any],
    drawn: dict[str, Any],
    config: ConfigDict,
    denoise: Callable,
) -> None:
    """The pictures that need a raster: the band's maps, false colours and the endmembers."""
    dwell = (config.dwell_low, config.dwell_high)
    if holds(image.wavenumbers, PEAK):
        # The bare network answers in no unit.
        in_unit = {**drawn, "network": denoise(image.noisy, image.wavenumbers)}
        size = config.pixel_size_um
        figure = maps_figure(image, drawn, in_unit=in_unit, pixel_size_um=size, dwell=dwell, data_note=album.note)
        caption = (
            f"As Figure 2c: intensity at {PEAK:g} cm⁻¹ and imaging time. Above in the measurement's unit, the colours' "
            "ends under each panel; below each spectrum over its own maximum, as in the paper."
        )
        album.add("2c", caption, figure)
    target = unmix_target(_raster(image, image.target), config.endmembers, config.seed)
    times = (imaging_time(len(image.noisy), dwell[0]), imaging_time(len(image.noisy), dwell[1]))
    unmixed = {name: unmix_output(_raster(image, outputs[name]), target) for name in SHOWN}
    caption = (
        "As Figure 2d: vertex component analysis of the target, applied to every image by non-negative least squares; "
        "one colour an endmember (their spectra are below); "
        "under each image the pixels classified as in the target, and the imaging time."
    )
    album.panels(
        "2d",
        caption,
        {image.name: unmixing_panels(unmixed, target, times)},
        "Endmembers of the target in every method's image",
    )
    album.endmembers("s2", "2", image.wavenumbers, target.endmembers, image.name)


def _unmixing_scores(found: list[Fold], measure: str) -> Scores:
    return {
        name: {f"fold {number}": fold.unmixing[name][measure] for number, fold in enumerate(found)} for name in SHOWN
    }


def _notes(found: list[Fold]) -> list[str]:
    return [
        "MSE, PSNR and SSIM: each spectrum over its own maximum, as in the paper. MSE fit: after the best scale and "
        "offset of each spectrum.",
        "Principal components look at all spectra of a map, the others and the network at one spectrum at a time.",
        "Tuned: parameters of least MSE on each fold's validation cells.",
    ]


def _tuned_section(found: list[Fold]) -> Section:
    """What was chosen for each reference method, fold by fold."""
    body = [[name, *(in_words(fold.tuned[name]["parameters"]) for fold in found)] for name in TUNED]
    header = ["tuned", *(f"fold {number}" for number in range(len(found)))]
    return Section("Parameters of the reference methods", [], TextTable(header, body), folded=True)
