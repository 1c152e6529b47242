"""Example spectra: measured, denoised with its 90 % band, flagged channels and cosmic rays shaded."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.comparison import Comparison
from deeper_jax.enhancement.report.map_figure import DPI, TEXT, TITLE, WIDTH
from deeper_jax.enhancement.report.overview import Overview
from deeper_jax.enhancement.report.words import runs
from deeper_jax.enhancement.uncertainty import NINETY_PERCENT
from deeper_jax.evaluation.plot_style import COLOURS, new_figure

_FLAG, _RAY, _SUSPECTED = "#CC79A7", "#0072B2", "#E69F00"


def spectrum_figure(shown: Comparison, examples: list["Example"]) -> Figure:
    """The spectra that `example_spectra` chose, under each other."""
    figure = new_figure(WIDTH, 0.9 + 1.9 * len(examples) + (1.4 if len(examples) == 1 else 0.0))
    figure.set_dpi(DPI)
    panels = figure.subplots(len(examples), 1, sharex=True, squeeze=False)[:, 0]
    for panel, example in zip(panels, examples, strict=True):
        _draw(panel, shown, example.place)
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


def _draw(panel: Any, shown: Comparison, index: tuple[int, ...]) -> None:
    names = ("before", "after", "std", "flagged", "cosmic_ray", "removed")
    draw_spectrum(panel, shown.axis, **{name: getattr(shown, name)[index] for name in names})
    panel.tick_params(labelsize=TEXT)


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


class Example(NamedTuple):
    """A spectrum to show: the letter beside it, why it was chosen, and its index, () of a single spectrum."""

    letter: str
    name: str
    place: tuple[int, ...]


def example_spectra(shown: Comparison, seen: Overview) -> list[Example]:
    """Up to five spectra: those of strongest, median and weakest bands, a flagged one, and one with a cosmic ray.

    They are chosen by the mean height of the strongest bands, so that nobody picks the ones that look best.

    Args:
        shown: the measurement.
        seen: of it, by the strongest bands.
    """
    if not shown.positions:
        return [Example("", "", ())]
    # A spike that nobody can explain is no strong band.
    present = np.flatnonzero(seen.calm if seen.calm.any() else seen.present)
    strength = seen.after.mean(-1).ravel()[present]
    order = present[np.argsort(strength, kind="stable")]
    chosen = {int(order[-1]): "strongest bands"}
    chosen.setdefault(int(order[len(order) // 2]), "median")
    chosen.setdefault(int(order[0]), "weakest")
    if seen.flagged.max() > 0:
        chosen.setdefault(int(seen.flagged.argmax()), "most channels flagged")
    if np.isfinite(seen.ray_value).any():
        chosen.setdefault(int(seen.ray_value.argmax()), "highest cosmic ray")
    return [
        Example(letter, name, tuple(int(i) for i in np.unravel_index(index, seen.present.shape)))
        for letter, (index, name) in zip("ABCDE", chosen.items(), strict=False)
    ]
