"""The figures of an enhanced map, under each other in one PNG."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from deeper_jax.enhancement.report.map_figure import map_figure
from deeper_jax.enhancement.report.pictured import Pictured
from deeper_jax.enhancement.report.series_figure import series_figure
from deeper_jax.enhancement.report.spectrum_figure import spectrum_figure
from deeper_jax.evaluation.plot_style import drawn

# A tenth larger than the smallest of files, in half the time.
_PNG_LEVEL = 3


def write_picture(path: Path, picture: Pictured) -> None:
    """Write them, all of one width."""
    pictures = [drawn(figure) for figure in picture_figures(picture)]
    Image.fromarray(np.concatenate(pictures)).save(path, format="png", compress_level=_PNG_LEVEL)


def picture_figures(picture: Pictured) -> list[Figure]:
    """The whole measurement, if it is more than one spectrum, and the chosen spectra."""
    shown, seen, examples = picture
    places = {example.letter: example.place for example in examples}
    if not shown.positions:
        return [spectrum_figure(shown, examples)]
    whole = map_figure(shown, seen, places) if len(shown.positions) == 2 else series_figure(shown, places)
    return [whole, spectrum_figure(shown, examples)]
