"""What the rows of an evaluation say together: means and tests per method, comparisons of methods, errors by band."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deeper_jax.evaluation.image_scores import SuperResolutionRow
from deeper_jax.evaluation.spectra_scores import Row
from deeper_jax.evaluation.statistics import (
    Anova,
    PairedComparison,
    PairedTest,
    Summary,
    TukeyPair,
    compare_paired,
    repeated_measures_anova,
    summarise,
    tukey_paired,
    wilcoxon,
)

EvaluationRow = Row | SuperResolutionRow
"""A row of either task; those of one table are of one task."""

REFERENCE = "network"
"""Name of the method that all others are compared with."""

Scores = Mapping[str, Mapping[str, float]]
"""A metric by method, then by image."""

PAPER_METHODS = ("nearest", "bicubic")
"""What the paper's statistics compare the network with."""

BANDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "nucleic acids 785": (770.0, 800.0),
        "phenylalanine 1003": (993.0, 1013.0),
        "phosphate 1090": (1075.0, 1105.0),
        "amide III 1260": (1230.0, 1290.0),
        "lipids 1301": (1291.0, 1315.0),
        "CH2/CH3 1450": (1430.0, 1470.0),
        "amide I 1660": (1635.0, 1685.0),
        "silent region": (1720.0, 1800.0),
    }
)
"""First and last wavenumber of each band group in cm^-1; the last holds no band of biology, so noise alone."""


@dataclass(frozen=True)
class MethodSummary:
    """One method over all images.

    Attributes:
        method: its name.
        uses_whole_map: it looks at all the spectra of an image, not at one at a time.
        metrics: mean and 95 % interval over images, by metric, for the metrics that are known.
        ratio: mean of the metric over the network's mean, by metric, for the errors (`mse*`) only.
        tests: Wilcoxon signed-rank test against the network, by metric.
    """

    method: str
    uses_whole_map: bool
    metrics: dict[str, Summary]
    ratio: dict[str, float]
    tests: dict[str, PairedTest]


def metric_names(rows: Sequence[EvaluationRow]) -> list[str]:
    """Fields of the rows that are metrics, in their order."""
    return [each.name for each in fields(rows[0]) if each.name.startswith(("mse", "psnr", "ssim"))]


def metric_values(rows: Sequence[EvaluationRow], method: str, metric: str) -> dict[str, float]:
    """One method's known values of a metric, by image."""
    chosen = ((row.image, getattr(row, metric)) for row in rows if row.method == method)
    return {image: float(value) for image, value in chosen if value is not None}


def scores_of(rows: Sequence[EvaluationRow], metric: str) -> dict[str, dict[str, float]]:
    """The known values of a metric by method and image, the method of least mean MSE first."""
    return {method: own for method in _by_mean_mse(rows) if (own := metric_values(rows, method, metric))}


def _by_mean_mse(rows: Sequence[EvaluationRow]) -> list[str]:
    """The methods, that of least mean MSE first, those without any last."""

    def mean_mse(method: str) -> float:
        mean = summarise(list(metric_values(rows, method, "mse").values())).mean
        return float("inf") if mean is None else mean

    return sorted(dict.fromkeys(row.method for row in rows), key=mean_mse)


def summarise_rows(rows: Sequence[EvaluationRow]) -> list[MethodSummary]:
    """Summarise every method, least mean MSE first.

    Raises:
        ValueError: a method has two rows for one image.
    """
    pairs = [(row.method, row.image) for row in rows]
    if len(set(pairs)) != len(pairs):
        repeated = sorted({pair for pair in pairs if pairs.count(pair) > 1})
        raise ValueError(f"more than one row for (method, image) {repeated}")
    whole_map = {row.method: row.uses_whole_map for row in rows}
    return [_summarise_method(rows, method, whole_map[method]) for method in _by_mean_mse(rows)]


def _summarise_method(rows: Sequence[EvaluationRow], method: str, uses_whole_map: bool) -> MethodSummary:
    metrics, ratio, tests = {}, {}, {}
    for metric in metric_names(rows):
        own, other = metric_values(rows, method, metric), metric_values(rows, REFERENCE, metric)
        if not own:
            continue
        metrics[metric] = summarise(list(own.values()))
        shared = [image for image in own if image in other]
        if method == REFERENCE or not shared:
            continue
        first, second = [own[image] for image in shared], [other[image] for image in shared]
        tests[metric] = wilcoxon(first, second)
        if metric.startswith("mse") and sum(second) > 0:
            ratio[metric] = sum(first) / sum(second)
    return MethodSummary(method, uses_whole_map, metrics, ratio, tests)


def better(metric: str) -> str:
    """Which values of a metric, named by its field or its title, are better: 'lower' or 'higher'."""
    words = metric.lower().split()
    return "higher" if any(word.startswith(("psnr", "ssim", "accuracy")) for word in words) else "lower"


class MetricComparison(NamedTuple):
    """All that is said about one metric.

    Attributes:
        metric: the rows' field.
        methods: those in the analysis of variance, in the order of the pairs' indices.
        anova, tukey: over the images that all of `methods` have; None and empty with fewer than two.
        best_classical: the registered method of best mean besides the network, or None.
        paired: the network against it.
    """

    metric: str
    methods: tuple[str, ...]
    anova: Anova | None
    tukey: list[TukeyPair]
    best_classical: str | None
    paired: PairedComparison | None


def best_classical(rows: Sequence[EvaluationRow], metric: str = "mse") -> str | None:
    """Name of the registered method of best mean (least error, highest PSNR or SSIM) besides the network.

    It is chosen on the very images of the table, which favours it.
    """
    sign = 1 if metric.startswith("mse") else -1
    names = dict.fromkeys(row.method for row in rows if row.method != REFERENCE and getattr(row, "registered", True))
    means = {}
    for name in names:
        values = list(metric_values(rows, name, metric).values())
        if values and np.isfinite(values).all():
            means[name] = sign * float(np.mean(values))
    return min(means, key=lambda name: means[name]) if means else None


def compare_metric(rows: Sequence[EvaluationRow], metric: str) -> MetricComparison:
    """Analyse one metric over images: the paper's three methods and the best classical one.

    Args:
        rows: one per method and image.
        metric: a field of the rows, such as "mse".
    """
    best = best_classical(rows, metric)
    wanted = [*PAPER_METHODS, best, REFERENCE]
    present = {row.method for row in rows}
    names = tuple(name for name in dict.fromkeys(wanted) if name in present)
    table = _table(rows, names, metric)
    anova, tukey = None, []
    if min(table.shape) >= 2 and np.ptp(table, axis=1).any():
        anova, tukey = repeated_measures_anova(table), tukey_paired(table)
    paired = None
    if best is not None and REFERENCE in present:
        pair = _table(rows, (REFERENCE, best), metric)
        paired = compare_paired(pair[:, 0], pair[:, 1]) if len(pair) else None
    return MetricComparison(metric, names, anova, tukey, best, paired)


def _table(rows: Sequence[EvaluationRow], methods: Sequence[str], metric: str) -> np.ndarray:
    """`[n, k]` of the images for which every method has a finite value."""
    columns = [metric_values(rows, method, metric) for method in methods]
    images = dict.fromkeys(row.image for row in rows)
    lines = [[column.get(image, np.nan) for column in columns] for image in images]
    table = np.array(lines, np.float64).reshape(len(lines), len(columns))
    return table[np.isfinite(table).all(axis=1)]


class BandRow(NamedTuple):
    """MSE of one method over one band group, as a summary over images; `channels` is how many it holds."""

    method: str
    band: str
    low: float
    high: float
    channels: int
    mse: Summary


def band_channels(wavenumbers: npt.ArrayLike) -> dict[str, npt.NDArray[np.int_]]:
    """Channel indices of each group of `BANDS` that the axis `[L]` (cm^-1) holds any channel of."""
    axis = np.asarray(wavenumbers, np.float64)
    found = {name: np.flatnonzero((axis >= low) & (axis <= high)) for name, (low, high) in BANDS.items()}
    return {name: channels for name, channels in found.items() if channels.size}


def band_errors(rows: Sequence[SuperResolutionRow], wavenumbers: npt.ArrayLike) -> list[BandRow]:
    """Mean MSE of each method in each band group, methods in the order of the rows.

    Args:
        rows: with `channel_mse`, all on one axis.
        wavenumbers: that axis, `[L]` in cm^-1.

    Raises:
        ValueError: a row's `channel_mse` does not have L entries.
    """
    length = np.size(wavenumbers)
    if any(len(row.channel_mse) != length for row in rows):
        raise ValueError(f"the rows' channel errors do not fit an axis of {length} wavenumbers")
    result = []
    for method in dict.fromkeys(row.method for row in rows):
        errors = np.array([row.channel_mse for row in rows if row.method == method])
        for band, channels in band_channels(wavenumbers).items():
            values = errors[:, channels].mean(axis=1)
            result.append(BandRow(method, band, *BANDS[band], channels.size, summarise(values)))
    return result
