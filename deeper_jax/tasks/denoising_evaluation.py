"""Evaluation of a trained denoiser: data, reference methods, tables, pictures and a page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from deeper_jax.data.files import SpectralPairs, read_pairs
from deeper_jax.errors import InputError
from deeper_jax.evaluation.denoising import EvaluationImage, Row, apply_method, evaluate_denoising
from deeper_jax.evaluation.error_figure import mse_figure
from deeper_jax.evaluation.figures import denoising_figure
from deeper_jax.evaluation.metrics import over_own_maximum
from deeper_jax.evaluation.reference_methods import ReferenceMethod, paper_methods
from deeper_jax.evaluation.report_page import write_report_page
from deeper_jax.evaluation.tables import write_tables
from deeper_jax.evaluation.tuning import tune
from deeper_jax.inference.denoiser import Denoiser

TUNED_FAMILIES = ("savitzky_golay", "whittaker", "wavelet", "pca", "pca_whittaker")
# Reference methods are tuned twice, since the best filter depends on what is measured.
TUNING_METRICS = ("mse", "mse_fit")


def evaluate_denoiser(
    model: Denoiser,
    output: str | Path,
    *,
    data: str | Path | None = None,
    image_shape: tuple[int, int] | None = None,
    released: bool = False,
    command: str = "",
) -> list[Row]:
    """Compare a denoiser with every reference method, and write what came out into `output`.

    Args:
      model: the network.
      output: folder for metrics.csv, metrics.json, metrics.md, the pictures and index.html.
      data: pairs in any form that `files.read_pairs` takes; None: the test cells of the run's own data.
      image_shape: (H, W) of raster data whose file does not say it.
      released: also give the released code's variants of the metrics.
      command: the command line, for the record.

    Returns:
      One row for each method and image.

    Raises:
      InputError: nothing to evaluate on.
    """
    test, tuning, tuned_on = _data(model, data, image_shape)
    images = evaluation_images(test)
    _say(f"{len(images)} image(s), {len(test)} spectra of {test.source}.")
    references, parameters = _references(evaluation_images(tuning))
    methods: dict[str, Callable] = {**references, "network": network_method(model, test.wavenumbers)}
    _say(f"Scoring {len(methods)} methods.")
    rows = evaluate_denoising(images, methods, released=released)
    context = {
        "command": command,
        "data_source": test.source,
        "simulated": test.simulated,
        "checkpoint": str(model.record.get("checkpoint") or model.record.get("source")),
        "tuned_on": tuned_on,
        "tuned_parameters": parameters,
        "preprocessing_of_the_data": _distinct(test.steps),
        "config": model.config,
    }
    write_tables(rows, output, context)
    _draw(images[0], methods, rows, Path(output), parameters["pca_whittaker, best mse_fit"], test.simulated)
    write_report_page(output, rows, context)
    return rows


def _draw(
    image: EvaluationImage,
    methods: Mapping[str, Callable],
    rows: Sequence[Row],
    folder: Path,
    best_classical: str,
    simulated: bool,
) -> None:
    """The paper's Figure 2a-c for one image, and the error that forgives scale and offset beside it."""
    note = "simulated data" if simulated else "measured data"
    drawn = ("SG(1,9)", best_classical, "network")
    outputs = {name: apply_method(image, name, methods[name]) for name in drawn}
    denoising_figure(folder, image, outputs, rows, best_classical=best_classical, data_note=note)
    mse_figure(folder / "figure_mse_fit.png", rows, network="network", data_note=note, metric="mse_fit")


def network_method(model: Denoiser, wavenumbers: np.ndarray | None) -> Callable[[Any], np.ndarray]:
    """The network as a method: noisy [N, L] to output [N, L], on the model's own axis or by way of it."""
    own = model.wavenumbers
    same = wavenumbers is None or own is None or len(wavenumbers) == len(own)
    if same and (wavenumbers is None or own is None or np.abs(wavenumbers - own).max() < 0.1):
        return lambda noisy: model.network(over_own_maximum(noisy))
    return lambda noisy: model.denoise(noisy, wavenumbers)


def _data(
    model: Denoiser, data: str | Path | None, image_shape: tuple[int, int] | None
) -> tuple[SpectralPairs, SpectralPairs, str]:
    """Pairs to evaluate on, pairs to tune the reference methods on, and words for the latter."""
    if data is not None:
        splits = read_pairs(data, image_shape=image_shape)
        if "test" in splits and "train" in splits:
            return splits["test"], _last_cells(splits["train"]), "training cells of the same data set"
        pairs = splits.get("test", next(iter(splits.values())))
        return pairs, pairs, "these very spectra, which flatters the reference methods: their strongest form"
    if model.config.get("data", {}).get("source") != "files":
        raise InputError("This model was not trained on files: say with --data=PATH what to evaluate it on.")
    from deeper_jax.tasks.denoising import load_splits

    splits = load_splits(ConfigDict(model.config))
    if "test" not in splits:
        raise InputError(
            f"{model.config['data']['path']}: holds no test cells; give pairs to evaluate on with --data=PATH."
        )
    return splits["test"], splits["validation"], "the validation cells of the run"


def _last_cells(pairs: SpectralPairs, count: int = 2) -> SpectralPairs:
    return pairs.select(pairs.cell_names[-count:])


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
            )
        )
    return images


def _references(images: Sequence[EvaluationImage]) -> tuple[dict[str, ReferenceMethod], dict[str, str]]:
    """The paper's filters and the tuned methods by name, and which parameters were chosen."""
    methods = paper_methods()
    parameters = {}
    pairs = [(image.noisy, image.target) for image in images]
    for metric in TUNING_METRICS:
        for family in TUNED_FAMILIES:
            _say(f"Tuning {family} by {metric}.")
            method = tune(family, pairs, metric)
            methods[method.name] = method
            parameters[f"{family}, best {metric}"] = method.name
    return methods, parameters


def _distinct(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    unique: list[dict[str, Any]] = []
    for step in steps:
        bare = {key: value for key, value in step.items() if key != "cell"}
        if bare not in unique:
            unique.append(bare)
    return unique


def _say(text: str) -> None:
    print(text, flush=True)
