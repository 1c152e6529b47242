"""Maps of the strongest bands before and after, of the uncertainty, and of where not to trust it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.bands import HIGHEST_PERCENTILE, band_height, strongest_bands
from deeper_jax.enhancement.report.comparison import Comparison, Positions
from deeper_jax.evaluation.plot_style import new_figure

WIDTH = 9.0
GAP = "#BDBDBD"
_EXTREME = 2.2  # maps so much wider than high are drawn in one column, so much higher than wide in one row
_LARGEST_PANEL = 4.0  # inches
_PERCENTILES = (0.5, HIGHEST_PERCENTILE)


def map_figure(shown: Comparison) -> Figure:
    """Rows of maps: each of the strongest bands measured, denoised and super-resolved; uncertainty and flags."""
    stages = {"measured": shown.before, "denoised": shown.after}
    if shown.finer is not None:
        stages["super-resolved"] = shown.finer
    bands = strongest_bands(shown.after, shown.axis)
    ratio = _ratio(shown.positions) or 1.0
    figure, groups, last = _canvas(len(bands), len(stages), ratio)
    side, between = ("bottom", "\n") if ratio < 1 / _EXTREME else ("right", ", ")
    for group, band in zip(groups, bands, strict=True):
        images = {name: band_height(spectra, shown.axis, band) for name, spectra in stages.items()}
        scale = _colour_scale(images["denoised"])
        for panel, (name, image) in zip(group, images.items(), strict=True):
            drawn = _draw(panel, image, shown, *scale, "viridis")
            panel.set_title(f"{name}{between}{band.centre:.0f} cm⁻¹", fontsize=9)
        _colour_bar(figure, drawn, group, shown.unit, side)
    _draw_uncertainty(figure, last[0], shown, side)
    _draw_flags(figure, last[1], shown, side)
    for panel in last[2:]:
        panel.set_axis_off()
    _add_scale_bar(groups[0][0], shown.positions)
    return figure


def _draw_uncertainty(figure: Figure, panel: Any, shown: Comparison, side: str) -> None:
    image = np.sqrt((shown.std**2).mean(-1))
    drawn = _draw(panel, image, shown, *_colour_scale(image), "magma")
    panel.set_title("uncertainty,\nrms" if side == "bottom" else "uncertainty, rms", fontsize=9)
    _colour_bar(figure, drawn, [panel], shown.unit, side)


def _draw_flags(figure: Figure, panel: Any, shown: Comparison, side: str) -> None:
    image = np.where(np.isfinite(shown.after).all(-1), shown.flagged.sum(-1), np.nan)
    most = float(np.nanmax(image))
    drawn = _draw(panel, image, shown, 0.0, max(1.0, most), "Reds")
    words = "channels flagged" if most else "channels flagged: none"
    panel.set_title(words.replace(" ", "\n", 1) if side == "bottom" else words, fontsize=9)
    bar = _colour_bar(figure, drawn, [panel], "", side)
    bar.locator_params("y" if side == "right" else "x", integer=True)
    bar.set_visible(most > 0)


def _draw(panel: Any, image: np.ndarray, shown: Comparison, low: float, high: float, colours: str) -> Any:
    height, width = (_length(each) for each in shown.positions)
    drawn = panel.imshow(
        np.ma.masked_invalid(image),
        colormaps[colours].with_extremes(bad=GAP),
        # The first line of the scan at the top, whichever way the stage counts.
        extent=(0.0, width, height, 0.0),
        vmin=low,
        vmax=high,
        interpolation="nearest",
        aspect="auto" if _ratio(shown.positions) is None else "equal",
    )
    panel.set_xticks([])
    panel.set_yticks([])
    return drawn


def _colour_bar(figure: Figure, drawn: Any, panels: Sequence[Any], unit: str, side: str) -> Any:
    bar = figure.colorbar(drawn, ax=list(panels), location=side, pad=0.01, aspect=18 if side == "right" else 10)
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=5 if side == "right" else 2)
    bar.set_label(unit, fontsize=8)
    return bar.ax


def _colour_scale(image: np.ndarray) -> tuple[float, float]:
    low, high = np.nanpercentile(image, _PERCENTILES)
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1e-12 + 1e-6 * abs(float(low)))


def _length(positions: Positions) -> float:
    """From edge to edge, in the unit of the positions."""
    values = positions.values
    return float(abs(values[-1] - values[0])) / (len(values) - 1) * len(values) or float(len(values))


def _ratio(positions: Sequence[Positions]) -> float | None:
    """Width over height, None where the axes are of different kinds (time and x, say)."""
    height, width = positions
    return _length(width) / _length(height) if height.unit == width.unit else None


def _canvas(bands: int, stages: int, ratio: float) -> tuple[Figure, list[list[Any]], list[Any]]:
    """A figure with panels for each band, one a stage, and two or more for uncertainty and flags.

    Wide maps lie under each other, high ones beside each other. Others have a row a band, uncertainty and flags in a
    column beside them.
    """
    together = bands * stages + 2
    wide, high = ratio > _EXTREME, ratio < 1 / _EXTREME
    rows, columns = (together, 1) if wide else (1, together) if high else (max(bands, 2), stages + 1)
    side = (WIDTH - 0.8) / columns - (0.1 if high else 0.55)
    height = float(np.clip(side / ratio, 0.4, 1.8 * _LARGEST_PANEL if high else _LARGEST_PANEL))
    figure = new_figure(WIDTH, rows * (height + 0.32) + (0.9 if high else 0.15))
    panels = figure.subplots(rows, columns, squeeze=False)
    if wide or high:
        flat = list(panels.ravel())
        return figure, [flat[i * stages : (i + 1) * stages] for i in range(bands)], flat[bands * stages :]
    for panel in panels[bands:, :-1].ravel():
        panel.set_axis_off()
    return figure, [list(row[:-1]) for row in panels[:bands]], list(panels[:, -1])


def _add_scale_bar(panel: Any, positions: Sequence[Positions]) -> None:
    width, height = _length(positions[1]), _length(positions[0])
    upright = _ratio(positions) is not None and height > _EXTREME * width
    along, unit = (height, positions[0].unit) if upright else (width, positions[1].unit)
    length, unit = _round_length((0.4 if width < _EXTREME * height and not upright else 0.2) * along), unit or "pixel"
    name = f"{length:g} {unit}{'s' if unit == 'pixel' and length != 1 else ''}"
    start = (0.12 * width, 0.98 * height) if upright else (0.06 * width, 0.93 * height)
    end = (start[0], start[1] - length) if upright else (start[0] + length, start[1])
    line = {"arrowstyle": "-", "shrinkA": 0, "shrinkB": 0}
    # White on black can be seen on every colour of the map.
    for colour, thickness in (("black", 6.0), ("white", 3.0)):
        panel.annotate("", end, start, arrowprops=line | {"color": colour, "lw": thickness})
    box = {"boxstyle": "square,pad=0.2", "fc": "black", "ec": "none", "alpha": 0.6}
    offset, turn = ((7, 0), 90) if upright else ((0, 6), 0)
    panel.annotate(
        *(name, start),
        **{"xytext": offset, "textcoords": "offset points", "color": "white", "fontsize": 8, "bbox": box},
        rotation=turn,
    )


def _round_length(length: float) -> float:
    """The largest of 1, 2, 5, 10, ... that is not longer."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(step * power for step in (1, 2, 5) if step * power <= length * (1 + 1e-9)))
