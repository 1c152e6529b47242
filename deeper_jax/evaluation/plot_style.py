"""What all pictures share: colours, labels, scale bars, titles and saving."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, ScalarFormatter

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLOURS = {
    "noisy": "#BBBBBB",
    "target": "#000000",
    "network": "#D55E00",
    "one spectrum": "#56B4E9",
    "whole map": "#0072B2",
    "raw": "#999999",
}
"""Colour of each kind of curve or bar."""

SERIES = ("#999999", "#56B4E9", "#0072B2", "#009E73", "#CC79A7", "#E69F00")
"""Colours of methods that have no kind, in their order."""

PEAK = 1450.0
"""The CH2/CH3 band of the paper's maps, in cm^-1."""

AXIS_LABEL = "Raman shift (cm⁻¹)"
OUTLINE = [withStroke(linewidth=2.0, foreground="#000000")]
"""Of what is drawn in white, so that it is seen on any ground."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches, that makes room for its labels by itself."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.08, h_pad=0.06)  # type: ignore[call-arg]
    return figure


def add_title(figure: Figure, title: str, data_note: str) -> None:
    """Put a title over the figure, with a few words about the data under it."""
    figure.suptitle(f"{title}\n{data_note}" if data_note else title, fontsize=12)


def save_png(figure: Figure, path: str | Path) -> None:
    """Write a PNG without a window system, names and units as they are; the same figure gives the same bytes."""
    _leave_dollars(figure)
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})


def drawn(figure: Figure) -> npt.NDArray[np.uint8]:
    """The pixels of a figure as `save_png` would write them, [H, W, 3]: red, green and blue."""
    _leave_dollars(figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def _leave_dollars(figure: Figure) -> None:
    """Let nothing be read as TeX but the numbers at axes: a user's name or unit may hold dollars."""
    numbers: set[Text] = set()
    for axis in (each for axes in figure.axes for each in (axes.xaxis, axes.yaxis)):
        if isinstance(axis.get_major_formatter(), ScalarFormatter | LogFormatter):
            numbers |= {*axis.findobj(Text)} - {axis.label}
    for text in figure.findobj(Text):
        text.set_parse_math(text in numbers)


def save_figures(folder: str | Path, figures: Mapping[str, Figure]) -> dict[str, Path]:
    """Write figures as PNG into a folder, made where it is missing; returns the paths by file name, as given."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        save_png(figure, folder / name)
    return {name: folder / name for name in figures}


def spectral_panels(
    count: int, height: float, wavenumbers: npt.ArrayLike | None, length: int, **settings: Any
) -> tuple[Figure, npt.NDArray, npt.NDArray]:
    """A figure `height` inches high of `count` panels under each other, these, and the spectral axis `[L]` of all.

    The axis counts the channels, L = `length`, where the wavenumbers (cm^-1) are None; `settings` are those of
    `Figure.subplots`.
    """
    axis = np.arange(length) if wavenumbers is None else np.asarray(wavenumbers, np.float64)
    figure = new_figure(8.0, height)
    panels = figure.subplots(count, 1, sharex=True, squeeze=False, **settings)[:, 0]
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlim(axis.min(), axis.max())
    panels[-1].set_xlabel("Channel" if wavenumbers is None else AXIS_LABEL, fontsize=11)
    return figure, panels, axis


def series_colours(names: Iterable[str], network: str) -> dict[str, str]:
    """The network in its own colour, the other methods in those of `SERIES`, in order."""
    others = iter(SERIES)
    return {name: COLOURS["network"] if name == network else next(others) for name in names}


def data_note(simulated: bool) -> str:
    """The words under a title that say what the data are."""
    return "simulated data" if simulated else "measured data"


def imaging_time(pixels: int, dwell: float) -> str:
    """Pixels times dwell time in seconds as min:sec, for example 4096 x 1 s = 68:16."""
    seconds = round(pixels * dwell)
    return f"{seconds // 60}:{seconds % 60:02d}"


def holds(wavenumbers: npt.ArrayLike | None, peak: float) -> bool:
    """Whether an axis is known and reaches from below `peak` to above it."""
    return wavenumbers is not None and bool(np.min(wavenumbers) <= peak <= np.max(wavenumbers))


def nearest_channel(wavenumbers: npt.ArrayLike, peak: float) -> int:
    """Index of the channel nearest to `peak` (cm^-1).

    Raises:
        ValueError: the peak lies outside the axis.
    """
    axis = np.asarray(wavenumbers, np.float64)
    if not holds(axis, peak):
        raise ValueError(f"{peak:g} cm^-1 lies outside the axis, {axis.min():g} to {axis.max():g} cm^-1")
    return int(np.argmin(np.abs(axis - peak)))


def draw_scale_bar(panel: Axes, shape: tuple[int, ...], pixel_size_um: float | None) -> None:
    """A white bar of a round length, at most a quarter of an image `[H, W, ...]`; none where the size is unknown."""
    if not pixel_size_um:
        return
    quarter = shape[1] * pixel_size_um / 4
    power = 10.0 ** np.floor(np.log10(quarter))
    length = max(step * power for step in (1, 2, 5) if step * power <= quarter)
    height, left, bottom = shape[0] / 35, shape[1] * 0.05, shape[0] * 0.94
    place = (left, bottom - height)
    panel.add_patch(Rectangle(place, length / pixel_size_um, height, facecolor="#FFFFFF", edgecolor="#000000", lw=0.5))
    words: dict[str, Any] = {"color": "#FFFFFF", "fontsize": 8, "va": "bottom", "path_effects": OUTLINE}
    panel.text(left, bottom - 1.6 * height, f"{length:g} µm", **words)
