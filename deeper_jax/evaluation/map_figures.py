"""Rows of pictures of one sample: maps, false colours, errors."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deeper_jax.evaluation.plot_style import OUTLINE, add_title, draw_scale_bar, new_figure


class Panel(NamedTuple):
    """One picture among others.

    Attributes:
        title: above it.
        image: `[H, W, 3]` colours from 0 to 1, or `[H, W]` values, NaN where nothing is drawn.
        under: a few words under it, such as the imaging time.
        limits: ends of the colour scale of values; None: their least and their largest.
        colours: name of the colour map of values.
        marks: (row, column) of pixels to point at, by the word beside each.
    """

    title: str
    image: npt.NDArray
    under: str = ""
    limits: tuple[float, float] | None = None
    colours: str = "viridis"
    marks: Mapping[str, tuple[int, int]] = {}


class Row(NamedTuple):
    """Panels beside each other.

    Attributes:
        label: before them.
        panels: None leaves a place empty.
        bar: words beside the colour bar of the first panel's scale; '': no bar. Rows after each other with the
            same words share one.
        pixel_size_um: side of a pixel in micrometres for the scale bar in each panel; None or 0: none.
    """

    label: str
    panels: Sequence[Panel | None]
    bar: str = ""
    pixel_size_um: float | None = None


def percentile_limits(values: npt.NDArray) -> tuple[float, float]:
    """The 1st and the 99th percentile, as ends of a colour scale."""
    low, high = np.percentile(values, [1, 99])
    return float(low), float(high)


def panels_figure(rows: Sequence[Row], *, title: str, data_note: str, width: float = 2.0) -> Figure:
    """Draw rows of pictures, each `width` inches wide, under a title and a few words about the data."""
    columns = max(len(row.panels) for row in rows)
    height, across = next(panel for panel in rows[0].panels if panel is not None).image.shape[:2]
    high = width * min(height / across, 1.6) + 0.5
    figure = new_figure(width * columns + 0.8, len(rows) * high + 0.8)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[], frame_on=False)
    for words, group in itertools.groupby(zip(axes, rows, strict=True), key=lambda pair: pair[1].bar):
        lines = list(group)
        drawn = [_draw_row(line, row) for line, row in lines]
        if words:
            bar = figure.colorbar(drawn[0], ax=[axis for line, _ in lines for axis in line], extend="both", pad=0.01)
            bar.set_label(words, fontsize=8)
    add_title(figure, title, data_note)
    return figure


def _draw_row(axes: Sequence[Axes], row: Row) -> Any:
    """Draw the panels; returns the first picture, or None."""
    shown = [(axis, panel) for axis, panel in zip(axes, row.panels, strict=False) if panel is not None]
    drawn = [_draw(axis, panel) for axis, panel in shown]
    axes[0].set_ylabel(row.label, fontsize=10)
    for axis, panel in shown:
        draw_scale_bar(axis, panel.image.shape, row.pixel_size_um)
    return drawn[0] if drawn else None


def _draw(axis: Axes, panel: Panel) -> Any:
    low, high = panel.limits or (None, None)
    axis.set_title(panel.title, fontsize=9)
    axis.set_xlabel(panel.under, fontsize=8)
    for word, (row, column) in panel.marks.items():
        axis.plot(column, row, "+", color="#FFFFFF", ms=8, mew=1.5, path_effects=OUTLINE)
        words: dict[str, Any] = {"color": "#FFFFFF", "fontsize": 9, "path_effects": OUTLINE}
        axis.annotate(word, (column, row), (5, 3), textcoords="offset points", **words)
    return axis.imshow(panel.image, interpolation="nearest", vmin=low, vmax=high, cmap=panel.colours)
