"""What the figures of a page must be told of a map, its axes and not its spectra, and what they come back as.

Both are handed from process to process, and here so that taking them does not load Bokeh.
"""

from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.report.comparison import Positions


class Outline(NamedTuple):
    """Of what is explored.

    Attributes:
        axis: [L], cm⁻¹.
        measured_positions: of the measured grid's axes.
        positions: of the restored grid's axes.
        unit: of the intensities.
        has_components: whether there are any.
    """

    axis: np.ndarray
    measured_positions: tuple[Positions, ...]
    positions: tuple[Positions, ...]
    unit: str
    has_components: bool


class Grid(NamedTuple):
    """How the pixels of an image lie in its figure.

    Attributes:
        shape: rows, columns.
        x, y: (first edge, last edge); the first may be the larger.
    """

    shape: tuple[int, ...]
    x: tuple[float, float]
    y: tuple[float, float]


class ExplorerDocument(NamedTuple):
    """Text, and what the page's own script must know of the figures.

    Attributes:
        library: scripts for the head.
        script: what draws the figures, for the end of the body.
        places: where each is drawn, by name.
        grids: of those that show pixels.
        columns: for a series, the channel that each column of its picture shows.
    """

    library: str
    script: str
    places: dict[str, str]
    grids: dict[str, Grid]
    columns: list[int]
