"""Evaluation of a trained map restorer on images of components: what it leaves of the error, scale by scale."""

import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.evaluation.report.evaluation_report import write_csv, write_json
from deeper_jax.evaluation.report.tables import Section, TextTable, markdown_section
from deeper_jax.evaluation.report.web_page import data_html, headline_html, list_html, section_html, write_web_page
from deeper_jax.evaluation.statistics import summarise
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.simulator.score_images import PHANTOMS, draw_phantom_images
from deeper_jax.spectra.interpolation import interpolate_raster
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.task import EvaluationOptions

log = logging.getLogger(__name__)

# Images of phantoms that training never draws: its keys come of other seeds.
SEED, IMAGES, SIDE = 987_654, 8, 48
STRENGTHS = (1.0, 5.0, 25.0, 125.0)
SCALES = (1, 2, 3, 4)
NINETY_PERCENT = 1.6449
_SENTENCE = "SIMULATED images of components, drawn for this evaluation; their noise has variance 1."
_NOTES = (
    "Measured pixels: mean squared error where a pixel was measured, in units of the noise's variance: 1 is no gain.",
    "New pixels: squared error over that of Lanczos interpolation of the noisy pixels, geometric mean: less is better.",
    "Interval: how often the truth lies within the 90 % interval that the network states.",
)


def evaluate_map_restorer(model: LoadedMapRestorer, output: Path, options: EvaluationOptions) -> list[dict[str, Any]]:
    """Score a map restorer on phantoms of every kind, and write what came out into `output`.

    Args:
        model: the network.
        output: folder for metrics.csv, metrics.json, metrics.md and index.html.
        options: `data` must be None: only simulated images have a truth.

    Returns:
        One row for each phantom, scale, strength and image.

    Raises:
        InputError: data are given.
    """
    if options.data is not None:
        raise InputError(
            f"{options.data}: a map restorer is evaluated on images of components that are simulated for it; leave "
            "out --data, or see benchmarks/restoration.py for maps."
        )
    rows = [row for phantom in PHANTOMS for row in _rows(model, phantom)]
    told = headline(rows)
    sections = [_scale_section(rows), *(_section(rows, phantom) for phantom in PHANTOMS)]
    output.mkdir(parents=True, exist_ok=True)
    write_csv(output / "metrics.csv", [list(rows[0]), *(list(row.values()) for row in rows)])
    checkpoint = str(model.record.get("checkpoint") or model.record.get("source"))
    write_json(output / "metrics.json", {"checkpoint": checkpoint, "config": model.config, "rows": rows})
    markdown = [line for section in sections for line in markdown_section(section)]
    (output / "metrics.md").write_text(
        "\n".join([told, "", _SENTENCE, "", *_NOTES, "", *markdown]) + "\n", encoding="utf-8"
    )
    words = list_html([*_NOTES, f"Weights: {checkpoint}."])
    parts = [headline_html(told), data_html(_SENTENCE), words, *map(section_html, sections)]
    write_web_page(output / "index.html", "Map restorer", parts)
    return rows


def headline(rows: list[dict[str, Any]]) -> str:
    """What the scores come to, in two sentences; `rows` as `evaluate_map_restorer` gives them."""
    gained = _geometric_mean([row["measured"] for row in rows if row["scale"] == 1])
    finer = [row["new"] for row in rows if row["scale"] == 2]
    covered = 100 * np.mean([row["interval_measured"] for row in rows])
    images = len({(row["phantom"], row["image"]) for row in rows})
    return (
        f"Of the noise's variance the network leaves {gained:.2g} where pixels were measured, and on a grid twice as "
        f"fine its error is {_geometric_mean(finer):.2g} times that of Lanczos interpolation where they were not "
        f"(geometric means over {images} images and all strengths). Less is better. Its 90 % intervals hold "
        f"{covered:.0f} % of the measured pixels."
    )


def _geometric_mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.exp(np.log(values).mean()))


def _rows(model: LoadedMapRestorer, phantom: str) -> list[dict[str, Any]]:
    log.info("Scoring on %s phantoms.", phantom)
    draw = jax.jit(functools.partial(draw_phantom_images, phantom=phantom, side=SIDE, components=len(STRENGTHS)))
    rows = []
    for index in range(IMAGES):
        images = np.asarray(draw(jax.random.fold_in(jax.random.key(SEED), index)), np.float64)
        truth = np.moveaxis(images, 0, -1) * np.array(STRENGTHS)
        generator = np.random.default_rng(index)
        for scale in SCALES:
            raster = Raster.of((scale, scale))
            noisy = truth[raster.places] + generator.standard_normal(truth[raster.places].shape)
            rows += _scored(model, noisy, truth, raster, {"phantom": phantom, "image": index, "scale": scale})
    return rows


def _scored(
    model: LoadedMapRestorer, noisy: np.ndarray, truth: np.ndarray, raster: Raster, facts: dict[str, Any]
) -> list[dict[str, Any]]:
    present = np.ones(noisy.shape[:2], bool)
    answer, std = model.restore(noisy, present, raster)
    mask = raster.spread(present)
    planes = np.moveaxis(raster.spread(noisy), -1, 0)
    interpolated = np.moveaxis(interpolate_raster(planes, mask.astype(np.float64), *raster), 0, -1)
    error, between = (answer - truth) ** 2, (interpolated - truth) ** 2
    inside = np.abs(answer - truth) <= NINETY_PERCENT * std
    rows = []
    for k, strength in enumerate(STRENGTHS):
        row = {**facts, "strength": strength, "measured": error[mask][:, k].mean()}
        new = (error[~mask][:, k].mean() / between[~mask][:, k].mean()) if mask.size > mask.sum() else None
        covered_new = inside[~mask][:, k].mean() if new is not None else None
        rows.append({**row, "new": new, "interval_measured": inside[mask][:, k].mean(), "interval_new": covered_new})
    return rows


def _scale_section(rows: list[dict[str, Any]]) -> Section:
    """A line a scale, over all phantoms and strengths."""
    lines = []
    for scale in SCALES:
        own = [row for row in rows if row["scale"] == scale]
        lines.append([f"{scale}", *(_told(own, name, whole=True) for name in _COLUMNS)])
    note = "Geometric means of the errors, means of the intervals, over all images and strengths."
    return Section("By scale", [note], TextTable(["scale", *_COLUMNS.values()], lines))


def _section(rows: list[dict[str, Any]], phantom: str) -> Section:
    """A table of means with 95 % intervals over the images."""
    lines = []
    for scale in SCALES:
        for strength in STRENGTHS:
            own = [r for r in rows if (r["phantom"], r["scale"], r["strength"]) == (phantom, scale, strength)]
            lines.append([f"{scale}", f"{strength:g}", *(_told(own, name) for name in _COLUMNS)])
    title = f"{phantom.capitalize()}: every scale and strength [95 % interval]"
    return Section(title, [], TextTable(["scale", "strength", *_COLUMNS.values()], lines), folded=True)


_COLUMNS = {
    "measured": "measured pixels",
    "new": "new pixels",
    "interval_measured": "interval, measured",
    "interval_new": "interval, new",
}


def _told(rows: list[dict[str, Any]], name: str, *, whole: bool = False) -> str:
    """A mean over rows with its interval; of `whole` evaluations, whose rows differ by much, without."""
    values = np.array([row[name] for row in rows if row[name] is not None], np.float64)
    if not len(values):
        return "-"
    if name == "new" or (whole and name == "measured"):
        return f"{_geometric_mean(values):.3f}"
    summary = summarise(values)
    return f"{summary.mean:.3f}" if whole else f"{summary.mean:.3f} [{summary.low:.3f}, {summary.high:.3f}]"
