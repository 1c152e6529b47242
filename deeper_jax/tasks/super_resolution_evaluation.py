"""Evaluation of a trained super-resolution network: images, reference methods, tables, pictures and a page."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from deeper_jax.data.fingerprints import image_fingerprints
from deeper_jax.data.hyperspectral_images import HyperspectralImages, split_images
from deeper_jax.data.image_files import read_images
from deeper_jax.data.preprocess import preprocess_images
from deeper_jax.errors import InputError
from deeper_jax.evaluation.image_figures import super_resolution_figure
from deeper_jax.evaluation.image_scores import (
    EvaluationPair,
    SuperResolutionRow,
    apply_method,
    evaluate_super_resolution,
)
from deeper_jax.evaluation.plot_style import data_note
from deeper_jax.evaluation.summary import best_classical
from deeper_jax.evaluation.tuning import tune_upsampler
from deeper_jax.evaluation.upsampling import reference_upsamplers
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.spectra.raster import crop_to_multiple, downsample
from deeper_jax.tasks.evaluate import check_unseen, choose_splits, write_evaluation
from deeper_jax.tasks.task import EvaluationOptions

log = logging.getLogger(__name__)


def evaluate_super_resolver(model: SuperResolver, output: Path, options: EvaluationOptions) -> list[SuperResolutionRow]:
    """Compare a super-resolution network with every interpolator, and write what came out into `output`.

    Every image is sampled as in training (every s-th pixel from the model's raster offset), whole, not cropped to
    a patch, and the network sees only the samples.

    Args:
        model: the network.
        output: folder for the tables, the pictures and index.html.
        options: `data` are images in any form that `image_files.read_images` takes, without it the test images of the
            run's own data.

    Returns:
        One row for each method and image.

    Raises:
        InputError: nothing to evaluate on, or another spectral axis than the model's.
    """
    test, tuning, tuned_on = evaluation_data(model, options)
    pairs, tuning_pairs = (evaluation_pairs(images, model) for images in (test, tuning))
    log.info("%d image(s) of %s; tuning the strongest interpolator.", len(pairs), test.source)
    tuned = tune_upsampler(tuning_pairs)
    methods: dict[str, Callable[[Any], Any]] = {
        **reference_upsamplers(model.scale, model.raster_offset),
        tuned.name: tuned,
        "network": lambda image: model.super_resolve(image, test.wavenumbers),
    }
    log.info("Scoring %d methods.", len(methods))
    rows = evaluate_super_resolution(pairs, methods, released=options.released)
    _draw(pairs, methods, rows, output, data_note(test.simulated))
    write_evaluation(
        *(model, output, rows, test, options),
        wavenumbers=test.wavenumbers,
        tuned_on=tuned_on,
        tuned_parameters={"PCA of the map, then interpolation": tuned.name},
        scale=model.scale,
        raster_offset=model.raster_offset,
    )
    return rows


def evaluation_data(
    model: SuperResolver, options: EvaluationOptions | None = None
) -> tuple[HyperspectralImages, HyperspectralImages, str]:
    """Images to evaluate on, images to tune the reference on, and words for the latter.

    Arguments and errors as for `evaluate_super_resolver`.
    """
    settings = model.config.get("data")
    if options is not None and options.data is not None:
        images = read_images(options.data)
        known = images.test_names and len(images.test_names) < len(images)
        splits = split_images(images) if known else {"all": images}
        test, tuning, words = choose_splits(splits, str(options.data), "images")
        check_unseen(model, image_fingerprints(test), "images", options)
        steps = () if settings is None else settings["steps"]
        return preprocess_images(test, steps), preprocess_images(tuning, steps), words
    if settings is None:
        raise InputError("These weights do not say what they were trained on: name images with --data=PATH.")
    from deeper_jax.tasks.super_resolution import load_image_splits

    return choose_splits(load_image_splits(ConfigDict(model.config)), settings["path"], "images")


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
    super_resolution_figure(folder, pairs[0], outputs, rows, data_note=note)
