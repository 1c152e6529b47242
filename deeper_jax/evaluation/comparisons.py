"""The statistics of a super-resolution evaluation: ANOVA, Tukey, and the network against the best other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeper_jax.evaluation.repeated_measures import (
    Anova,
    TukeyPair,
    repeated_measures_anova,
    tukey_paired,
)
from deeper_jax.evaluation.statistics import PairedComparison, compare_paired
from deeper_jax.evaluation.summary import REFERENCE, EvaluationRow, metric_values

PAPER_METHODS = ("nearest", "bicubic")
"""What the paper's statistics compare the network with."""


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


def best_classical(rows: Sequence[EvaluationRow], metric: str = "mse", reference: str = REFERENCE) -> str | None:
    """Name of the registered method of best mean (least error, highest PSNR or SSIM) besides the network.

    It is chosen on the very images of the table, which favours it.
    """
    sign = 1 if metric.startswith("mse") else -1
    names = dict.fromkeys(row.method for row in rows if row.method != reference and getattr(row, "registered", True))
    means = {}
    for name in names:
        values = list(metric_values(rows, name, metric).values())
        if values and np.isfinite(values).all():
            means[name] = sign * float(np.mean(values))
    return min(means, key=lambda name: means[name]) if means else None


def compare_metric(
    rows: Sequence[EvaluationRow],
    metric: str,
    *,
    reference: str = REFERENCE,
    methods: Sequence[str] | None = None,
) -> MetricComparison:
    """Analyse one metric over images.

    Args:
        rows: one per method and image.
        metric: a field of the rows, such as "mse".
        reference: the network's name.
        methods: those in the analysis of variance; by default the paper's three and the best classical one.
    """
    best = best_classical(rows, metric, reference)
    wanted = [*PAPER_METHODS, best, reference] if methods is None else list(methods)
    present = {row.method for row in rows}
    names = tuple(name for name in dict.fromkeys(wanted) if name in present)
    table = _table(rows, names, metric)
    anova, tukey = None, []
    if min(table.shape) >= 2 and np.ptp(table, axis=1).any():
        anova, tukey = repeated_measures_anova(table), tukey_paired(table)
    paired = None
    if best is not None and reference in present:
        pair = _table(rows, (reference, best), metric)
        paired = compare_paired(pair[:, 0], pair[:, 1]) if len(pair) else None
    return MetricComparison(metric, names, anova, tukey, best, paired)


def _table(rows: Sequence[EvaluationRow], methods: Sequence[str], metric: str) -> np.ndarray:
    """`[n, k]` of the images for which every method has a finite value."""
    columns = [metric_values(rows, method, metric) for method in methods]
    images = dict.fromkeys(row.image for row in rows)
    lines = [[column.get(image, np.nan) for column in columns] for image in images]
    table = np.array(lines, np.float64).reshape(len(lines), len(columns))
    return table[np.isfinite(table).all(axis=1)]
