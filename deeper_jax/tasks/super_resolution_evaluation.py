"""Evaluation of a trained super-resolution network: images, reference methods, tables, pictures and a page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from deeper_jax.data.hyperspectral_images import HyperspectralImages, split_images
from deeper_jax.data.image_files import read_images
from deeper_jax.errors import InputError
from deeper_jax.evaluation.comparisons import best_classical
from deeper_jax.evaluation.report_page import write_report_page
from deeper_jax.evaluation.super_resolution import (
    EvaluationPair,
    SuperResolutionRow,
    apply_method,
    evaluate_super_resolution,
)
from deeper_jax.evaluation.super_resolution_figures import super_resolution_figure
from deeper_jax.evaluation.tables import write_tables
from deeper_jax.evaluation.upsampling import reference_upsamplers
from deeper_jax.evaluation.upsampling_tuning import tune_upsampler
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.spectra.raster import crop_to_multiple, downsample


def evaluate_super_resolver(
    model: SuperResolver,
    output: str | Path,
    *,
    data: str | Path | None = None,
    released: bool = False,
    command: str = "",
) -> list[SuperResolutionRow]:
    """Compare a super-resolution network with every interpolator, and write what came out into `output`.

    Every image is sampled as in training (every s-th pixel from the model's raster offset), whole, not cropped to
    a patch, and the network sees only the samples.

    Args:
      model: the network.
      output: folder for the tables, the pictures and index.html.
      data: images in any form that `image_files.read_images` takes; None: the test images of the run's own data.
      released: also give the released code's variants of the metrics.
      command: the command line, for the record.

    Returns:
      One row for each method and image.

    Raises:
      InputError: nothing to evaluate on, or another spectral axis than the model's.
    """
    test, tuning, tuned_on = evaluation_data(model, data)
    pairs, tuning_pairs = (evaluation_pairs(images, model) for images in (test, tuning))
    print(f"{len(pairs)} image(s) of {test.source}; tuning the strongest interpolator.", flush=True)
    tuned = tune_upsampler(tuning_pairs)
    methods: dict[str, Callable[[Any], Any]] = {
        **reference_upsamplers(model.scale, model.raster_offset),
        tuned.name: tuned,
        "network": lambda image: model.super_resolve(image, test.wavenumbers),
    }
    print(f"Scoring {len(methods)} methods.", flush=True)
    rows = evaluate_super_resolution(pairs, methods, released=released)
    context = {
        "command": command,
        "data_source": test.source,
        "simulated": test.simulated,
        "checkpoint": str(model.record.get("checkpoint") or model.record.get("source")),
        "tuned_on": tuned_on,
        "tuned_parameters": {"PCA of the map, then interpolation": tuned.name},
        "preprocessing_of_the_data": list(test.steps),
        "scale": model.scale,
        "raster_offset": model.raster_offset,
        "config": model.config,
    }
    write_tables(rows, output, context, wavenumbers=test.wavenumbers)
    _draw(pairs, methods, rows, Path(output), "simulated data" if test.simulated else "measured data")
    write_report_page(output, rows, context, wavenumbers=test.wavenumbers)
    return rows


def evaluation_data(
    model: SuperResolver, data: str | Path | None = None
) -> tuple[HyperspectralImages, HyperspectralImages, str]:
    """Images to evaluate on, images to tune the reference on, and words for the latter.

    Arguments and errors as for `evaluate_super_resolver`.
    """
    if data is not None:
        images = read_images(data)
        if images.test_names and len(images.test_names) < len(images):
            parts = split_images(images)
            return parts["test"], parts.get("validation", parts["train"]), "other images of the same data set"
        return images, images, "these very images, which flatters the reference methods: their strongest form"
    if "data" not in model.config:
        raise InputError("These weights do not say what they were trained on: name images with --data=PATH.")
    from deeper_jax.tasks.super_resolution import load_image_splits

    splits = load_image_splits(ConfigDict(model.config))
    if "test" not in splits:
        raise InputError(f"{model.config['data']['path']}: holds no test images; name some with --data=PATH.")
    return splits["test"], splits["validation"], "the validation images of the run"


def evaluation_pairs(images: HyperspectralImages, model: SuperResolver) -> list[EvaluationPair]:
    """Each image, cropped to a multiple of the scale, beside what a coarser scan would have seen of it."""
    pairs = []
    for index, name in enumerate(images.names):
        hr_image = np.asarray(crop_to_multiple(images.images[index], model.scale))
        truth = None if images.truths is None else np.asarray(crop_to_multiple(images.truths[index], model.scale))
        pairs.append(
            EvaluationPair(
                name=name,
                lr_image=downsample(hr_image, model.scale, model.raster_offset),
                hr_image=hr_image,
                truth=truth,
                scale=model.scale,
                raster_offset=model.raster_offset,
                wavenumbers=images.wavenumbers,
            )
        )
    return pairs


def _draw(
    pairs: Sequence[EvaluationPair],
    methods: Mapping[str, Callable[[Any], Any]],
    rows: Sequence[SuperResolutionRow],
    folder: Path,
    note: str,
) -> None:
    """The paper's Figure 3a-b for the first image."""
    best = best_classical(rows, "mse")
    shown = dict.fromkeys(["nearest", "bicubic", *([best] if best else []), "network"])
    outputs: dict[str, Any] = {name: apply_method(pairs[0], name, methods[name]) for name in shown}
    super_resolution_figure(folder, [(pairs[0], outputs)], rows, best_classical=best, data_note=note)
