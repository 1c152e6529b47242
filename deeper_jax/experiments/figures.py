"""The paper's Figures 2 to 5 and S2 to S8, drawn for the run at hand. Colours that colour-blind readers tell apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from deeper_jax.evaluation.plot_style import COLOURS, add_title, new_figure, save_png
from deeper_jax.evaluation.statistics import summarise
from deeper_jax.experiments.scores import Scores
from deeper_jax.unmixing.false_colour import PALETTE

AXIS_LABEL = "Raman shift / cm$^{-1}$"
_SERIES = ("#999999", "#56B4E9", "#0072B2", "#009E73", "#CC79A7", "#E69F00")


class Panel(NamedTuple):
    """One picture among others.

    Attributes:
      title: above it.
      image: `[H, W, 3]` colours from 0 to 1, or `[H, W]` values.
      under: a few words under it, such as the imaging time.
    """

    title: str
    image: npt.NDArray
    under: str = ""


def panels_figure(
    path: Path,
    rows: Mapping[str, Sequence[Panel]],
    *,
    title: str,
    data_note: str,
    pixel_size_um: float | None,
    value_range: tuple[float, float] | None = None,
    marked: tuple[int, int] | None = None,
) -> None:
    """Draw rows of pictures of one sample, a scale bar in each row's first.

    Args:
      path: PNG to write.
      rows: by label, as many panels in each.
      title, data_note: above the figure.
      pixel_size_um: side of a pixel in micrometres; None: no scale bar.
      value_range: ends of the colour scale of `[H, W]` panels; a colour bar is drawn then.
      marked: (row, column) of a pixel to point at in every panel.
    """
    columns = max(len(panels) for panels in rows.values())
    height, width = next(iter(rows.values()))[0].image.shape[:2]
    side = 2.0
    figure = new_figure(side * columns + 0.8, side * len(rows) * min(height / width, 1.6) + 0.5 * len(rows) + 0.8)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    drawn = None
    for line, (label, panels) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_frame_on(False)
        for axis, panel in zip(line, panels, strict=False):
            low, high = value_range or (None, None)
            drawn = axis.imshow(panel.image, interpolation="nearest", vmin=low, vmax=high, cmap="viridis")
            axis.set_title(panel.title, fontsize=9)
            axis.set_xlabel(panel.under, fontsize=8)
            if marked is not None:
                for colour, size, width in (("black", 10, 3.5), ("white", 8, 1.5)):
                    axis.plot(marked[1], marked[0], "+", color=colour, markersize=size, markeredgewidth=width)
        line[0].set_ylabel(label, fontsize=10)
        if pixel_size_um is not None:
            _scale_bar(line[0], panels[0].image.shape, pixel_size_um)
    if value_range is not None and drawn is not None:
        figure.colorbar(drawn, ax=list(axes.ravel()), extend="both", shrink=0.7, pad=0.01)
    add_title(figure, title, data_note)
    save_png(figure, path)


def _scale_bar(axis: Axes, shape: tuple[int, ...], pixel_size_um: float) -> None:
    """A white bar of a round length, about a quarter of the picture."""
    quarter = 0.3 * shape[1] * pixel_size_um
    power = 10 ** np.floor(np.log10(quarter))
    length = max(step * power for step in (1, 2, 5) if step * power <= quarter)
    pixels, row = length / pixel_size_um, 0.93 * shape[0]
    left = 0.05 * shape[1]
    # Outlined, so that it is seen on any ground.
    outline = [withStroke(linewidth=2, foreground="black")]
    bar = [withStroke(linewidth=5, foreground="black")]
    axis.plot([left, left + pixels], [row, row], color="white", lw=3, solid_capstyle="butt", path_effects=bar)
    place = (left + pixels / 2, row - 0.03 * shape[0])
    axis.text(*place, f"{length:g} µm", color="white", ha="center", fontsize=8, path_effects=outline)


def endmembers_figure(
    path: Path,
    wavenumbers: npt.ArrayLike | None,
    endmembers: npt.ArrayLike,
    colours: Sequence[str],
    *,
    title: str,
    data_note: str,
) -> None:
    """Draw the endmembers' spectra `[K, L]` under each other, each over its own maximum.

    `colours`: K names out of `false_colour.PALETTE`, those of the maps.
    """
    spectra = np.asarray(endmembers, np.float64)
    axis = np.arange(spectra.shape[1]) if wavenumbers is None else np.asarray(wavenumbers, np.float64)
    figure = new_figure(8.0, 1.3 * len(spectra) + 1.0)
    panels = np.atleast_1d(figure.subplots(len(spectra), 1, sharex=True))
    for number, (panel, spectrum, colour) in enumerate(zip(panels, spectra, colours, strict=False), 1):
        panel.plot(axis, spectrum / np.abs(spectrum).max(), color=np.array(PALETTE[colour]) / 255, lw=1.2)
        panel.set_title(f"endmember {number}", fontsize=9, loc="left")
        panel.set_xlim(axis.min(), axis.max())
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("Channel" if wavenumbers is None else AXIS_LABEL, fontsize=11)
    figure.supylabel("Intensity over its own maximum", fontsize=10)
    add_title(figure, title, data_note)
    save_png(figure, path)


def spectrum_figure(
    path: Path,
    wavenumbers: npt.ArrayLike | None,
    target: npt.NDArray,
    outputs: Mapping[str, npt.NDArray],
    *,
    title: str,
    data_note: str,
    network: str = "network",
) -> None:
    """Draw one pixel's spectra `[L]`, target and outputs, in one unit."""
    axis = np.arange(target.size) if wavenumbers is None else np.asarray(wavenumbers, np.float64)
    figure = new_figure(8.0, 3.6)
    panel = figure.subplots()
    panel.plot(axis, target, color=COLOURS["target"], lw=1.4, label="target")
    for (name, spectrum), colour in zip(outputs.items(), _SERIES, strict=False):
        shown = COLOURS["network"] if name == network else colour
        panel.plot(axis, spectrum, color=shown, lw=1.0, label=name)
    panel.set_xlim(axis.min(), axis.max())
    panel.set_xlabel("Channel" if wavenumbers is None else AXIS_LABEL, fontsize=11)
    panel.set_ylabel("Intensity over the target's maximum", fontsize=10)
    panel.legend(fontsize=8, frameon=False)
    panel.spines[["top", "right"]].set_visible(False)
    add_title(figure, title, data_note)
    save_png(figure, path)


def scores_figure(
    path: Path,
    groups: Mapping[str, Mapping[str, Scores]],
    *,
    title: str,
    data_note: str,
    network: str = "network",
) -> None:
    """Draw mean and 95 % interval over images, and a circle for each image.

    Args:
      path: PNG to write.
      groups: by group (a scale, say) and by metric, one panel each; groups have the same metrics.
      title, data_note: above the figure.
      network: name of the method in the network's colour.
    """
    metrics = list(next(iter(groups.values())))
    figure = new_figure(2.7 * len(groups) + 0.6, 2.7 * len(metrics) + 0.9)
    axes = figure.subplots(len(metrics), len(groups), squeeze=False, sharey="row")
    for column, (group, scores) in enumerate(groups.items()):
        for panel, metric in zip(axes[:, column], metrics, strict=True):
            _scores(panel, scores[metric], network)
        axes[0, column].set_title(group, fontsize=10)
    for line, metric in zip(axes, metrics, strict=True):
        line[0].set_ylabel(metric, fontsize=10)
    for panel in axes[:-1].ravel():
        panel.set_xticklabels([])
    add_title(figure, title, data_note)
    save_png(figure, path)


def _scores(panel: Axes, scores: Scores, network: str) -> None:
    colours = iter(_SERIES)
    for place, (name, values) in enumerate(scores.items()):
        numbers = list(values.values())
        mean, low, _, _ = summarise(numbers)
        colour = COLOURS["network"] if name == network else next(colours)
        panel.plot(np.full(len(numbers), place), numbers, "o", ms=3, mfc="none", mec="#999999", mew=0.6)
        if mean is not None:
            half = None if low is None else mean - low
            panel.errorbar(place, mean, half, fmt="s", color=colour, ms=6, capsize=4, lw=1.5)
    panel.set_xticks(range(len(scores)), list(scores), rotation=40, ha="right", fontsize=8)
    panel.set_xlim(-0.6, len(scores) - 0.4)
    panel.spines[["top", "right"]].set_visible(False)
