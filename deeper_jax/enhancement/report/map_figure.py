"""Maps of the strongest bands before and after, of the uncertainty, and of where not to trust it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.bands import HIGHEST_PERCENTILE
from deeper_jax.enhancement.report.comparison import Comparison, Positions
from deeper_jax.enhancement.report.overview import Overview
from deeper_jax.evaluation.plot_style import OUTLINE, new_figure

WIDTH, DPI = 6.0, 230
"""Inches and pixels an inch: text of 10 points is read on a phone's 400 pixels too."""
GAP = "#BDBDBD"
TITLE, TEXT = 10, 9
_EXTREME = 2.2  # maps so much wider than high lie under each other
_LARGEST_PANEL = 3.4  # inches
_PERCENTILES = (0.5, HIGHEST_PERCENTILE)


def band_figures(shown: Comparison, seen: Overview, places: Mapping[str, tuple[int, ...]]) -> list[Figure]:
    """For each of the strongest bands the map measured, restored and super-resolved, beside each other.

    Args:
        shown: a map; its spectra are not looked at.
        seen: of it, by its strongest bands.
        places: pixels to point at, by the letter beside each.
    """
    stages = {"measured": (seen.before, shown.positions), "denoised": (seen.after, shown.positions)}
    if seen.finer is not None:
        stages["super-resolved"] = (seen.finer, shown.finer_positions)
    ratio = _ratio(shown.positions) or 1.0
    # Beside two others a title has no room for both in one line.
    apart = ", " if len(stages) < 3 or ratio > _EXTREME else "\n"
    figures = []
    for number, band in enumerate(seen.bands):
        figure, panels = _canvas(len(stages), len(stages), ratio, 0.6 if apart == "\n" else 0.4)
        images = {name: each[..., number] for name, (each, _) in stages.items()}
        norm = Normalize(*_limits(images["denoised"]))
        for panel, (name, image) in zip(panels, images.items(), strict=True):
            drawn = _draw(panel, image, stages[name][1], norm, "viridis")
            panel.set_title(f"{name}{apart}{band.centre:.0f} cm⁻¹", fontsize=TITLE)
            _point(panel, shown.positions, places)
        _colour_bar(figure, drawn, panels, shown.unit)
        figures.append(figure)
    return figures


def trust_figure(shown: Comparison, seen: Overview, places: Mapping[str, tuple[int, ...]]) -> Figure:
    """Maps of the uncertainty and of where to be careful; arguments as of `band_figures`."""
    further = _further(shown, seen)
    stages = 2 if seen.finer is None else 3
    figure, panels = _canvas(len(further), stages, _ratio(shown.positions) or 1.0, 0.4)
    for panel, (name, image, norm, colours, unit) in zip(panels, further, strict=True):
        drawn = _draw(panel, image, shown.positions, norm, colours)
        panel.set_title(name, fontsize=TITLE)
        _point(panel, shown.positions, places)
        bar = _colour_bar(figure, drawn, [panel], unit)
        if not unit:
            bar.locator_params("y", integer=True)
    return figure


def _further(shown: Comparison, seen: Overview) -> list[tuple[str, np.ndarray, Normalize, str, str]]:
    """(title, image, scale, colours, unit): the uncertainty, and the flags or, without any, the residual."""
    maps = [("uncertainty, rms", seen.uncertainty, log_scale(seen.uncertainty), "magma", shown.unit)]
    # Channels of a cosmic ray that was removed are no longer in question.
    flags = np.where(seen.present, seen.flagged, np.nan)
    if np.nanmax(flags) > 0:
        return [*maps, ("flagged channels", flags, Normalize(0.0, float(np.nanmax(flags))), "cividis", "")]
    return [*maps, ("residual, rms", seen.residual, Normalize(*_limits(seen.residual)), "cividis", shown.unit)]


def log_scale(values: np.ndarray) -> LogNorm:
    """A logarithmic scale from the 0.5th to the 99.7th percentile."""
    low, high = (max(float(each), 1e-300) for each in np.nanpercentile(values, _PERCENTILES))
    low = max(low, 1e-6 * high)
    return LogNorm(low, high) if high > 1.02 * low else LogNorm(low / 1.1, high * 1.1)


def _draw(panel: Any, image: np.ndarray, positions: Sequence[Positions], norm: Normalize, colours: str) -> Any:
    (top, bottom), (left, right) = (each.edges() for each in positions)
    drawn = panel.imshow(
        np.ma.masked_invalid(image),
        colormaps[colours].with_extremes(bad=GAP),
        # The first line of the scan at the top, whichever way the stage counts.
        extent=(left, right, bottom, top),
        norm=norm,
        interpolation="nearest",
        aspect="auto" if _ratio(positions) is None else "equal",
    )
    panel.tick_params(labelsize=TEXT)
    panel.locator_params(nbins=4)
    panel.set_xlabel(positions[1].label, fontsize=TEXT)
    panel.set_ylabel(positions[0].label, fontsize=TEXT)
    panel.label_outer()
    return drawn


def _point(panel: Any, positions: Sequence[Positions], places: Mapping[str, tuple[int, ...]]) -> None:
    """Letters at pixels, white with a dark outline so that they are seen on every colour."""
    for letter, index in places.items():
        y, x = (each.values[i] - each.origin for each, i in zip(positions, index, strict=True))
        panel.plot(x, y, "o", ms=5, mfc="none", mec="white", mew=1.2, path_effects=OUTLINE)
        # Towards the middle, so that it stays within.
        right, low = x < np.mean(panel.get_xlim()), abs(y - panel.get_ylim()[0]) < abs(y - panel.get_ylim()[1])
        side = {"ha": "left" if right else "right", "va": "bottom" if low else "top"}
        words: dict[str, Any] = {"color": "white", "fontsize": TITLE, "weight": "bold", "path_effects": OUTLINE}
        offset = (4 if right else -4, 3 if low else -3)
        panel.annotate(letter, (x, y), offset, textcoords="offset points", annotation_clip=False, **side, **words)


def _colour_bar(figure: Any, drawn: Any, panels: Sequence[Any], unit: str) -> Any:
    bar = figure.colorbar(drawn, ax=list(panels), pad=0.02, aspect=16)
    bar.ax.tick_params(labelsize=TEXT, which="both")
    plain_bar(bar, drawn.norm)
    bar.set_label(unit, fontsize=TEXT)
    return bar.ax


def plain_bar(bar: Any, norm: Normalize) -> None:
    """A few ticks in plain figures."""
    if isinstance(norm, LogNorm) and norm.vmin and norm.vmax:
        ticks = np.geomspace(norm.vmin, norm.vmax, 4)
        bar.set_ticks(ticks, labels=[f"{each:.2g}" for each in ticks], minor=False)
        bar.minorticks_off()
    else:
        bar.ax.locator_params(nbins=5)


def _limits(image: np.ndarray) -> tuple[float, float]:
    low, high = np.nanpercentile(image, _PERCENTILES)
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1e-12 + 1e-6 * abs(float(low)))


def _ratio(positions: Sequence[Positions]) -> float | None:
    """Width over height, None where the axes are of different kinds (time and x, say)."""
    height, width = (abs(each.edges()[1] - each.edges()[0]) for each in positions)
    return width / height if positions[0].unit == positions[1].unit else None


def _canvas(count: int, widest: int, ratio: float, title: float) -> tuple[Figure, list[Any]]:
    """A figure with so many panels, as large as they are where `widest` lie beside each other.

    Wide maps lie under each other. A title takes so many inches.
    """
    wide = ratio > _EXTREME
    side = (WIDTH - 1.7) / (1 if wide else widest) - 0.15
    panel = float(np.clip(side / ratio, 0.45, _LARGEST_PANEL))
    figure = new_figure(WIDTH, (count if wide else 1) * (panel + title) + 0.5)
    figure.set_dpi(DPI)
    shape = (count, 1) if wide else (1, count)
    return figure, list(figure.subplots(*shape, squeeze=False, sharex=True, sharey=True).ravel())
