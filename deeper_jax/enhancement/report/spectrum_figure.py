"""Example spectra: measured, denoised with its 90 % band, flagged channels and cosmic rays shaded."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.comparison import Comparison
from deeper_jax.enhancement.report.map_figure import DPI, TEXT, TITLE, WIDTH
from deeper_jax.enhancement.report.marks import runs
from deeper_jax.enhancement.report.pictured import Example
from deeper_jax.enhancement.uncertainty import NINETY_PERCENT
from deeper_jax.evaluation.plot_style import COLOURS, new_figure

_FLAG, _RAY, _SUSPECTED = "#CC79A7", "#0072B2", "#E69F00"


def spectrum_figure(shown: Comparison, examples: list[Example]) -> Figure:
    """The spectra that `example_spectra` chose, under each other; others of what is shown are not looked at."""
    figure = new_figure(WIDTH, 0.9 + 1.9 * len(examples) + (1.4 if len(examples) == 1 else 0.0))
    figure.set_dpi(DPI)
    panels = figure.subplots(len(examples), 1, sharex=True, squeeze=False)[:, 0]
    for panel, example in zip(panels, examples, strict=True):
        draw_spectrum(panel, shown.axis, **example.spectrum)
        panel.tick_params(labelsize=TEXT)
        where = ", ".join(each.at(i) for each, i in zip(shown.positions, example.place, strict=True))
        words = f"{example.letter}  {example.name}: {where}" if where else ""
        panel.set_title(words, fontsize=TITLE, loc="left")
    panels[-1].set_xlabel("Raman shift (cm⁻¹)", fontsize=TEXT)
    figure.supylabel(f"Intensity ({shown.unit})", fontsize=TITLE)
    handles = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    # Three beside each other, so that they can be read where the picture is small.
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False, fontsize=TEXT)
    return figure


def draw_spectrum(
    panel: Any,
    axis: np.ndarray,
    *,
    before: np.ndarray,
    after: np.ndarray | None,
    std: np.ndarray | None,
    flagged: np.ndarray,
    cosmic_ray: np.ndarray,
    removed: np.ndarray,
) -> None:
    """One spectrum before and after with its 90 % band, into a panel; all [L], as in `Comparison`.

    after, std: None where it was only measured.
    """
    panel.plot(axis, before, color="#9A9A9A", lw=0.7, label="measured")
    # A cosmic ray of the measurement must not press the rest flat; what was only suspected may be a band.
    rest = before[~removed] if not removed.all() else before
    low, high = np.percentile(rest, [0.2, 99.8])
    if after is not None and std is not None:
        band = (after - NINETY_PERCENT * std, after + NINETY_PERCENT * std)
        panel.fill_between(axis, *band, color=COLOURS["network"], alpha=0.3, lw=0, label="90 % band")
        panel.plot(axis, after, color=COLOURS["network"], lw=1.0, label="denoised")
        low, high = min(low, band[0].min()), max(high, band[1].max())
    shades = {
        "flagged": (flagged & ~cosmic_ray, _FLAG),
        "cosmic ray, removed": (removed, _RAY),
        "cosmic ray? not removed": (cosmic_ray & ~removed, _SUSPECTED),
    }
    for name, (marks, colour) in shades.items():
        for start, stop in runs(marks):
            edges = np.interp([start - 0.5, stop - 0.5], np.arange(len(axis)), axis)
            panel.axvspan(*edges, color=colour, alpha=0.35, lw=1.0, label=name)
    panel.set_xlim(axis[0], axis[-1])
    panel.locator_params(nbins=5)
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_ylim(low - 0.04 * (high - low), high + 0.06 * (high - low) or low + 1.0)
