"""Transfer learning: a network of cells trained further on a little cartilage (paper, Figure 5)."""

import copy
import logging
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.evaluation.image_scores import over_global_maximum
from deeper_jax.evaluation.map_figures import Panel, percentile_limits
from deeper_jax.evaluation.report.headline import headline
from deeper_jax.evaluation.report.statistics_sections import tukey_section
from deeper_jax.evaluation.report.tables import Section, image_table, score_table
from deeper_jax.evaluation.summary import Scores
from deeper_jax.experiments.figure3_super_resolution import (
    ScaleResult,
    band_of,
    brightest_unmeasured,
    compare_networks,
    draw_spectrum,
    image_panels,
    metrics_of,
    resolver,
    unmixing_scores,
)
from deeper_jax.experiments.figures import Album, Picture
from deeper_jax.experiments.published import published_section
from deeper_jax.experiments.report import Report
from deeper_jax.experiments.runs import data_sentence, trained, with_data
from deeper_jax.experiments.unmixed import MEASURES, measures_section
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.tasks.super_resolution_evaluation import evaluation_data

_log = logging.getLogger(__name__)

NETWORKS = ("from scratch", "from scratch, our start", "fine-tuned")
"""PyTorch's initial values, as in the paper; the best linear upsampler of the tissue; the network of cells."""


def run(config: ConfigDict, output: Path) -> Report:
    """Train what is missing, and compare on tissue never trained on: simulated, and a measured map if one is named."""
    parts: list[Section | Picture] = []
    results: dict[str, Any] = {}
    sentences = []
    training = with_data(config.transfer.training, output, "cartilage")
    runs = [("cartilage", "5", training, config.transfer.pixel_size_um)]
    if config.transfer.map:
        runs.append(("map", "5_map", _map_config(config, output), config.transfer.map_pixel_size_um))
    else:
        _log.info("transfer: no measured map is named (--config.transfer.map=FILE), so none is tested.")
    for name, figure, each, pixel_size in runs:
        found, images, words = _compare(config, each, output, name)
        sentences.append(words)
        scores = metrics_of(found.rows)
        unmixing = {measure: unmixing_scores(found, measure) for measure in MEASURES}
        results[name] = {**scores, **unmixing}
        album = Album(output / "transfer", images.simulated, float(pixel_size))
        parts += _draw(album, found, images, config, figure)
        parts += [
            Section(f"{name}, {each.model.scale}x: mean over images [95 % interval]", [words], score_table(scores)),
            Section(f"{name}: unmixing with the target's endmembers", [], score_table(unmixing)),
            *(tukey_section(_analysed(values), f"{name}, {title}") for title, values in scores.items()),
            Section(f"{name}: MSE of every image", [], image_table(scores["MSE"], "mse"), folded=True),
        ]
    parts += [measures_section(), published_section("transfer")]
    title = "Transfer learning: from cells to cartilage"
    first = " ".join(
        headline({f"{name} MSE": each["MSE"]}, "fine-tuned", "test images") for name, each in results.items()
    )
    return Report("transfer", title, first, " ".join(sentences), parts, results, config.to_dict())


def _map_config(config: ConfigDict, output: Path) -> ConfigDict:
    training = copy.deepcopy(config.transfer.map_training)
    training.data.path = config.transfer.map
    return with_data(training, output, "map")


def network_config(config: ConfigDict, training: ConfigDict, output: Path, network: str) -> ConfigDict:
    """The training config of one of `NETWORKS`."""
    wanted = copy.deepcopy(training)
    if network == "from scratch":
        wanted.initial_upsampler = "random"
        # Nothing of it is a good start, so all of it learns.
        wanted.optimizer.frozen = ()
        wanted.schedule.learning_rate = config.transfer.scratch_learning_rate
    if network == "from scratch, our start":
        wanted.initial_upsampler = "regression"
    if network == "fine-tuned":
        scale = training.model.scale
        resolver(config, output, scale)
        wanted.init_from = str(output / "runs" / f"super_resolution_{scale}x")
        wanted.init_partial = True
        wanted.init_without = tuple(config.transfer.not_transferred)
    return wanted


def _compare(
    config: ConfigDict, training: ConfigDict, output: Path, name: str
) -> tuple[ScaleResult, HyperspectralImages, str]:
    """The three networks on the test images of one tissue; on a map cut into strips, every strip is tested once."""
    found: list[ScaleResult] = []
    tests: list[HyperspectralImages] = []
    for strip in range(max(1, training.data.strips)):
        each = copy.deepcopy(training)
        each.data.test_strip = strip
        place = f"transfer_{name}" + (f"_{strip}" if training.data.strips else "")
        networks: dict[str, SuperResolver] = {}
        for network in NETWORKS:
            folder = output / "runs" / place / network.replace(", ", "_").replace(" ", "_")
            networks[network] = trained(network_config(config, each, output, network), folder, SuperResolver)
        test, tuning, _ = evaluation_data(networks["fine-tuned"])
        found.append(compare_networks(networks, test, tuning, config.endmembers, config.seed))
        tests.append(test)
        mse = {name: np.mean([row.mse for row in found[-1].rows if row.method == name]) for name in NETWORKS}
        _log.info(f"{place}: MSE " + ", ".join(f"{name} {value:.3g}" for name, value in mse.items()) + ".")
    first = tests[0]
    words = f"{sum(map(len, tests))} test images at {training.model.scale}x"
    if training.data.strips:
        words += ", the strips of the map, each tested on by networks trained on the others but one, which validates."
    else:
        words += ", of another sample than the training images." if first.simulated else "."
    words = data_sentence(first.simulated, first.source, words, "tissue")
    joined = ScaleResult(*(sum((list(part) for part in parts), []) for parts in zip(*found, strict=True)))
    return joined, first, words


def _analysed(values: Scores) -> Scores:
    return {method: values[method] for method in ("nearest", "bicubic", "from scratch", "fine-tuned")}


def _draw(
    album: Album, found: ScaleResult, images: HyperspectralImages, config: ConfigDict, figure: str
) -> list[Picture]:
    pair, scale = found.pairs[0], found.pairs[0].scale
    channel, band = band_of(images.wavenumbers)
    place = brightest_unmeasured(pair)
    words = (
        "As Figure 5a, left: false colours, one an endmember of the target (their spectra are below); "
        "the pixels classified as in the target, "
        "and the imaging time."
    )
    panels, name = image_panels(found, 0, config.dwell_high), f"{pair.name}, {scale}x"
    panels = [panel._replace(marks={"": place}) for panel in panels]
    title = f"Endmembers of the target in every image, {name}"
    album.panels(f"{figure}a_endmembers", words, {"": panels}, title)
    at_band = [
        Panel(name, over_global_maximum(output, pair.hr_image)[..., channel], marks={"": place})
        for name, output in {**found.outputs[0], "target": pair.hr_image}.items()
    ]
    limits = percentile_limits(at_band[-1].image)
    at_band = [panel._replace(limits=limits) for panel in at_band]
    words = "As Figure 5a, right: intensity of one band over the target's maximum, one colour scale."
    title = f"Intensity at {band}, {name}"
    album.panels(f"{figure}a_peak", words, {"": at_band}, title, bar="over the target's maximum")
    draw_spectrum(album, f"{figure}b", "As Figure 5b, at the cross", found, "fine-tuned")
    methods, scores = ("nearest", "bicubic", *NETWORKS), metrics_of(found.rows)
    groups = {f"{scale}x": {title: {name: values[name] for name in methods} for title, values in scores.items()}}
    words = "As Figure 5c and d, and MSE: mean, 95 % interval, a circle for each test image."
    album.scores(f"{figure}cd", words, groups, f"{len(found.pairs)} test images", network="fine-tuned")
    album.endmembers(f"{figure}_s8", "8", images.wavenumbers, found.targets[0].endmembers, pair.name)
    return album.pictures
