"""Transfer learning: a network of cells trained further on a little cartilage (paper, Figure 5)."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.evaluation.figures import PEAK
from deeper_jax.evaluation.report_sections import Section
from deeper_jax.evaluation.super_resolution import over_global_maximum
from deeper_jax.experiments.figures import Panel, endmembers_figure, panels_figure, scores_figure, spectrum_figure
from deeper_jax.experiments.published import published_section
from deeper_jax.experiments.report import Picture, Report
from deeper_jax.experiments.runs import trained, with_data
from deeper_jax.experiments.scores import Scores, image_table, score_table, tukey_section
from deeper_jax.experiments.super_resolution import (
    ScaleResult,
    brightest_unmeasured,
    compare_networks,
    image_panels,
    metrics_of,
    resolver,
    unmixing_scores,
)
from deeper_jax.experiments.unmixed import MEASURES, colours_of, measures_section
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.tasks.super_resolution_evaluation import evaluation_data

NETWORKS = ("from scratch", "from scratch, our start", "fine-tuned")
"""PyTorch's initial values, as in the paper; the best linear upsampler of the tissue; the network of cells."""


def run(config: ConfigDict, output: Path) -> Report:
    """Train what is missing, and compare on tissue never trained on: simulated, and a measured map if one is named."""
    folder = output / "transfer"
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[Section | Picture] = []
    results: dict[str, Any] = {}
    sentences = []
    training = with_data(config.transfer.training, output, "cartilage")
    runs = [("cartilage", "figure_5", training, config.transfer.pixel_size_um)]
    if config.transfer.map:
        runs.append(("map", "figure_5_map", _map_config(config, output), config.transfer.map_pixel_size_um))
    else:
        print("transfer: no measured map is named (--config.transfer.map=FILE), so none is tested.", flush=True)
    for name, figure, each, pixel_size in runs:
        found, images, words = _compare(config, each, output, name)
        sentences.append(words)
        scores = metrics_of(found.rows)
        unmixing = {measure: unmixing_scores(found, measure) for measure in MEASURES}
        results[name] = {**scores, **unmixing}
        parts += _draw(found, images, config, folder, figure, float(pixel_size) or None)
        parts += [
            Section(f"{name}, {each.model.scale}x: mean over images [95 % interval]", [words], score_table(scores)),
            Section(f"{name}: unmixing with the target's endmembers", [], score_table(unmixing)),
            *(tukey_section(_analysed(values), f"{name}, {title}") for title, values in scores.items()),
            Section(f"{name}: MSE of every image", [], image_table(scores["MSE"], "mse")),
        ]
    parts += [measures_section(), published_section("transfer")]
    title = "Transfer learning: from cells to cartilage"
    return Report("transfer", title, " ".join(sentences), parts, results, config.to_dict())


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
        print(f"{place}: MSE " + ", ".join(f"{name} {value:.3g}" for name, value in mse.items()) + ".", flush=True)
    first = tests[0]
    kind = "SIMULATED" if first.simulated else "MEASURED"
    count = sum(len(test) for test in tests)
    words = f"{kind} tissue ({first.source}) at {training.model.scale}x: {count} test images"
    words += (
        ", the strips of the map, each tested on by networks trained on the others but one, which validates."
        if training.data.strips
        else ", of another sample than the training images."
        if first.simulated
        else "."
    )
    joined = ScaleResult(*(sum((list(part) for part in parts), []) for parts in zip(*found, strict=True)))
    return joined, first, words


def _analysed(values: Scores) -> Scores:
    return {method: values[method] for method in ("nearest", "bicubic", "from scratch", "fine-tuned")}


def _draw(
    found: ScaleResult,
    images: HyperspectralImages,
    config: ConfigDict,
    folder: Path,
    figure: str,
    pixel_size_um: float | None,
) -> list[Picture]:
    note = "simulated data" if images.simulated else "measured data"
    pair, scale, dwell = found.pairs[0], found.pairs[0].scale, config.dwell_high
    axis = images.wavenumbers
    channel = 0 if axis is None else int(np.argmin(np.abs(axis - PEAK)))
    place = brightest_unmeasured(pair)
    at_peak = [
        Panel(name, over_global_maximum(output, pair.hr_image)[..., channel])
        for name, output in {**found.outputs[0], "target": pair.hr_image}.items()
    ]

    def draw(part: str, panels: list[Panel], title: str, value_range: tuple[float, float] | None = None) -> None:
        panels_figure(
            names[part],
            {"": panels},
            title=f"{title}, {pair.name}, {scale}x",
            data_note=note,
            pixel_size_um=pixel_size_um,
            value_range=value_range,
            marked=place,
        )

    names = {part: folder / f"{figure}{part}.png" for part in ("a_endmembers", "a_peak", "b", "cd", "_s8")}
    draw("a_endmembers", image_panels(found, 0, dwell), "Endmembers of the target in every image")
    low, high = np.percentile(at_peak[-1].image, [1, 99])
    draw("a_peak", at_peak, f"Intensity at {PEAK:g} cm$^{{-1}}$", (float(low), float(high)))
    spectra = {name: over_global_maximum(output[place], pair.hr_image) for name, output in found.outputs[0].items()}
    target = over_global_maximum(pair.hr_image[place], pair.hr_image)
    spectrum_figure(
        names["b"],
        axis,
        target,
        spectra,
        title=f"Spectrum at the cross, {pair.name}",
        data_note=note,
        network="fine-tuned",
    )
    methods = ("nearest", "bicubic", *NETWORKS)
    scores = metrics_of(found.rows)
    groups = {f"{scale}x": {title: {name: values[name] for name in methods} for title, values in scores.items()}}
    scores_figure(names["cd"], groups, title=f"{len(found.pairs)} test images", data_note=note, network="fine-tuned")
    endmembers = found.targets[0].endmembers
    endmembers_figure(
        names["_s8"], axis, endmembers, colours_of(len(endmembers)), title=f"Endmembers, {pair.name}", data_note=note
    )
    words = {
        "a_endmembers": "As Figure 5a, left: false colours, one an endmember of the target; the pixels classified "
        "as in the target, and the imaging time.",
        "a_peak": f"As Figure 5a, right: intensity at {PEAK:g} per cm over the target's maximum, one colour scale.",
        "b": "As Figure 5b: spectra at the cross, the brightest pixel that was not measured.",
        "cd": "As Figure 5c and d, and MSE: mean, 95 % interval, a circle for each test image.",
        "_s8": "As Supplementary Figure 8: the endmembers, in the colours of the map.",
    }
    return [Picture(names[part], caption) for part, caption in words.items()]
