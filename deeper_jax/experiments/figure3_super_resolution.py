"""Super-resolution at 2x, 3x and 4x on images never seen (paper, Figure 3 and Supplementary Figures 3 to 6)."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ml_collections import ConfigDict

from deeper_jax.data.augmentation import ImageAugmentationConfig
from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.image_pipeline import image_training_batches
from deeper_jax.evaluation.image_figures import spectra_figure
from deeper_jax.evaluation.image_scores import (
    EvaluationPair,
    SuperResolutionRow,
    apply_method,
    evaluate_super_resolution,
    sampled_pixels,
)
from deeper_jax.evaluation.map_figures import Panel
from deeper_jax.evaluation.plot_style import PEAK, holds, imaging_time, nearest_channel, series_colours
from deeper_jax.evaluation.report.evaluation_report import write_tables
from deeper_jax.evaluation.report.headline import headline
from deeper_jax.evaluation.report.statistics_sections import tukey_section
from deeper_jax.evaluation.report.tables import Section, image_table, score_table
from deeper_jax.evaluation.summary import Scores, scores_of
from deeper_jax.evaluation.tuning import tune_upsampler
from deeper_jax.evaluation.upsampling import reference_upsamplers
from deeper_jax.experiments.figures import Album, Picture, unmixing_panels
from deeper_jax.experiments.published import published_section
from deeper_jax.experiments.report import Report
from deeper_jax.experiments.runs import data_sentence, trained, with_data
from deeper_jax.experiments.unmixed import (
    MEASURES,
    UnmixedOutput,
    UnmixedTarget,
    measures_section,
    unmix_output,
    unmix_target,
)
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.spectra.raster import raster_offset_choices
from deeper_jax.tasks.super_resolution import load_image_splits
from deeper_jax.tasks.super_resolution_evaluation import evaluation_data, evaluation_pairs

_log = logging.getLogger(__name__)

SCALES = (2, 3, 4)
METRICS = {"PSNR / dB": "psnr", "SSIM": "ssim", "MSE": "mse"}
INTERPOLATIONS = ("nearest", "bicubic")
"""What is drawn and unmixed beside the networks, as in the paper."""


class ScaleResult(NamedTuple):
    """One scale: its rows, its pairs, and every drawn method's unmixing of every image."""

    rows: list[SuperResolutionRow]
    pairs: list[EvaluationPair]
    targets: list[UnmixedTarget]
    unmixed: list[dict[str, UnmixedOutput]]
    outputs: list[dict[str, npt.NDArray]]


def resolver_config(config: ConfigDict, output: Path, scale: int) -> ConfigDict:
    """The training config of one scale, on the user's images or simulated ones."""
    return with_data(config.super_resolution[f"x{scale}"], output, "images")


def resolver(config: ConfigDict, output: Path, scale: int) -> SuperResolver:
    """The network of one scale, trained first if need be."""
    folder = output / "runs" / f"super_resolution_{scale}x"
    return trained(resolver_config(config, output, scale), folder, SuperResolver)


def run(config: ConfigDict, output: Path) -> Report:
    """Train the three networks where they are missing, and compare them with interpolation on the test images."""
    folder = output / "super_resolution"
    found: dict[int, ScaleResult] = {}
    test: HyperspectralImages | None = None
    tuned_on = ""
    for scale in SCALES:
        model = resolver(config, output, scale)
        test, tuning, tuned_on = evaluation_data(model)
        found[scale] = compare_networks({"network": model}, test, tuning, config.endmembers, config.seed)
        network = np.mean([row.mse for row in found[scale].rows if row.method == "network"])
        _log.info(f"{scale}x: network MSE {network:.3g}.")
    assert test is not None
    data = data_sentence(test.simulated, test.source, f"{len(test)} images never trained on.")
    parts: list[Section | Picture] = []
    results: dict[str, Any] = {}
    for scale, each in found.items():
        context = {"data_source": test.source, "simulated": test.simulated, "tuned_on": tuned_on}
        write_tables(each.rows, folder / f"{scale}x", context, wavenumbers=test.wavenumbers)
        scores = metrics_of(each.rows)
        unmixing = {measure: unmixing_scores(each, measure) for measure in MEASURES}
        results[f"{scale}x"] = {**scores, **unmixing}
        items = [
            f"Tuned on: {tuned_on}. Registered methods interpolate at the true positions of the samples; those "
            "called released lay the images' corners on each other, as the released code does."
        ]
        parts += [
            Section(f"{scale}x: mean over images [95 % interval]", items, score_table(scores)),
            Section(f"{scale}x: unmixing with the target's endmembers", [], score_table(unmixing)),
            *(tukey_section(_analysed(values, scores["MSE"]), f"{scale}x {title}") for title, values in scores.items()),
            Section(f"{scale}x: MSE of every image", [], image_table(scores["MSE"], "mse"), folded=True),
        ]
    parts = [
        *_draw(config, output, found, test, folder),
        measures_section(),
        *parts,
        published_section("super_resolution"),
    ]
    title = "Super-resolution at 2x, 3x and 4x"
    first = headline({f"{scale}x MSE": results[f"{scale}x"]["MSE"] for scale in found})
    return Report("super_resolution", title, first, data, parts, results, config.to_dict())


def metrics_of(rows: list[SuperResolutionRow]) -> dict[str, Scores]:
    """The metrics by title; without those that some image is too small for (SSIM, below 7 pixels)."""
    known = {title: field for title, field in METRICS.items() if all(getattr(row, field) is not None for row in rows)}
    return {title: scores_of(rows, field) for title, field in known.items()}


def unmixing_scores(result: ScaleResult, measure: str) -> Scores:
    """A measure of the unmixing of every drawn method."""
    names = [pair.name for pair in result.pairs]
    return {
        method: {name: each[method].scores[measure] for name, each in zip(names, result.unmixed, strict=True)}
        for method in result.unmixed[0]
    }


def compare_networks(
    networks: Mapping[str, SuperResolver],
    test: HyperspectralImages,
    tuning: HyperspectralImages,
    endmembers: int,
    seed: int,
) -> ScaleResult:
    """Score networks of one scale and every interpolator on images, and unmix what the paper shows.

    Args:
      networks: by name.
      test: images to score on.
      tuning: images to tune the strongest interpolator on.
      endmembers, seed: of the vertex component analysis of each target.
    """
    first = next(iter(networks.values()))
    pairs = evaluation_pairs(test, first)
    methods: dict[str, Callable[[Any], Any]] = {
        **reference_upsamplers(first.scale, first.raster_offset),
        "PCA + interpolation, tuned": tune_upsampler(evaluation_pairs(tuning, first)),
        **{name: _network_method(model, test.wavenumbers) for name, model in networks.items()},
    }
    rows = evaluate_super_resolution(pairs, methods)
    targets = [unmix_target(pair.hr_image, endmembers, seed) for pair in pairs]
    shown = (*INTERPOLATIONS, *networks)
    outputs = [{name: apply_method(pair, name, methods[name]) for name in shown} for pair in pairs]
    unmixed = [
        {name: unmix_output(output, target) for name, output in each.items()}
        for each, target in zip(outputs, targets, strict=True)
    ]
    return ScaleResult(rows, pairs, targets, unmixed, outputs)


def _network_method(model: SuperResolver, wavenumbers: npt.NDArray | None) -> Callable[[Any], Any]:
    return lambda image: model.super_resolve(image, wavenumbers)


def _analysed(values: Scores, errors: Scores) -> Scores:
    """The paper's methods and the strongest other one, for the analysis of variance."""
    best = next(method for method in errors if method != "network")
    return {method: values[method] for method in dict.fromkeys(("nearest", "bicubic", best, "network"))}


def _draw(
    config: ConfigDict, output: Path, found: Mapping[int, ScaleResult], test: HyperspectralImages, folder: Path
) -> list[Picture]:
    album = Album(folder, test.simulated, config.pixel_size_um)
    # The paper shows one image in Figure 3 and two more in S4 and S5.
    for index, name in zip(range(len(test)), ("3a", "s4", "s5"), strict=False):
        rows = {f"{scale}x": image_panels(result, index, config.dwell_high) for scale, result in found.items()}
        words = (
            f"As Figure {name.upper()}: false colours, one an endmember of the target (their spectra are below); "
            "under each image the pixels "
            "classified as in the target, and the imaging time."
        )
        album.panels(name, words, rows, f"Endmembers of the target in every method's image, {test.names[index]}")
    result = found[SCALES[0]]
    draw_spectrum(album, "3b", "As Figure 3b", result, "network")
    shown = (*INTERPOLATIONS, "network")
    groups = {
        f"{scale}x": {title: {name: values[name] for name in shown} for title, values in metrics_of(each.rows).items()}
        for scale, each in found.items()
    }
    album.scores("3cde", "As Figure 3c to e: mean, 95 % interval, and a circle for each image.", groups, "Test images")
    _draw_augmentation(album, config, output)
    album.endmembers("s6", "6", test.wavenumbers, result.targets[0].endmembers, test.names[0])
    return album.pictures


def draw_spectrum(album: Album, name: str, figure: str, result: ScaleResult, network: str) -> tuple[int, int]:
    """Draw the spectra of the brightest pixel that was not measured; returns its row and column."""
    pair, outputs, place = result.pairs[0], result.outputs[0], brightest_unmeasured(result.pairs[0])
    colours = series_colours(outputs, network)
    drawn = spectra_figure(pair, outputs, colours, places=[place], data_note=album.note)
    words = f"spectrum at row {place[0]}, column {place[1]} of {pair.name}, {pair.scale}x"
    album.add(name, f"{figure}: {words}; the brightest pixel that was not measured.", drawn)
    return place


def image_panels(result: ScaleResult, index: int, dwell: float) -> list[Panel]:
    """One image in false colours: every drawn method, and the target; `dwell` in seconds a pixel."""
    pair, target = result.pairs[index], result.targets[index]
    height, width = target.classes.shape
    times = (imaging_time(height * width // pair.scale**2, dwell), imaging_time(height * width, dwell))
    return unmixing_panels(result.unmixed[index], target, times)


def brightest_unmeasured(pair: EvaluationPair) -> tuple[int, int]:
    """Row and column of the brightest pixel that the low-resolution image does not hold."""
    strength = np.where(sampled_pixels(pair), -np.inf, np.asarray(pair.hr_image, np.float64).sum(axis=-1))
    row, column = np.unravel_index(int(np.argmax(strength)), strength.shape)
    return int(row), int(column)


def band_of(wavenumbers: npt.NDArray | None) -> tuple[int, str]:
    """The channel that is drawn, that of `PEAK` where the axis holds it, and what it is called."""
    if wavenumbers is None or not holds(wavenumbers, PEAK):
        return 0, "the first channel"
    return nearest_channel(wavenumbers, PEAK), f"{PEAK:g} cm⁻¹"


def _draw_augmentation(album: Album, config: ConfigDict, output: Path) -> None:
    """One training image under the paper's augmentation."""
    training = resolver_config(config, output, 2)
    train = load_image_splits(training)["train"]
    one = train.select(train.names[:1])
    batches = image_training_batches(
        one,
        batch_size=8,
        scale=2,
        seed=config.seed,
        total_steps=1,
        patch=training.data.patch,
        raster_offsets=raster_offset_choices(2),
        augmentation=ImageAugmentationConfig(),
    )
    channel, words = band_of(train.wavenumbers)
    drawn = np.asarray(next(iter(batches))["hr_image"])[..., channel]
    image = one.images[0][..., channel] / one.images[0].max()
    measured = Panel("as measured", image[: drawn.shape[1], : drawn.shape[2]])
    draws = [Panel(f"draw {number}", each) for number, each in enumerate(drawn, 1)]
    caption = (
        "As Supplementary Figure 3: one training image and eight draws of the paper's augmentation, intensity at "
        f"{words}."
    )
    album.panels("s3", caption, {"image": [measured, *draws[:4]], "": draws[4:]}, "Augmentation in training")
