"""Example spectra: measured, denoised with its 90 % band, flagged channels and cosmic rays shaded."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.bands import band_height, strongest_bands
from deeper_jax.enhancement.report.comparison import Comparison
from deeper_jax.enhancement.report.map_figure import WIDTH
from deeper_jax.enhancement.report.words import runs
from deeper_jax.enhancement.uncertainty import NINETY_PERCENT
from deeper_jax.evaluation.plot_style import COLOURS, new_figure

_FLAG, _RAY, _SUSPECTED = "#CC79A7", "#0072B2", "#F0E442"


def spectrum_figure(shown: Comparison) -> Figure:
    """Up to five spectra: those of strongest, median and weakest bands, a flagged one, and one with a cosmic ray.

    They are chosen by the mean height of the strongest bands, so that nobody picks the ones that look best.
    """
    examples = example_spectra(shown)
    figure = new_figure(WIDTH, 0.9 + 2.1 * len(examples) + (1.2 if len(examples) == 1 else 0.0))
    panels = figure.subplots(len(examples), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (name, index) in zip(panels, examples, strict=True):
        _draw(panel, shown, index)
        place = ", ".join(each.at(i) for each, i in zip(shown.positions, index, strict=True))
        title = ", ".join(words for words in (name, place) if words)
        panel.set_title(title, fontsize=9, loc="left")
    panels[-1].set_xlabel("Raman shift (cm⁻¹)")
    figure.supylabel(f"Intensity ({shown.unit})", fontsize=10)
    handles = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    return figure


def _draw(panel: Any, shown: Comparison, index: tuple[int, ...]) -> None:
    axis, after, std = shown.axis, shown.after[index], shown.std[index]
    before = shown.before[index]
    panel.plot(axis, before, color="#9A9A9A", lw=0.7, label="measured")
    band = (after - NINETY_PERCENT * std, after + NINETY_PERCENT * std)
    panel.fill_between(axis, *band, color=COLOURS["network"], alpha=0.3, lw=0, label="90 % band")
    panel.plot(axis, after, color=COLOURS["network"], lw=1.0, label="denoised")
    struck, removed = shown.cosmic_ray[index], shown.removed[index]
    shades = {
        "flagged": (shown.flagged[index] & ~struck, _FLAG),
        "cosmic ray, removed": (removed, _RAY),
        "cosmic ray? not removed": (struck & ~removed, _SUSPECTED),
    }
    for name, (marks, colour) in shades.items():
        for start, stop in runs(marks):
            edges = np.interp([start - 0.5, stop - 0.5], np.arange(len(axis)), axis)
            panel.axvspan(*edges, color=colour, alpha=0.35, lw=1.0, label=name)
    panel.set_xlim(axis[0], axis[-1])
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
    # A cosmic ray of the measurement must not press the rest flat.
    low, high = np.percentile(before, [0.2, 99.8])
    low, high = min(low, band[0].min()), max(high, band[1].max())
    panel.set_ylim(low - 0.04 * (high - low), high + 0.06 * (high - low) or low + 1.0)


def example_spectra(shown: Comparison) -> list[tuple[str, tuple[int, ...]]]:
    """(name, index) of the spectra to show; a single spectrum has the index ()."""
    if not shown.positions:
        return [("", ())]
    grid = shown.after.shape[:-1]
    present = np.flatnonzero(np.isfinite(shown.after).all(-1))
    spectra = shown.after.reshape(-1, len(shown.axis))[present]
    bands = strongest_bands(shown.after, shown.axis)
    strength = np.mean([band_height(spectra, shown.axis, band) for band in bands], axis=0)
    order = present[np.argsort(strength, kind="stable")]
    chosen = {int(order[-1]): "strongest bands"}
    chosen.setdefault(int(order[len(order) // 2]), "median")
    chosen.setdefault(int(order[0]), "weakest")
    marks = shown.flagged.reshape(-1, len(shown.axis)).sum(1)
    if marks.max() > 0:
        chosen.setdefault(int(marks.argmax()), "most channels flagged")
    struck = shown.cosmic_ray.reshape(-1, len(shown.axis))
    if struck.any():
        height = np.where(struck, np.nan_to_num(shown.before).reshape(struck.shape), -np.inf).max(1)
        chosen.setdefault(int(height.argmax()), "highest cosmic ray, removed or suspected")
    return [(name, tuple(int(i) for i in np.unravel_index(index, grid))) for index, name in chosen.items()]
