"""Maps of the strongest bands before and after, of the uncertainty, and of where not to trust it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from deeper_jax.enhancement_page.bands import band_height, strongest_bands
from deeper_jax.enhancement_page.comparison import Comparison, Positions
from deeper_jax.evaluation.plot_style import new_figure

WIDTH = 9.0
GAP = "#BDBDBD"
_EXTREME = 2.5  # maps so much wider than high, or higher than wide, are drawn in one column or row
_LARGEST_PANEL = 4.2  # inches


def map_figure(shown: Comparison) -> Figure:
    """Rows of maps: each of the strongest bands measured, denoised and super-resolved; uncertainty and flags."""
    stages = {"measured": shown.before, "denoised": shown.after}
    if shown.finer is not None:
        stages["super-resolved"] = shown.finer
    present = np.isfinite(shown.after).all(-1)
    bands = strongest_bands(shown.after[present].mean(0), shown.axis)
    extent, ratio = _extent(shown.positions), _ratio(shown.positions)
    rows, columns = _grid(len(bands), len(stages), ratio)
    figure, axes = _canvas(rows, columns, ratio)
    panels = list(axes.ravel())
    for row, band in enumerate(bands):
        images = {name: band_height(spectra, shown.axis, band) for name, spectra in stages.items()}
        group = panels[row * len(stages) : (row + 1) * len(stages)]
        scale = _colour_scale(images["denoised"])
        for panel, (name, image) in zip(group, images.items(), strict=True):
            drawn = _draw(panel, image, extent, ratio is None, *scale, "viridis")
            panel.set_title(f"{name}, {band.centre:.0f} cm$^{{-1}}$", fontsize=9)
        _colour_bar(figure, drawn, group, shown.unit, rows == 1)
    last = panels[len(bands) * len(stages) :]
    _draw_uncertainty(figure, last[0], shown, extent, ratio, rows == 1)
    _draw_flags(figure, last[1], shown, extent, ratio, rows == 1)
    for panel in last[2:]:
        panel.set_axis_off()
    _add_scale_bar(panels[0], shown.positions)
    return figure


def _draw_uncertainty(
    figure: Figure, panel: Any, shown: Comparison, extent: Any, ratio: float | None, below: bool
) -> None:
    image = np.sqrt((shown.deviation**2).mean(-1))
    drawn = _draw(panel, image, extent, ratio is None, *_colour_scale(image), "magma")
    panel.set_title("uncertainty, rms of all channels", fontsize=9)
    _colour_bar(figure, drawn, [panel], shown.unit, below)


def _draw_flags(figure: Figure, panel: Any, shown: Comparison, extent: Any, ratio: float | None, below: bool) -> None:
    image = np.where(np.isfinite(shown.after).all(-1), shown.flagged.sum(-1), np.nan)
    drawn = _draw(panel, image, extent, ratio is None, 0.0, max(1.0, float(np.nanmax(image))), "Reds")
    found = "flagged channels" if np.nanmax(image) > 0 else "flagged channels: none"
    panel.set_title(found, fontsize=9)
    _colour_bar(figure, drawn, [panel], "channels", below)


def _draw(panel: Any, image: np.ndarray, extent: Any, stretch: bool, low: float, high: float, colours: str) -> Any:
    palette = colormaps[colours].with_extremes(bad=GAP)
    aspect = "auto" if stretch else "equal"
    drawn = panel.imshow(
        *(np.ma.masked_invalid(image), palette),
        **{"extent": extent, "vmin": low, "vmax": high, "interpolation": "nearest", "aspect": aspect},
    )
    panel.set_xticks([])
    panel.set_yticks([])
    return drawn


def _colour_bar(figure: Figure, drawn: Any, panels: Sequence[Any], unit: str, below: bool) -> None:
    bar = figure.colorbar(drawn, ax=list(panels), location="bottom" if below else "right", pad=0.01, aspect=18)
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=4)
    bar.set_label(unit, fontsize=8)


def _colour_scale(image: np.ndarray) -> tuple[float, float]:
    low, high = np.nanpercentile(image, [1, 99])
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1e-12 + 1e-6 * abs(float(low)))


def _extent(positions: Sequence[Positions]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top edge; the first line of the map at the top, whatever its stage counts upwards."""
    height, width = (_length(each) for each in positions)
    return (0.0, width, height, 0.0)


def _length(positions: Positions) -> float:
    values = positions.values
    return float(abs(values[-1] - values[0])) / (len(values) - 1) * len(values) or float(len(values))


def _ratio(positions: Sequence[Positions]) -> float | None:
    """Width over height, None where the axes are of different kinds (time and x, say)."""
    height, width = positions
    return _length(width) / _length(height) if height.unit == width.unit else None


def _grid(bands: int, stages: int, ratio: float | None) -> tuple[int, int]:
    together = bands * stages + 2
    if ratio is not None and ratio > _EXTREME:
        return together, 1
    if ratio is not None and ratio < 1 / _EXTREME:
        return 1, together
    return bands + 1, stages


def _canvas(rows: int, columns: int, ratio: float | None) -> tuple[Figure, np.ndarray]:
    ratio = ratio or 1.0
    panel = min(_LARGEST_PANEL, (WIDTH - 0.9) / columns - 0.15)
    height = float(np.clip(panel / ratio, 0.35, _LARGEST_PANEL if rows > 1 else 2 * _LARGEST_PANEL))
    figure = new_figure(WIDTH, rows * (height + 0.35) + (0.9 if rows == 1 else 0.2))
    return figure, figure.subplots(rows, columns, squeeze=False)


def _add_scale_bar(panel: Any, positions: Sequence[Positions]) -> None:
    width = _length(positions[1])
    length = _round_length(0.35 * width)
    unit = positions[1].unit or "pixel"
    name = f"{length:g} {unit}{'s' if unit == 'pixel' and length != 1 else ''}"
    style = {"color": "white", "ha": "left", "va": "bottom", "fontsize": 8, "fontweight": "bold"}
    box = {"boxstyle": "square,pad=0.25", "fc": "black", "ec": "none", "alpha": 0.55}
    low = panel.get_ylim()[0]
    # The bar is a line of text of the right length in the map's own unit.
    panel.annotate("", (0.05 * width + length, 0.93 * low), (0.05 * width, 0.93 * low), arrowprops=_BAR)
    panel.text(0.05 * width, 0.86 * low, name, bbox=box, **style)


_BAR = {"arrowstyle": "-", "color": "white", "lw": 3.5, "shrinkA": 0, "shrinkB": 0}


def _round_length(length: float) -> float:
    """The largest of 1, 2, 5, 10, ... that is not longer."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(step * power for step in (1, 2, 5) if step * power <= length * (1 + 1e-9)))
