"""Scores of methods on images, as tables of means and as the paper's statistics in words."""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats

from deeper_jax.evaluation.repeated_measures import repeated_measures_anova, tukey_paired
from deeper_jax.evaluation.report_sections import Section
from deeper_jax.evaluation.report_text import TextTable, format_value, mean_and_interval
from deeper_jax.evaluation.statistics import Summary, compare_paired, summarise

Scores = Mapping[str, Mapping[str, float]]
"""By method, then by image; every method has the same images."""


def score_table(scores: Mapping[str, Scores]) -> TextTable:
    """Metrics across, methods down: mean over images [95 % Student-t interval].

    Args:
      scores: by metric; a metric's name decides how it is printed.
    """
    methods = list(dict.fromkeys(method for values in scores.values() for method in values))
    body = [
        [method, *(mean_and_interval(_summary(values.get(method)), name) for name, values in scores.items())]
        for method in methods
    ]
    return TextTable(["method", *scores], body)


def image_table(values: Scores, metric: str) -> TextTable:
    """Images across, methods down, one number each."""
    images = list(next(iter(values.values())))
    body = [[method, *(format_value(own[image], metric) for image in images)] for method, own in values.items()]
    return TextTable(["method", *images], body)


def wilcoxon_section(values: Scores, metric: str, reference: str) -> Section:
    """The reference against every other method, paired by image: the paper's test of the denoiser.

    With effect sizes, and p adjusted for the number of methods by Holm's procedure beside the bare one.
    """
    others = [method for method in values if method != reference]
    found = [compare_paired(list(values[reference].values()), list(values[other].values())) for other in others]
    bare = [each.wilcoxon_p for each in found]
    adjusted = holm([1.0 if p is None else p for p in bare])
    body = [
        [
            f"{reference} - {other}",
            mean_and_interval(summarise(_difference(values, reference, other)), metric),
            "" if each.wilcoxon_p is None else f"{each.wilcoxon_p:.2g}",
            f"{p:.2g}",
            "" if each.rank_biserial is None else f"{each.rank_biserial:+.2f}",
            "" if each.cohens_dz is None else f"{each.cohens_dz:+.2f}",
        ]
        for other, each, p in zip(others, found, adjusted, strict=True)
    ]
    items = [
        f"Two-tailed Wilcoxon signed-rank tests over {found[0].n} images, as in the paper; the last p is adjusted "
        "for the number of methods (Holm). Effect sizes: matched-pairs rank-biserial correlation and Cohen's d_z."
    ]
    if found[0].note:
        items.append(found[0].note + ".")
    header = ["pair", "mean difference [95 % interval]", "p", "p, Holm", "rank-biserial", "d_z"]
    return Section(f"Statistics: {metric}, Wilcoxon", items, TextTable(header, body))


def dunnett_section(values: Scores, metric: str, reference: str) -> Section:
    """One-way ANOVA over methods, then Dunnett's comparisons with the reference: the paper's test in the journal.

    It treats the methods' images as unrelated samples, which they are not, and so sees less than a paired test.
    """
    others = [method for method in values if method != reference]
    samples = [np.array(list(values[method].values())) for method in others]
    control = np.array(list(values[reference].values()))
    f = scipy.stats.f_oneway(control, *samples)
    every = np.concatenate([control, *samples])
    within = sum(np.sum((each - each.mean()) ** 2) for each in (control, *samples))
    eta = 1 - within / np.sum((every - every.mean()) ** 2)
    # Dunnett's p is found by integration over random points: a fixed seed gives the same digits again.
    dunnett = scipy.stats.dunnett(*samples, control=control, rng=np.random.default_rng(0))
    body = [
        [f"{other} - {reference}", format_value(float(each.mean() - control.mean()), metric), f"{p:.2g}"]
        for other, each, p in zip(others, samples, dunnett.pvalue, strict=True)
    ]
    items = [
        f"One-way ANOVA over {len(values)} methods of {len(control)} images: F = {f.statistic:.4g}, "
        f"p = {f.pvalue:.2g}, eta squared = {eta:.3f}; below, Dunnett's comparisons with {reference}, p adjusted for "
        "their number. The methods' images count as unrelated samples here."
    ]
    return Section(f"Statistics: {metric}, Dunnett", items, TextTable(["pair", "mean difference", "p"], body))


def tukey_section(values: Scores, metric: str) -> Section:
    """Repeated-measures ANOVA (Geisser-Greenhouse) and Tukey's comparisons: the paper's test of super-resolution."""
    methods = list(values)
    table = np.array([list(values[method].values()) for method in methods]).T
    title = f"Statistics: {metric}, repeated measures"
    if len(table) < 2 or np.ptp(table, axis=1).max() == 0:
        return Section(title, ["Fewer than two images, or no difference at all: nothing to test."])
    anova = repeated_measures_anova(table)
    items = [
        f"One-way repeated-measures ANOVA with the Geisser-Greenhouse correction, {anova.n} images, {anova.k} methods: "
        f"F({anova.df_methods * anova.epsilon:.2f}, {anova.df_residual * anova.epsilon:.2f}) = {anova.f:.4g}, "
        f"epsilon = {anova.epsilon:.3f}, p = {anova.p_value:.2g}, partial eta squared = "
        f"{anova.partial_eta_squared:.3f}; below, Tukey's comparisons, p adjusted for the number of pairs."
    ]
    body = [
        [
            f"{methods[pair.first]} - {methods[pair.second]}",
            f"{format_value(pair.difference, metric)} "
            f"[{format_value(pair.low, metric)}, {format_value(pair.high, metric)}]",
            f"{pair.p_value:.2g}",
        ]
        for pair in tukey_paired(table)
    ]
    return Section(title, items, TextTable(["pair", "mean difference [95 % interval]", "p"], body))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted by Holm's step-down procedure, in the given order."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(order))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted.tolist()


def _summary(values: Mapping[str, float] | None) -> Summary | None:
    return None if values is None else summarise(list(values.values()))


def _difference(values: Scores, first: str, second: str) -> np.ndarray:
    return np.array(list(values[first].values())) - np.array(list(values[second].values()))
