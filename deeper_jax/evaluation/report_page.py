"""One web page with the pictures and tables of an evaluation; it opens without a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from deeper_jax.evaluation.report_sections import report_sections
from deeper_jax.evaluation.summary import REFERENCE, EvaluationRow
from deeper_jax.evaluation.task_words import words_of
from deeper_jax.evaluation.web_page import data_html, list_html, picture_html, section_html, write_web_page

CAPTIONS = {
    "figure_spectra.png": "Example spectra: the noisy input, its target and what the methods make of it. "
    "Each is divided by its own maximum. The pixels are chosen by rank in the target, not by eye.",
    "figure_mse.png": "Mean squared error of each method over all images, with its 95 % interval where there "
    "is more than one image, and a small circle for each image. Shorter is better.",
    "figure_maps.png": "The same band as a map, one colour scale for all panels, with the time that the "
    "measurement takes at that dwell time. A denoised map costs the time of the noisy one.",
    "figure_super_resolution_maps.png": "One band as a map: what was measured, what the methods make of it and "
    "the target, on one colour scale. Under each output its difference from the target, red where it is too "
    "bright. The cross marks the pixel whose spectra are shown.",
    "figure_super_resolution_spectra.png": "Spectra at marked pixels that were not measured, each over the "
    "target's maximum in the whole image. The pixels are chosen by rule, not by eye.",
    "figure_super_resolution_scores.png": "Mean of each metric over all images, with its 95 % interval where "
    "there is more than one image, and a small circle for each image.",
    "figure_super_resolution_channels.png": "Mean squared error of each wavenumber channel, mean over images, "
    "over the target's mean spectrum; shaded: the band groups of the table.",
}
"""What is under each known picture."""


def write_report_page(
    folder: str | Path,
    rows: Sequence[EvaluationRow],
    context: Mapping[str, Any],
    *,
    figures: Sequence[str | Path] | None = None,
    title: str | None = None,
    reference: str = REFERENCE,
    wavenumbers: npt.ArrayLike | None = None,
) -> Path:
    """Write index.html: what the data are, the pictures, the tables and what the metrics mean.

    Args:
        folder: where to write; made where it is missing.
        rows: as for `tables.write_tables`.
        context: as for `tables.write_tables`.
        figures: PNG files to show; by default those of `CAPTIONS` that lie in the folder.
        title: the page's heading; None: the task's name and "evaluation".
        reference: the method whose line is marked.
        wavenumbers: as for `tables.write_tables`.

    Returns:
        The page's path.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if figures is None:
        figures = [folder / name for name in CAPTIONS if (folder / name).exists()]
    title = title or f"{words_of(rows).heading.partition(':')[0]} evaluation"
    introduction, means, *others = report_sections(rows, context, reference, wavenumbers)
    data, *remarks = introduction.items
    parts = [
        data_html(data),
        *(picture_html(path, CAPTIONS.get(path.name, path.stem.replace("_", " "))) for path in map(Path, figures)),
        section_html(means, reference),
        list_html(remarks),
        *(section_html(each, reference) for each in others),
    ]
    return write_web_page(folder / "index.html", title, parts)
