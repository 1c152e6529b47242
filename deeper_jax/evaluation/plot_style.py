"""Colours, titles and saving that all pictures share."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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
    """Write a PNG without a window system; the same figure gives the same bytes."""
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})
