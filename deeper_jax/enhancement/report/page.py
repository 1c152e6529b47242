"""Put pictures, words and provenance of an enhanced map on one page, and the pictures into one PNG."""

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import image as images
from matplotlib.figure import Figure

from deeper_jax.enhancement.report.comparison import Comparison, compare
from deeper_jax.enhancement.report.map_figure import map_figure
from deeper_jax.enhancement.report.series_figure import series_figure
from deeper_jax.enhancement.report.spectrum_figure import spectrum_figure
from deeper_jax.enhancement.report.words import MEANING, cosmic_ray_rows, provenance_rows, summary_sentences
from deeper_jax.evaluation.plot_style import save_png
from deeper_jax.evaluation.report.tables import Section, TextTable
from deeper_jax.evaluation.report.web_page import list_html, picture_html, section_html, write_web_page

if TYPE_CHECKING:
    import xarray


def write_page(path: str | Path, result: "xarray.Dataset") -> Path:
    """Write a page that opens without a network, and its pictures in one PNG of the same name beside it.

    Args:
        path: the page, .html; replaced if it exists.
        result: what `deeper_jax.enhance` answered.

    Returns:
        The path of the page.
    """
    path = Path(path)
    shown = compare(result)
    with tempfile.TemporaryDirectory() as folder:
        parts = [list_html(summary_sentences(result))]
        files = []
        for number, (figure, caption) in enumerate(_pictures(shown)):
            files.append(Path(folder) / f"{number}.png")
            save_png(figure, files[-1])
            parts.append(picture_html(files[-1], caption))
        parts.append(section_html(Section("What to believe", MEANING)))
        if rays := cosmic_ray_rows(result):
            words = [
                "Every feature removed as a cosmic ray, or suspected to be one, by wavenumber; the highest channel of "
                "each as measured and in the denoised spectrum."
            ]
            columns = ["at", "spectrum", "", "measured", "denoised"]
            parts.append(section_html(Section("Cosmic rays", words, TextTable(columns, rays))))
        table = TextTable(["", ""], provenance_rows(result))
        parts.append(section_html(Section("How it was made", [], table)))
        _stack(files, path.with_suffix(".png"))
    title = f"{result.attrs['source_file'] or 'Raman map'}, before and after"
    return write_web_page(path, title, parts)


def _pictures(shown: Comparison) -> list[tuple[Figure, str]]:
    pictures = []
    if len(shown.positions) == 2:
        pictures.append((map_figure(shown), _with_note(_MAP_CAPTION, shown)))
    elif len(shown.positions) == 1:
        pictures.append((series_figure(shown), _with_note(_SERIES_CAPTION, shown)))
    pictures.append((spectrum_figure(shown), _SPECTRA_CAPTION))
    return pictures


_MAP_CAPTION = (
    "Mean height of the strongest bands above a straight line under each, one colour scale a band (0.5th to 99.7th "
    "percentile of the denoised map). Beside: uncertainty of the denoised, rms of its channels, and how many channels "
    "are flagged. The first line of the scan is at the top; grey: no spectrum."
)
_SERIES_CAPTION = (
    "Spectra one under another; measured and denoised with one colour scale (1st to 99th percentile of the denoised). "
    "Below: uncertainty of the denoised, and the flagged channels. Grey: no spectrum."
)
_SPECTRA_CAPTION = (
    "Spectra chosen by the height of their strongest bands: measured (grey), denoised and its 90 % band (orange), "
    "flagged channels and cosmic rays shaded."
)


def _with_note(caption: str, shown: Comparison) -> str:
    return f"{shown.note[0].upper()}{shown.note[1:]}. {caption}" if shown.note else caption


def _stack(files: list[Path], path: Path) -> None:
    """The pictures, all of one width, under each other in one file."""
    stacked = np.concatenate([images.imread(file)[..., :3] for file in files])
    buffer = io.BytesIO()
    images.imsave(buffer, stacked, format="png")
    path.write_bytes(buffer.getvalue())
