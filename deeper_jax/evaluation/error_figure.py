"""The picture of each method's error (paper, Figure 2b)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from deeper_jax.evaluation.denoising import Row
from deeper_jax.evaluation.plot_style import COLOURS, add_title, new_figure, save_png
from deeper_jax.evaluation.statistics import Summary
from deeper_jax.evaluation.summary import REFERENCE, MethodSummary, metric_values, summarise_rows

_LOG_FROM = 12.0  # means that differ by more than this factor are drawn on a log axis, as points
_AXIS_WORDS = {
    "mse": "Mean squared error, spectra over their own maxima",
    "mse_truth": "Mean squared error to the noise-free truth, spectra over their own maxima",
    "mse_fit": "Mean squared error of the shape, after a slope and an offset per spectrum",
    "mse_fit_truth": "Mean squared error of the shape, against the noise-free truth",
}


def mse_figure(
    path: str | Path,
    rows: Sequence[Row],
    *,
    network: str = REFERENCE,
    data_note: str = "",
    metric: str = "mse",
) -> None:
    """Draw the mean error of each method with its 95 % interval and a point for each image.

    Bars from zero; where the means differ more than twelvefold, points on a log axis instead, since a bar on
    a log axis has no honest foot.
    """
    summaries = [each for each in summarise_rows(rows, network) if metric in each.metrics][::-1]
    means = np.array([each.metrics[metric].mean for each in summaries], np.float64)
    log = bool(means.min() > 0 and means.max() / means.min() > _LOG_FROM)
    figure = new_figure(8.0, 1.6 + 0.3 * len(summaries))
    panel = figure.subplots()
    for height, each in enumerate(summaries):
        values = list(metric_values(rows, each.method, metric).values())
        _draw_method(panel, height, each.metrics[metric], values, COLOURS[_kind(each, network)], log)
    panel.set_yticks(range(len(summaries)), [each.method for each in summaries])
    panel.set_ylim(-0.6, len(summaries) - 0.4)
    panel.set_xscale("log" if log else "linear")
    if not log:
        panel.set_xlim(left=0)
    panel.set_xlabel(f"{_AXIS_WORDS.get(metric, metric)}{', log axis' if log else ''}")
    panel.grid(axis="x", color="#DDDDDD", lw=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    figure.legend(
        handles=_mse_legend(summaries, network),
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    images = len({row.image for row in rows})
    interval = f"95 % interval over {images} images" if images > 1 else "one image, no interval"
    add_title(figure, f"Error of each method ({interval})", data_note)
    save_png(figure, path)


def _kind(summary: MethodSummary, network: str) -> str:
    if summary.method == network:
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


def _mse_legend(summaries: Sequence[MethodSummary], network: str) -> list[Line2D]:
    words = {
        "network": "network",
        "one spectrum": "reference methods, one spectrum at a time",
        "whole map": "reference methods, all spectra of the map at once",
        "raw": "raw input",
    }
    used = {_kind(each, network) for each in summaries}
    return [
        Line2D([], [], marker="s", ls="", ms=8, color=COLOURS[kind], label=text)
        for kind, text in words.items()
        if kind in used
    ]
