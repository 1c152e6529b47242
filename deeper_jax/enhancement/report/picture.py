"""The figures of an enhanced map, under each other in one PNG."""

import struct
import zlib
from pathlib import Path

import numpy as np
from isal import isal_zlib
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.map_figure import map_figure
from deeper_jax.enhancement.report.pictured import Pictured
from deeper_jax.enhancement.report.series_figure import series_figure
from deeper_jax.enhancement.report.spectrum_figure import spectrum_figure
from deeper_jax.evaluation.plot_style import drawn

# As small as what Pillow writes, in a tenth of the time.
_PNG_LEVEL = 2


def write_picture(path: Path, picture: Pictured) -> None:
    """Write them, all of one width."""
    pictures = [drawn(figure) for figure in picture_figures(picture)]
    path.write_bytes(_png(np.concatenate(pictures)))


def picture_figures(picture: Pictured) -> list[Figure]:
    """The whole measurement, if it is more than one spectrum, and the chosen spectra."""
    shown, seen, examples = picture
    places = {example.letter: example.place for example in examples}
    if not shown.positions:
        return [spectrum_figure(shown, examples)]
    whole = map_figure(shown, seen, places) if len(shown.positions) == 2 else series_figure(shown, places)
    return [whole, spectrum_figure(shown, examples)]


def _png(pixels: np.ndarray) -> bytes:
    """A PNG file of [H, W, 3] bytes: red, green and blue."""
    height, width, _ = pixels.shape
    # Each line begins with a 0: its bytes are stored as they are, which suits lines and letters.
    lines = np.zeros((height, 1 + 3 * width), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    parts = {
        b"IHDR": struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0),
        b"IDAT": isal_zlib.compress(lines.data, _PNG_LEVEL),
        b"IEND": b"",
    }
    chunks = [
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
        for name, part in parts.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
