"""The picture of PSNR, SSIM and MSE by method and scale (paper, Figure 3c-e)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from deeper_jax.evaluation.plot_style import add_title, new_figure
from deeper_jax.evaluation.statistics import summarise
from deeper_jax.evaluation.summary import metric_values
from deeper_jax.evaluation.super_resolution import SuperResolutionRow

_TITLES = {
    "psnr": "PSNR / dB, higher is better",
    "ssim": "SSIM, higher is better",
    "mse": "MSE, lower is better",
    "mse_truth": "MSE to truth, lower is better",
}


def scores_figure(rows: Sequence[SuperResolutionRow], colours: Mapping[str, str], *, data_note: str = "") -> Figure:
    """Draw the mean of each metric by method, with its 95 % interval, a circle for each image and its line.

    MSE and SSIM are bars from zero. PSNR is a logarithm, whose zero means nothing: it has points, and an axis
    that starts where the values do. Thin lines join the values of one image.

    Args:
        rows: of one scale or several.
        colours: of each method to show, in order, by name.
        data_note: a few words under the title.
    """
    scales = sorted({row.scale for row in rows})
    groups = [[row for row in rows if row.scale == scale] for scale in scales]
    metrics = [name for name in _TITLES if any(getattr(row, name) is not None for row in rows)]
    figure = new_figure(max(2.4, 0.8 + 0.3 * len(colours) * len(scales)) * len(metrics), 4.0)
    panels = np.atleast_1d(figure.subplots(1, len(metrics)))
    for panel, metric in zip(panels, metrics, strict=True):
        for place, group in enumerate(groups):
            _draw_group(panel, place * (len(colours) + 1), group, metric, colours)
        centres = [place * (len(colours) + 1) + (len(colours) - 1) / 2 for place in range(len(groups))]
        panel.set_xticks(centres, [_group_label(group) for group in groups])
        panel.set_xlim(-0.8, len(groups) * (len(colours) + 1) - 1.2)
        panel.set_title(_TITLES[metric], fontsize=9, loc="right")
        panel.spines[["top", "right"]].set_visible(False)
        panel.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
        if metric != "psnr":
            panel.set_ylim(bottom=0)
    handles = [Line2D([], [], marker="s", ls="", ms=8, color=each, label=name) for name, each in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(colours), frameon=False, fontsize=9)
    add_title(figure, "Super-resolution: mean and 95 % interval over images", data_note)
    return figure


def _group_label(rows: Sequence[SuperResolutionRow]) -> str:
    return f"{rows[0].scale}x\nn = {len({row.image for row in rows})}"


def _draw_group(
    panel: Axes, left: int, rows: Sequence[SuperResolutionRow], metric: str, colours: Mapping[str, str]
) -> None:
    values = {name: metric_values(rows, name, metric) for name in colours}
    for image in dict.fromkeys(row.image for row in rows):
        line = [values[name].get(image, np.nan) for name in colours]
        panel.plot(left + np.arange(len(line)), line, color="#555555", lw=0.4, alpha=0.6, zorder=3)
    for place, (name, colour) in enumerate(colours.items(), left):
        known = [value for value in values[name].values() if np.isfinite(value)]
        mean, low, high, _ = summarise(known)
        if mean is None:
            continue
        if metric == "psnr":
            panel.plot(place, mean, "D", color=colour, ms=8, zorder=2)
        else:
            panel.bar(place, mean, color=colour, width=0.8, zorder=2)
        panel.plot([place] * len(known), known, "o", ms=3, mfc="#FFFFFF", mec="#333333", mew=0.6, zorder=4)
        if low is not None and high is not None:
            panel.plot([place + 0.2] * 2, [low, high], color="#000000", lw=1.8, zorder=5)
