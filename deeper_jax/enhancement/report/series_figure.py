"""Spectra of a line, a series or a list as a picture: their order downwards, the wavenumber to the right."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.comparison import Comparison
from deeper_jax.enhancement.report.map_figure import DPI, GAP, TEXT, TITLE, WIDTH, log_scale, plain_bar
from deeper_jax.evaluation.plot_style import new_figure

# More columns than the picture has pixels for are of no use.
_COLUMNS = 1200


def series_figure(shown: Comparison, places: dict[str, tuple[int, ...]]) -> Figure:
    """Measured and denoised with one colour scale, uncertainty, and flags or, without any, the residual.

    Args:
        shown: a series, of very many spectra some (`comparison.thinned`); the places are those of all.
        places: spectra to point at, by the letter beside each.
    """
    count = len(shown.positions[0].values)
    figure = new_figure(WIDTH, 6.6)
    figure.set_dpi(DPI)
    parts = list(figure.subfigures(2, 1, squeeze=False)[:, 0])
    panels = np.stack([part.subplots(1, 2, sharex=True, sharey=True) for part in parts])
    low, high = np.nanpercentile(shown.after, [1, 99])
    scale = Normalize(low, high if high > low else low + 1e-12)
    for panel, name, spectra in zip(panels[0], ("measured", "denoised"), (shown.before, shown.after), strict=True):
        drawn = _draw(panel, shown, spectra, scale, "viridis", name)
    _colour_bar(parts[0], drawn, list(panels[0]), shown.unit)
    drawn = _draw(panels[1, 0], shown, shown.std, log_scale(shown.std), "magma", "uncertainty")
    _colour_bar(parts[1], drawn, [panels[1, 0]], shown.unit)
    if shown.flagged.any():
        marks = np.where(np.isfinite(shown.after), shown.flagged.astype(float), np.nan)
        _draw(panels[1, 1], shown, marks, Normalize(0.0, 1.0), "cividis", "flagged (bright)")
    else:
        residual = np.abs(shown.before - shown.after)
        reach = Normalize(0.0, float(np.nanpercentile(residual, 99)) or 1.0)
        drawn = _draw(panels[1, 1], shown, residual, reach, "cividis", "size of the residual")
        _colour_bar(parts[1], drawn, [panels[1, 1]], shown.unit)
    for panel in panels.ravel():
        for letter, (index,) in places.items():
            y = _edges(shown)[0] + (index + 0.5) * (_edges(shown)[1] - _edges(shown)[0]) / count
            # Outside, at the right, where no spectrum is covered.
            panel.annotate(
                letter,
                (1.0, y),
                (2, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                fontsize=TEXT,
                weight="bold",
                annotation_clip=False,
            )
    return figure


def _edges(shown: Comparison) -> tuple[float, float]:
    """Spectra at uneven distances are drawn one after another."""
    (where,) = shown.positions
    return where.edges() if where.even else (-0.5, len(where.values) - 0.5)


def _draw(panel: Any, shown: Comparison, spectra: np.ndarray, norm: Normalize, colours: str, title: str) -> Any:
    # An even axis for the picture: channels of an instrument lie closer at one end than at the other.
    axis = shown.axis
    even = np.linspace(axis[0], axis[-1], min(_COLUMNS, 2 * len(axis)))
    nearest = np.rint(np.interp(even, axis, np.arange(len(axis)))).astype(int)
    first, last = _edges(shown)
    drawn = panel.imshow(
        np.ma.masked_invalid(spectra[:, nearest]),
        colormaps[colours].with_extremes(bad=GAP),
        extent=(axis[0], axis[-1], last, first),
        norm=norm,
        aspect="auto",
        interpolation="nearest",
    )
    (where,) = shown.positions
    panel.set_title(title, fontsize=TITLE)
    panel.tick_params(labelsize=TEXT)
    panel.locator_params("x", nbins=4)
    panel.set_xlabel("Raman shift (cm⁻¹)", fontsize=TEXT)
    panel.set_ylabel(where.label, fontsize=TEXT)
    if not where.even:
        some = np.unique(np.linspace(0, len(where.values) - 1, 6).round().astype(int))
        panel.set_yticks(some, [where.place(i) for i in some])
    panel.label_outer()
    return drawn


def _colour_bar(figure: Any, drawn: Any, panels: list[Any], unit: str) -> None:
    bar = figure.colorbar(drawn, ax=panels, pad=0.04, aspect=18)
    bar.ax.tick_params(labelsize=TEXT)
    plain_bar(bar, drawn.norm)
    bar.set_label(unit, fontsize=TEXT)
