"""Spectra of a line, a series or a list as a picture: their order downwards, the wavenumber to the right."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.comparison import Comparison
from deeper_jax.enhancement.report.map_figure import GAP, WIDTH
from deeper_jax.evaluation.plot_style import new_figure

# More columns than the picture has pixels for are of no use.
_COLUMNS = 1200


def series_figure(shown: Comparison) -> Figure:
    """Measured and denoised with one colour scale, uncertainty and flags."""
    figure = new_figure(WIDTH, 6.4)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    low, high = np.nanpercentile(shown.after, [1, 99])
    for panel, name, spectra in zip(panels[0], ("measured", "denoised"), (shown.before, shown.after), strict=True):
        drawn = _draw(panel, shown, spectra, float(low), float(high), "viridis")
        panel.set_title(name, fontsize=10)
    _colour_bar(figure, drawn, list(panels[0]), shown.unit)
    highest = float(np.nanpercentile(shown.std, 99))
    drawn = _draw(panels[1, 0], shown, shown.std, 0.0, highest or 1.0, "magma")
    panels[1, 0].set_title("uncertainty", fontsize=10)
    _colour_bar(figure, drawn, [panels[1, 0]], shown.unit)
    marks = np.where(np.isfinite(shown.after), shown.flagged.astype(float), np.nan)
    _draw(panels[1, 1], shown, marks, 0.0, 1.0, "Reds")
    panels[1, 1].set_title("flagged" if shown.flagged.any() else "flagged: none", fontsize=10)
    where = shown.positions[0]
    counted = where.unit in ("", "pixel")
    for panel in panels[:, 0]:
        panel.set_ylabel(f"{where.name} (counted from 0)" if counted else f"{where.name} ({where.unit})")
    for panel in panels[1]:
        panel.set_xlabel("Raman shift (cm⁻¹)")
    return figure


def _draw(panel: Any, shown: Comparison, spectra: np.ndarray, low: float, high: float, colours: str) -> Any:
    # An even axis for the picture: channels of an instrument lie closer at one end than at the other.
    axis = shown.axis
    even = np.linspace(axis[0], axis[-1], min(_COLUMNS, 2 * len(axis)))
    nearest = np.rint(np.interp(even, axis, np.arange(len(axis)))).astype(int)
    where = shown.positions[0]
    first, last = (0.0, len(spectra) - 1.0) if where.unit in ("", "pixel") else (where.values[0], where.values[-1])
    half = 0.5 * (last - first) / (len(spectra) - 1) or 0.5
    return panel.imshow(
        np.ma.masked_invalid(spectra[:, nearest]),
        colormaps[colours].with_extremes(bad=GAP),
        extent=(axis[0], axis[-1], last + half, first - half),
        vmin=low,
        vmax=high if high > low else low + 1e-12,
        aspect="auto",
        interpolation="nearest",
    )


def _colour_bar(figure: Figure, drawn: Any, panels: list[Any], unit: str) -> None:
    bar = figure.colorbar(drawn, ax=panels, pad=0.01, aspect=18)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(unit, fontsize=9)
