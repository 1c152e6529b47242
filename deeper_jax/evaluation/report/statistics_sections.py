"""The sections of a report that hold statistics: repeated measures, Wilcoxon and Dunnett, in words and tables."""

import numpy as np
import scipy.stats

from deeper_jax.evaluation.report.tables import Section, TextTable, format_value, mean_and_interval, signed
from deeper_jax.evaluation.statistics import (
    Anova,
    TukeyPair,
    compare_paired,
    holm,
    repeated_measures_anova,
    summarise,
    tukey_paired,
)
from deeper_jax.evaluation.summary import REFERENCE, MetricComparison, Scores


def comparison_section(comparison: MetricComparison, title: str) -> Section:
    """Repeated measures of a metric, and the network against the best registered classical method."""
    items = [] if comparison.anova is None else [_anova_sentence(comparison.anova)]
    paired = comparison.paired
    if paired is not None and paired.difference is not None:
        numbers = [
            f"mean difference {signed(paired.difference, comparison.metric)}",
            "" if paired.t_p is None else f"paired t-test p = {paired.t_p:.2g}",
            "" if paired.cohens_dz is None else f"Cohen's d_z = {paired.cohens_dz:.2f}",
            "" if paired.wilcoxon_p is None else f"Wilcoxon signed-rank p = {paired.wilcoxon_p:.2g}",
            "" if paired.rank_biserial is None else f"rank-biserial correlation = {paired.rank_biserial:.2f}",
            paired.note,
        ]
        items.append(
            f"{REFERENCE} minus the best registered classical method ({comparison.best_classical}, chosen on these "
            f"very images, which favours it), {paired.n} images, two-tailed: {'; '.join(filter(None, numbers))}."
        )
    table = _tukey_table(comparison.methods, comparison.tukey, comparison.metric)
    return Section(f"Statistics: {title}", items, table, folded=True)


def tukey_section(values: Scores, metric: str) -> Section:
    """Repeated-measures ANOVA (Geisser-Greenhouse) and Tukey's comparisons: the paper's test of super-resolution."""
    table = np.array([list(own.values()) for own in values.values()]).T
    title = f"Statistics: {metric}, repeated measures"
    if len(table) < 2 or np.ptp(table, axis=1).max() == 0:
        return Section(title, ["Fewer than two images, or no difference at all: nothing to test."], folded=True)
    tukey = _tukey_table(tuple(values), tukey_paired(table), metric)
    return Section(title, [_anova_sentence(repeated_measures_anova(table))], tukey, folded=True)


def _anova_sentence(anova: Anova) -> str:
    return (
        f"One-way repeated-measures ANOVA with the Geisser-Greenhouse correction, {anova.n} images, {anova.k} methods: "
        f"F({anova.df_methods * anova.epsilon:.2f}, {anova.df_residual * anova.epsilon:.2f}) = {anova.f:.4g}, "
        f"epsilon = {anova.epsilon:.3f}, p = {anova.p_value:.2g}, partial eta squared = "
        f"{anova.partial_eta_squared:.3f}; below, Tukey's comparisons, each with its own standard error (no sphericity "
        "assumed), p adjusted for the number of pairs."
    )


def _tukey_table(methods: tuple[str, ...], pairs: list[TukeyPair], metric: str) -> TextTable:
    body = []
    for pair in pairs:
        ends = f"[{signed(pair.low, metric)}, {signed(pair.high, metric)}]"
        names = f"{methods[pair.first]} - {methods[pair.second]}"
        body.append([names, f"{signed(pair.difference, metric)} {ends}", f"{pair.q:.2f}", f"{pair.p_value:.2g}"])
    return TextTable(["pair", "mean difference [95 % interval]", "q", "p"], body)


def wilcoxon_section(values: Scores, metric: str, reference: str) -> Section:
    """The reference against every other method, paired by image: the paper's test of the denoiser.

    With effect sizes, and p adjusted for the number of methods by Holm's procedure beside the bare one.
    """
    others = [method for method in values if method != reference]
    found = [compare_paired(_array(values, reference), _array(values, other)) for other in others]
    bare = [each.wilcoxon_p for each in found]
    adjusted = holm([1.0 if p is None else p for p in bare])
    body = [
        [
            f"{reference} - {other}",
            mean_and_interval(summarise(_array(values, reference) - _array(values, other)), metric),
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
    return Section(f"Statistics: {metric}, Wilcoxon", items, TextTable(header, body), folded=True)


def dunnett_section(values: Scores, metric: str, reference: str) -> Section:
    """One-way ANOVA over methods, then Dunnett's comparisons with the reference: the paper's test in the journal.

    It treats the methods' images as unrelated samples, which they are not, and so sees less than a paired test.
    """
    others = [method for method in values if method != reference]
    samples = [_array(values, method) for method in others]
    control = _array(values, reference)
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
    table = TextTable(["pair", "mean difference", "p"], body)
    return Section(f"Statistics: {metric}, Dunnett", items, table, folded=True)


def _array(values: Scores, method: str) -> np.ndarray:
    return np.array(list(values[method].values()))
