"""The pictures of the paper's Figures 2 to 5 and S2 to S8, drawn for the run at hand, with the words under them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deeper_jax.evaluation.map_figures import Panel, Row, panels_figure
from deeper_jax.evaluation.plot_style import add_title, data_note, save_png, spectral_panels
from deeper_jax.evaluation.score_figures import scores_figure
from deeper_jax.evaluation.summary import Scores
from deeper_jax.experiments.unmixed import UnmixedOutput, UnmixedTarget, colours_of, picture_of
from deeper_jax.unmixing.false_colour import PALETTE


class Picture(NamedTuple):
    """A PNG file in the report's folder, and the words under it."""

    path: Path
    caption: str


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

    def add(self, name: str, caption: str, figure: Figure) -> None:
        """Write a figure as figure_`name`.png."""
        path = self.folder / f"figure_{name}.png"
        save_png(figure, path)
        self.pictures.append(Picture(path, caption))

    def panels(
        self, name: str, caption: str, rows: Mapping[str, Sequence[Panel]], title: str, *, bar: str = ""
    ) -> None:
        """Rows of images by label, with words beside a colour bar, if any: see `map_figures.panels_figure`."""
        drawn = [Row(label, panels, bar, self.pixel_size_um) for label, panels in rows.items()]
        self.add(name, caption, panels_figure(drawn, title=title, data_note=self.note))

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


def unmixing_panels(unmixed: Mapping[str, UnmixedOutput], target: UnmixedTarget, times: tuple[str, str]) -> list[Panel]:
    """False colours of every method's image, with the pixels classified as in the target, and of the target.

    `times` are the imaging times of the methods' input and of the target.
    """
    panels = [
        Panel(name, picture_of(each.abundances), f"{each.scores['accuracy / %']:.0f} %, {times[0]}")
        for name, each in unmixed.items()
    ]
    return [*panels, Panel("target", picture_of(target.abundances), times[1])]


def endmembers_figure(wavenumbers: npt.ArrayLike | None, endmembers: npt.NDArray, title: str, data_note: str) -> Figure:
    """Draw the endmembers' spectra `[K, L]` under each other, each over its own maximum, in the maps' colours."""
    spectra = np.asarray(endmembers, np.float64)
    figure, panels, axis = spectral_panels(len(spectra), 1.3 * len(spectra) + 1.0, wavenumbers, spectra.shape[1])
    for number, (panel, spectrum, colour) in enumerate(zip(panels, spectra, colours_of(len(spectra)), strict=True), 1):
        panel.plot(axis, spectrum / np.abs(spectrum).max(), color=np.array(PALETTE[colour]) / 255, lw=1.2)
        panel.set_title(f"endmember {number}", fontsize=9, loc="left")
    figure.supylabel("Intensity over its own maximum", fontsize=10)
    add_title(figure, title, data_note)
    return figure
