"""The combination: a coarse scan taken too fast, denoised and then super-resolved (paper, Figure 4)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ml_collections import ConfigDict

from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.errors import InputError
from deeper_jax.evaluation import metrics
from deeper_jax.evaluation.image_scores import over_global_maximum
from deeper_jax.evaluation.plot_style import imaging_time
from deeper_jax.evaluation.reference_methods import ReferenceMethod
from deeper_jax.evaluation.report.headline import headline
from deeper_jax.evaluation.report.statistics_sections import tukey_section, wilcoxon_section
from deeper_jax.evaluation.report.tables import Section, TextTable, image_table, score_table
from deeper_jax.evaluation.summary import Scores
from deeper_jax.evaluation.tuning import candidates
from deeper_jax.evaluation.upsampling import upsample
from deeper_jax.experiments.figure3_super_resolution import SCALES, resolver
from deeper_jax.experiments.figures import Album, Picture, unmixing_panels
from deeper_jax.experiments.published import published_section
from deeper_jax.experiments.report import Report
from deeper_jax.experiments.runs import data_sentence, trained, with_data
from deeper_jax.experiments.unmixed import (
    MEASURES,
    UnmixedOutput,
    UnmixedTarget,
    confusion_section,
    measures_section,
    unmix_output,
    unmix_target,
)
from deeper_jax.inference.denoiser import Denoiser, fit_scale_and_offset
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.spectra.raster import bin_spectra, crop_to_multiple, downsample
from deeper_jax.spectra.resampling import resampling_matrix
from deeper_jax.tasks.denoising import load_splits

_log = logging.getLogger(__name__)

Array = npt.NDArray[np.float64]
Step = Callable[[Array], Array]

METHODS = ("input, nearest", "SG + bicubic", "PCA + bicubic", "network")
METRICS = ("MSE", "PSNR / dB", "SSIM")


class Cell(NamedTuple):
    """A cell: its fast measurement, its slow one (the target), `[H, W, L]`, and their axis."""

    name: str
    noisy: Array
    target: Array
    axis: npt.NDArray | None


class CellResult(NamedTuple):
    """One cell at one scale, by method."""

    unmixed: dict[str, UnmixedOutput]
    scores: dict[str, dict[str, float]]
    target: UnmixedTarget


def run(config: ConfigDict, output: Path) -> Report:
    """Train what is missing, and take every cell through the whole chain at 2x, 3x and 4x.

    Raises:
      InputError: the data hold no test cell that is a whole raster.
    """
    training = with_data(config.hybrid.training, output, "hybrid_cells")
    cells, simulated = _cells(training, config.hybrid.cells)
    denoiser = trained(training, output / "runs" / "hybrid_denoising", Denoiser)
    axis = None
    found: dict[int, dict[str, CellResult]] = {}
    tuned: dict[int, dict[str, str]] = {}
    for scale in SCALES:
        fine = resolver(config, output, scale)
        axis = fine.wavenumbers
        classical = _tuned(cells[: config.hybrid.tuning_cells], fine, config)
        tuned[scale] = {name: method.name for name, method in classical.items()}
        found[scale] = {cell.name: _evaluate(cell, denoiser, fine, classical, config) for cell in cells}
        share = np.mean([each.scores["network"]["accuracy / %"] for each in found[scale].values()])
        _log.info(f"{scale}x: {share:.1f} % of the pixels classified as in the target.")
    album = Album(output / "hybrid", simulated, config.pixel_size_um)
    _draw(album, found, config, axis, cells)
    parts: list[Section | Picture] = [*album.pictures]
    parts.append(_times_section(cells[0].target.shape[:2], config))
    parts.append(measures_section())
    results: dict[str, Any] = {}
    for scale, each in found.items():
        scores = {name: _scores(each, name) for name in (*MEASURES, *METRICS)}
        results[f"{scale}x"] = scores
        items = [
            "Tuned for the share of pixels classified as in the target, on "
            f"{', '.join(cell.name for cell in cells[: config.hybrid.tuning_cells])}, which are tested on too, in the "
            f"reference methods' favour: {', '.join(tuned[scale].values())}.",
            "Every image is brought to the target's unit by one scale and one offset (least squares) before it is "
            "scored and unmixed.",
        ]
        confusion = {
            name: np.sum([result.unmixed[name].confusion for result in each.values()], axis=0) for name in METHODS[1:]
        }
        accuracy = scores["accuracy / %"]
        parts += [
            Section(f"{scale}x: mean over {len(cells)} cells [95 % interval]", items, score_table(scores)),
            tukey_section(accuracy, f"{scale}x accuracy / %"),
            wilcoxon_section(accuracy, f"{scale}x accuracy / %", "network"),
            Section(f"{scale}x: accuracy of every cell, %", [], image_table(accuracy, "accuracy"), folded=True),
            confusion_section(confusion)._replace(title=f"{scale}x: confusion between classes"),
        ]
    parts.append(published_section("hybrid"))
    words = f"{len(cells)} cells that neither the denoiser nor the super-resolution networks have seen."
    data = data_sentence(simulated, training.data.path, words)
    title = "Denoising and super-resolution together"
    first = headline(
        {f"{scale}x accuracy / %": results[f"{scale}x"]["accuracy / %"] for scale in found}, images="cells"
    )
    return Report("hybrid", title, first, data, parts, results, config.to_dict())


def _cells(training: ConfigDict, most: int) -> tuple[list[Cell], bool]:
    """The test cells, and whether they are simulated."""
    pairs = load_splits(training).get("test")
    names = () if pairs is None else tuple(name for name in pairs.cell_names if name in pairs.image_shapes)
    if pairs is None or not names:
        raise InputError(
            f"{training.data.path}: holds no test cell that is a whole raster [H, W, L], which the combination needs; "
            "with --config.hybrid.training.data.path give pairs of images, one file a cell (docs/data.md), or a path "
            "where nothing is, for simulated ones."
        )
    cells = []
    for name in names[:most]:
        cell = pairs.of_cell(name)
        cells.append(Cell(name, _raster(cell, cell.noisy), _raster(cell, cell.target), cell.wavenumbers))
    return cells, pairs.simulated


def _raster(pairs: SpectralPairs, spectra: npt.NDArray) -> Array:
    return np.asarray(spectra, np.float64).reshape(*pairs.image_shapes[pairs.cell_names[0]], -1)


def _coarse(cell: Cell, fine: SuperResolver) -> tuple[Array, Array]:
    """What the fast coarse scan sees, `[h, w, L]`, and the target on the networks' axis, `[H, W, L']`."""
    noisy, target = (crop_to_multiple(image, fine.scale) for image in (cell.noisy, cell.target))
    return downsample(noisy, fine.scale, fine.raster_offset), _fitted(target, cell.axis, fine)


def _fitted(image: Array, axis: npt.NDArray | None, fine: SuperResolver) -> Array:
    """Spectra [..., L] on the super-resolution network's channels."""
    if axis is None or fine.wavenumbers is None:
        return np.asarray(bin_spectra(image, None, length=fine.length)[0], np.float64)
    return image @ resampling_matrix(axis, fine.wavenumbers)


def _spectra_of(method: ReferenceMethod, image: Array) -> Array:
    return np.asarray(method(image.reshape(-1, image.shape[-1]))).reshape(image.shape)


def _chain(method: ReferenceMethod, axis: npt.NDArray | None, fine: SuperResolver) -> Step:
    def chain(image: Array) -> Array:
        return upsample(_fitted(_spectra_of(method, image), axis, fine), "bicubic", fine.scale, fine.raster_offset)

    return chain


def _in_unit_of(output: Array, target: Array) -> Array:
    return fit_scale_and_offset(output.reshape(1, -1), target.reshape(1, -1)).reshape(target.shape)


def _tuned(cells: Sequence[Cell], fine: SuperResolver, config: ConfigDict) -> dict[str, ReferenceMethod]:
    """The Savitzky-Golay filter and the number of components that classify most pixels as the target does."""
    views = [(*_coarse(cell, fine),) for cell in cells]
    targets = [unmix_target(target, config.hybrid.endmembers, config.seed) for _, target in views]

    def accuracy(method: ReferenceMethod) -> float:
        chain = _chain(method, cells[0].axis, fine)
        outputs = (_in_unit_of(chain(noisy), target) for noisy, target in views)
        pairs = zip(outputs, targets, strict=True)
        return float(np.mean([unmix_output(output, target).scores["accuracy / %"] for output, target in pairs]))

    families = {"SG + bicubic": "savitzky_golay", "PCA + bicubic": "pca"}
    return {name: max(_fitting(candidates(family), views), key=accuracy) for name, family in families.items()}


def _fitting(methods: Sequence[ReferenceMethod], views: Sequence[tuple[Array, Array]]) -> list[ReferenceMethod]:
    """Those with no longer frame than the spectra and fewer components than the smallest map has pixels."""
    length = min(noisy.shape[-1] for noisy, _ in views)
    pixels = min(noisy.shape[0] * noisy.shape[1] for noisy, _ in views)
    return [
        method
        for method in methods
        if method.parameters.get("frame", 0) <= length and method.parameters.get("components", 0) < pixels
    ]


def _evaluate(
    cell: Cell, denoiser: Denoiser, fine: SuperResolver, classical: Mapping[str, ReferenceMethod], config: ConfigDict
) -> CellResult:
    noisy, wanted = _coarse(cell, fine)

    def network(image: Array) -> Array:
        return fine.super_resolve(_fitted(denoiser.denoise(image, cell.axis, keep_offset=False), cell.axis, fine))

    steps: dict[str, Step] = {
        "input, nearest": lambda image: upsample(
            _fitted(image, cell.axis, fine), "nearest", fine.scale, fine.raster_offset
        ),
        **{name: _chain(method, cell.axis, fine) for name, method in classical.items()},
        "network": network,
    }
    target = unmix_target(wanted, config.hybrid.endmembers, config.seed)
    outputs = {name: _in_unit_of(np.asarray(steps[name](noisy), np.float64), wanted) for name in METHODS}
    unmixed = {name: unmix_output(output, target) for name, output in outputs.items()}
    scores = {name: {**unmixed[name].scores, **_errors(outputs[name], wanted)} for name in METHODS}
    return CellResult(unmixed, scores, target)


def _errors(output: Array, target: Array) -> dict[str, float]:
    scaled, wanted = (over_global_maximum(each, target) for each in (output, target))
    ssim = metrics.ssim(scaled, wanted)
    values = (metrics.mse(scaled, wanted), metrics.psnr(scaled, wanted), float("nan") if ssim is None else ssim)
    return dict(zip(METRICS, values, strict=True))


def _scores(found: Mapping[str, CellResult], name: str) -> Scores:
    return {method: {cell: each.scores[method][name] for cell, each in found.items()} for method in METHODS}


def _times_section(shape: tuple[int, int], config: ConfigDict) -> Section:
    """Imaging times as in the paper: pixels times dwell time, and how many times faster that is."""
    body = []
    for words, (height, width) in {"as in the paper": (64, 64), "the cells of this report": shape}.items():
        full = height * width * config.dwell_high
        for scale in (1, *SCALES):
            pixels = (height // scale) * (width // scale)
            for dwell in (config.dwell_high, config.dwell_low):
                faster = f"{full / (pixels * dwell):.0f}x"
                scan = f"{height} x {width} pixels, {words}, {scale}x"
                body.append([scan, f"{dwell:g}", imaging_time(pixels, dwell), faster])
    header = ["scan", "dwell time / s", "imaging time, min:s", "speed-up"]
    return Section(
        "Imaging time",
        ["Pixels times dwell time; what the stage needs to move is not counted."],
        TextTable(header, body),
    )


def _draw(
    album: Album,
    found: Mapping[int, Mapping[str, CellResult]],
    config: ConfigDict,
    axis: npt.NDArray | None,
    cells: Sequence[Cell],
) -> None:
    name = cells[0].name
    rows = {}
    for scale, each in found.items():
        result = each[name]
        pixels = result.target.classes.size
        times = (imaging_time(pixels // scale**2, config.dwell_low), imaging_time(pixels, config.dwell_high))
        rows[f"{scale}x"] = unmixing_panels(result.unmixed, result.target, times)
    words = (
        "As Figure 4a: false colours, one an endmember of the target (their spectra are below); "
        "under each image the pixels classified as in "
        "the target, and the imaging time."
    )
    album.panels("4a", words, rows, f"Endmembers of the target in every method's image, {name}")
    measures = ("accuracy / %", "abundance error", "spectral angle / deg", "MSE")
    groups = {f"{scale}x": {measure: _scores(each, measure) for measure in measures} for scale, each in found.items()}
    words = "As Figure 4b, and the measures that the classes hide: mean, 95 % interval, a circle for each cell."
    album.scores("4b", words, groups, f"{len(cells)} cells")
    album.endmembers("s7", "7", axis, found[SCALES[0]][name].target.endmembers, name)
