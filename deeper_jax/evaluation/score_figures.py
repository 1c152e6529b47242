"""Pictures of scores: each method's error (paper, Figure 2b), and PSNR, SSIM and MSE by group (Figure 3c-e)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from deeper_jax.evaluation.plot_style import COLOURS, add_title, new_figure, series_colours
from deeper_jax.evaluation.spectra_scores import Row
from deeper_jax.evaluation.statistics import Summary, summarise
from deeper_jax.evaluation.summary import REFERENCE, MethodSummary, Scores, better, metric_values, summarise_rows

_LOG_FROM = 12.0  # means that differ by more than this factor are drawn on a log axis, as points
_AXIS_WORDS = {
    "mse": "Mean squared error, spectra over their own maxima",
    "mse_truth": "Mean squared error to the noise-free truth, spectra over their own maxima",
    "mse_fit": "Mean squared error of the shape, after a slope and an offset per spectrum",
    "mse_fit_truth": "Mean squared error of the shape, against the noise-free truth",
}


def mse_figure(rows: Sequence[Row], *, data_note: str = "", metric: str = "mse") -> Figure:
    """Draw the mean error of each method, the least at the top, with its 95 % interval and a point for each image.

    Bars from zero; where the means differ more than twelvefold, points on a log axis instead, since a bar on
    a log axis has no honest foot.
    """
    summaries = [each for each in summarise_rows(rows) if metric in each.metrics]
    summaries.sort(key=lambda each: -(each.metrics[metric].mean or 0.0))
    means = np.array([each.metrics[metric].mean for each in summaries], np.float64)
    log = bool(means.min() > 0 and means.max() / means.min() > _LOG_FROM)
    figure = new_figure(8.0, 1.6 + 0.3 * len(summaries))
    panel = figure.subplots()
    for height, each in enumerate(summaries):
        values = list(metric_values(rows, each.method, metric).values())
        _draw_method(panel, height, each.metrics[metric], values, COLOURS[_kind(each)], log)
    panel.set_yticks(range(len(summaries)), [each.method for each in summaries])
    panel.set_ylim(-0.6, len(summaries) - 0.4)
    panel.set_xscale("log" if log else "linear")
    if not log:
        panel.set_xlim(left=0)
    panel.set_xlabel(f"{_AXIS_WORDS.get(metric, metric)}{', log axis' if log else ''}")
    panel.grid(axis="x", color="#DDDDDD", lw=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    figure.legend(handles=_mse_legend(summaries), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    images = len({row.image for row in rows})
    interval = f"95 % interval over {images} images" if images > 1 else "one image, no interval"
    add_title(figure, f"Error of each method, lower is better ({interval})", data_note)
    return figure


def _kind(summary: MethodSummary) -> str:
    if summary.method == REFERENCE:
        return "network"
    if summary.method == "raw":
        return "raw"
    return "whole map" if summary.uses_whole_map else "one spectrum"


def _draw_method(panel: Axes, height: int, summary: Summary, values: Sequence[float], colour: str, log: bool) -> None:
    mean, low, high, _ = summary
    if mean is None:
        return
    if log:
        panel.plot(mean, height, "D", color=colour, ms=7, zorder=3)
    else:
        panel.barh(height, mean, color=colour, height=0.7)
    if len(values) > 1:
        spread = np.linspace(-0.2, 0.2, len(values)) + height
        panel.plot(values, spread, "o", ms=2.5, mfc="none", mec="#333333", mew=0.6, zorder=4)
    if low is not None and high is not None and (low > 0 or not log):
        panel.plot([low, high], [height, height], color="#000000", lw=1.4, zorder=5)


def _mse_legend(summaries: Sequence[MethodSummary]) -> list[Line2D]:
    words = {
        "network": "network",
        "one spectrum": "reference methods, one spectrum at a time",
        "whole map": "reference methods, all spectra of the map at once",
        "raw": "raw input",
    }
    used = {_kind(each) for each in summaries}
    return [
        Line2D([], [], marker="s", ls="", ms=8, color=COLOURS[kind], label=text)
        for kind, text in words.items()
        if kind in used
    ]


def scores_figure(
    groups: Mapping[str, Mapping[str, Scores]],
    *,
    title: str,
    data_note: str = "",
    network: str = REFERENCE,
) -> Figure:
    """Draw mean and 95 % interval over images, a circle for each image, and a line through each image's circles.

    Points, not bars: the zero of PSNR, a logarithm, means nothing.

    Args:
        groups: by group (a scale, say), a row each, and by metric, a column each; groups have the same metrics.
        title, data_note: above the figure.
        network: name of the method in the network's colour.
    """
    metrics = list(next(iter(groups.values())))
    figure = new_figure(2.7 * len(metrics) + 0.6, 2.7 * len(groups) + 0.9)
    axes = figure.subplots(len(groups), len(metrics), squeeze=False, sharex="col", sharey="col")
    for line, (group, scores) in zip(axes, groups.items(), strict=True):
        for panel, metric in zip(line, metrics, strict=True):
            _draw_scores(panel, scores[metric], series_colours(scores[metric], network))
        line[0].set_ylabel(group, fontsize=10)
    for panel, metric in zip(axes[0], metrics, strict=True):
        panel.set_title(f"{metric}\n{better(metric)} is better", fontsize=10)
    add_title(figure, title, data_note)
    return figure


def _draw_scores(panel: Axes, scores: Scores, colours: Mapping[str, str]) -> None:
    for image in dict.fromkeys(image for values in scores.values() for image in values):
        line = [values.get(image, np.nan) for values in scores.values()]
        panel.plot(range(len(line)), line, color="#555555", lw=0.4, alpha=0.6, zorder=1)
    for place, (name, values) in enumerate(scores.items()):
        known = [value for value in values.values() if np.isfinite(value)]
        mean, low, _, _ = summarise(known)
        colour = colours[name]
        panel.plot(np.full(len(known), place), known, "o", ms=3, mfc="none", mec="#999999", mew=0.6)
        if mean is not None:
            half = None if low is None else mean - low
            panel.errorbar(place, mean, half, fmt="s", color=colour, ms=6, capsize=4, lw=1.5)
    panel.set_xticks(range(len(scores)), list(scores), rotation=40, ha="right", fontsize=8)
    panel.set_xlim(-0.6, len(scores) - 0.4)
    panel.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    panel.spines[["top", "right"]].set_visible(False)
