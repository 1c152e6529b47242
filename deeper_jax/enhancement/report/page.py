"""Put pictures, words and provenance of an enhanced map on one page, and the pictures into one PNG."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deeper_jax.enhancement.report.bands import Band, shared_contrast, strongest_bands
from deeper_jax.enhancement.report.comparison import Comparison, at_hand, compare, explored, middle, place_sentences
from deeper_jax.enhancement.report.cubes import cube_of, rows_of
from deeper_jax.enhancement.report.drawing_process import DrawingProcess
from deeper_jax.enhancement.report.embedded_spectra import embed, outline_of
from deeper_jax.enhancement.report.explorer import Noise, explorer
from deeper_jax.enhancement.report.marks import marked_spectra
from deeper_jax.enhancement.report.overview import Overview, overview
from deeper_jax.enhancement.report.pictured import pictured
from deeper_jax.enhancement.report.words import MEANING, cosmic_ray_rows, provenance_rows, summary_sentences
from deeper_jax.evaluation.report.tables import Section, TextTable
from deeper_jax.evaluation.report.web_page import list_html, section_html, write_web_page

if TYPE_CHECKING:
    import xarray

# A tenth larger than the smallest of files, in half the time.
_PNG_LEVEL = 3
# Numbers of a map that its noise is averaged over, at least half as many.
_ASKED = 1 << 22


def write_page(path: str | Path, result: "xarray.Dataset", drawing: DrawingProcess | None = None) -> Path:
    """Write a page that opens without a network, and its pictures in one PNG of the same name beside it.

    Args:
        path: the page, .html; replaced if it exists.
        result: what `deeper_jax.enhance` answered.
        drawing: what draws the picture and the figures meanwhile; None: that is done here.

    Returns:
        The path of the page.
    """
    path = Path(path)
    result = at_hand(result)
    slices = compare(result)
    shown = middle(slices)
    bands = strongest_bands(shown.after, shown.axis)
    every = [overview(each, bands if each is shown else ()) for each in slices]
    seen = every[len(slices) // 2]
    file = str(result.attrs["source_file"]) or "Raman map"
    picture, png = pictured(shown, seen), path.with_suffix(".png")
    drawing = drawing or DrawingProcess(start=False)
    spectra = explored(slices)
    drawing.begin(outline_of(spectra), picture, picture)
    embedded, marks, noise = embed(spectra), marked_spectra(slices, every), noise_of(result)
    parts = [section_html(Section("What to believe", MEANING))]
    if rays := cosmic_ray_rows(result):
        about_rays = [
            "Every feature removed as a cosmic ray, or suspected to be one, by wavenumber; the highest channel of "
            "each as measured and in the denoised spectrum."
        ]
        columns = ["at", "spectrum", "what", "measured", "denoised"]
        parts.append(section_html(Section("Cosmic rays", about_rays, TextTable(columns, rays), folded=True)))
    table = TextTable(["what", "how"], provenance_rows(result))
    parts.append(section_html(Section("How it was made", [], table, folded=True)))
    words = list_html([*summary_sentences(result), *_about(shown)])
    document, *halves = drawing.drawn()
    start = (len(slices) // 2, *picture.examples[0].place)
    interactive = explorer(embedded, document, _bands(seen), marks, noise, start, file)
    write_picture(png, halves)
    return write_web_page(path, f"{file}, before and after", [words, interactive.body, *parts], interactive.head)


def write_picture(path: Path, pictures: list[np.ndarray]) -> None:
    """Write pictures [H, W, 3] under each other into a PNG, all of one width but for those of no height."""
    from PIL import Image

    under = np.concatenate([each for each in pictures if len(each)])
    Image.fromarray(under).save(path, format="png", compress_level=_PNG_LEVEL)


def _about(shown: Comparison) -> list[str]:
    """Which part of the measurement is in the picture, and what its places mean."""
    note = [f"The picture beside this page shows {shown.note}; choose others below."] if shown.note else []
    return [*note, *place_sentences(shown.positions)]


def _bands(seen: Overview) -> list[Band]:
    """Those to choose from; first the one in which a map has most structure, a series differs or a spectrum is high."""

    def weight(number: int) -> float:
        height = seen.after[..., number]
        return float(shared_contrast(height) if height.ndim == 2 else np.nanstd(height) if height.ndim else height)

    return [seen.bands[number] for number in sorted(range(len(seen.bands)), key=weight, reverse=True)]


def noise_of(result: "xarray.Dataset") -> Noise:
    """The noise as its record tells how it grows with the intensity, as strong on average as it was found to be."""
    mean = float(result.attrs["noise_rms"])
    steps = {step["name"]: step for step in json.loads(result.attrs["steps"])}
    step = steps.get("estimate_noise") or steps.get("given_noise") or {}
    gain, floor = float(step.get("gain", 0.0)), float(step.get("floor", mean**2))
    least = (0.1 * mean) ** 2 or 1e-300
    spectra = cube_of(result["denoised" if "denoised" in result else "intensity"])
    # Of a large map some spectra tell.
    rows = np.arange(0, spectra.size // spectra.shape[-1], 1 + spectra.size // _ASKED)
    values = rows_of(spectra, rows).astype(np.float64)
    variance = np.maximum(gain * values[np.isfinite(values)] + floor, least)
    return Noise(gain, floor, least, mean / float(np.sqrt(variance.mean())))
