"""The pictures of the paper's Figures 2 to 5 and S2 to S8, drawn for the run at hand, with the words under them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deeper_jax.evaluation.plot_style import (
    AXIS_LABEL,
    add_title,
    bare,
    data_note,
    draw_scale_bar,
    new_figure,
    save_png,
)
from deeper_jax.evaluation.score_figures import scores_figure
from deeper_jax.evaluation.summary import Scores
from deeper_jax.experiments.unmixed import colours_of
from deeper_jax.unmixing.false_colour import PALETTE


class Picture(NamedTuple):
    """A PNG file in the report's folder, and the words under it."""

    path: Path
    caption: str


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


class Album:
    """The pictures of one experiment: each is drawn, written into the folder and added to `pictures`.

    Args:
      folder: where to write; made where it is missing.
      simulated: what the note under every title says of the data.
      pixel_size_um: side of a pixel in micrometres for the scale bars; 0 where it is not known.
    """

    def __init__(self, folder: Path, simulated: bool, pixel_size_um: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.pixel_size_um = folder, pixel_size_um
        self.note = data_note(simulated)
        self.pictures: list[Picture] = []

    def path(self, name: str) -> Path:
        """Of the picture called `name`."""
        return self.folder / f"figure_{name}.png"

    def add(self, name: str, caption: str, figure: Figure | None = None) -> None:
        """Write a figure as figure_`name`.png; None: it is written already."""
        if figure is not None:
            save_png(figure, self.path(name))
        self.pictures.append(Picture(self.path(name), caption))

    def panels(
        self,
        name: str,
        caption: str,
        rows: Mapping[str, Sequence[Panel]],
        title: str,
        *,
        value_range: tuple[float, float] | None = None,
        marked: tuple[int, int] | None = None,
    ) -> None:
        """Rows of images: see `panels_figure`."""
        settings: dict[str, Any] = {"pixel_size_um": self.pixel_size_um, "value_range": value_range, "marked": marked}
        self.add(name, caption, panels_figure(rows, title=title, data_note=self.note, **settings))

    def scores(
        self, name: str, caption: str, groups: Mapping[str, Mapping[str, Scores]], title: str, network: str = "network"
    ) -> None:
        """Means, intervals and images: see `score_figures.scores_figure`."""
        self.add(name, caption, scores_figure(groups, title=title, data_note=self.note, network=network))

    def endmembers(
        self, name: str, number: str, wavenumbers: npt.ArrayLike | None, endmembers: npt.NDArray, image: str
    ) -> None:
        """The endmembers of an image, as in the paper's supplementary figure of that number."""
        caption = f"As Supplementary Figure {number}: the endmembers, in the colours of the maps."
        self.add(name, caption, endmembers_figure(wavenumbers, endmembers, f"Endmembers, {image}", self.note))


def panels_figure(
    rows: Mapping[str, Sequence[Panel]],
    *,
    title: str,
    data_note: str,
    pixel_size_um: float | None,
    value_range: tuple[float, float] | None = None,
    marked: tuple[int, int] | None = None,
) -> Figure:
    """Draw rows of pictures of one sample, a scale bar in each row's first.

    Args:
      rows: by label, as many panels in each.
      title, data_note: above the figure.
      pixel_size_um: side of a pixel in micrometres; None or 0: no scale bar.
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
        bare(line)
        for axis in line:
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
        draw_scale_bar(line[0], panels[0].image.shape, pixel_size_um)
    if value_range is not None and drawn is not None:
        figure.colorbar(drawn, ax=list(axes.ravel()), extend="both", shrink=0.7, pad=0.01)
    add_title(figure, title, data_note)
    return figure


def endmembers_figure(wavenumbers: npt.ArrayLike | None, endmembers: npt.NDArray, title: str, data_note: str) -> Figure:
    """Draw the endmembers' spectra `[K, L]` under each other, each over its own maximum, in the maps' colours."""
    spectra = np.asarray(endmembers, np.float64)
    axis = np.arange(spectra.shape[1]) if wavenumbers is None else np.asarray(wavenumbers, np.float64)
    figure = new_figure(8.0, 1.3 * len(spectra) + 1.0)
    panels = np.atleast_1d(figure.subplots(len(spectra), 1, sharex=True))
    for number, (panel, spectrum, colour) in enumerate(zip(panels, spectra, colours_of(len(spectra)), strict=True), 1):
        panel.plot(axis, spectrum / np.abs(spectrum).max(), color=np.array(PALETTE[colour]) / 255, lw=1.2)
        panel.set_title(f"endmember {number}", fontsize=9, loc="left")
        panel.set_xlim(axis.min(), axis.max())
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("Channel" if wavenumbers is None else AXIS_LABEL, fontsize=11)
    figure.supylabel("Intensity over its own maximum", fontsize=10)
    add_title(figure, title, data_note)
    return figure
