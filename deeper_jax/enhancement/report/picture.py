"""The figures of an enhanced map, one under another, as pixels; in two halves, each about as much work."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.map_figure import band_figures, trust_figure
from deeper_jax.enhancement.report.pictured import Pictured
from deeper_jax.enhancement.report.series_figure import series_figure
from deeper_jax.enhancement.report.spectrum_figure import spectrum_figure
from deeper_jax.evaluation.plot_style import drawn


def upper_half(picture: Pictured) -> npt.NDArray[np.uint8]:
    """The strongest bands of a map or all of a series, [H, W, 3]; of a single spectrum nothing, and H is 0."""
    return _under_each_other(upper_figures(picture))


def lower_half(picture: Pictured) -> npt.NDArray[np.uint8]:
    """Where to trust a map, and the chosen spectra, [H, W, 3]."""
    return _under_each_other(lower_figures(picture))


def upper_figures(picture: Pictured) -> list[Figure]:
    """Those of the upper half."""
    shown, seen, _ = picture
    if len(shown.positions) == 2:
        return band_figures(shown, seen, _places(picture))
    return [series_figure(shown, _places(picture))] if shown.positions else []


def lower_figures(picture: Pictured) -> list[Figure]:
    """Those of the lower half."""
    shown, seen, examples = picture
    maps = [trust_figure(shown, seen, _places(picture))] if len(shown.positions) == 2 else []
    return [*maps, spectrum_figure(shown, examples)]


def _places(picture: Pictured) -> dict[str, tuple[int, ...]]:
    return {example.letter: example.place for example in picture.examples}


def _under_each_other(figures: Sequence[Figure]) -> npt.NDArray[np.uint8]:
    return np.concatenate([drawn(figure) for figure in figures]) if figures else np.zeros((0, 0, 3), np.uint8)
