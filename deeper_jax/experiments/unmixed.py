"""An image unmixed with its target's endmembers, and how far that is from the target's own unmixing."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deeper_jax.evaluation.report.tables import Section, TextTable
from deeper_jax.unmixing import (
    abundance_error,
    abundance_fractions,
    class_confusion,
    classification_accuracy,
    classify_pixels,
    false_colour_image,
    non_negative_abundances,
    spectral_angle,
    vertex_component_analysis,
)
from deeper_jax.unmixing.false_colour import PALETTE

Array = npt.NDArray[np.float64]

MEASURES = {
    "accuracy / %": "share of the pixels whose endmember of largest abundance is that of the target",
    "abundance error": "root mean squared difference of the abundances, each pixel's adding up to 1; the classes hide "
    "much of it",
    "spectral angle / deg": "mean angle between a pixel's spectrum and the target's",
}
"""What each score of an unmixing means."""


class UnmixedTarget(NamedTuple):
    """A target image, its endmembers `[K, L]`, strongest first, abundances `[H, W, K]` and pixel classes `[H, W]`."""

    image: Array
    endmembers: Array
    abundances: Array
    classes: npt.NDArray[np.int_]


class UnmixedOutput(NamedTuple):
    """A method's abundances `[H, W, K]`, its scores by the names of `MEASURES`, and the confusion `[K, K]`."""

    abundances: Array
    scores: dict[str, float]
    confusion: npt.NDArray[np.int_]


def unmix_target(image: npt.ArrayLike, count: int, seed: int) -> UnmixedTarget:
    """Find `count` endmembers of a target image `[H, W, L]` by vertex component analysis, and unmix it with them.

    The paper takes 5 for denoising, super-resolution and tissue, and 4 for the combination. The last endmember,
    that of least intensity, is the background's.
    """
    values = np.asarray(image, np.float64)
    endmembers = np.maximum(vertex_component_analysis(values, count, seed=seed).endmembers, 0.0)
    endmembers = endmembers[np.argsort(-endmembers.sum(axis=1), kind="stable")]
    abundances = non_negative_abundances(values, endmembers)
    return UnmixedTarget(values, endmembers, abundances, classify_pixels(abundances))


def unmix_output(output: npt.ArrayLike, target: UnmixedTarget) -> UnmixedOutput:
    """Unmix a method's image `[H, W, L]`, in any unit, with the target's endmembers, and compare."""
    values = np.asarray(output, np.float64)
    abundances = non_negative_abundances(values, target.endmembers)
    classes = classify_pixels(abundances)
    scores = {
        "accuracy / %": 100 * classification_accuracy(classes, target.classes),
        "abundance error": abundance_error(abundances, target.abundances),
        "spectral angle / deg": float(np.nanmean(spectral_angle(values, target.image))),
    }
    return UnmixedOutput(abundances, scores, class_confusion(classes, target.classes, len(target.endmembers)))


def colours_of(count: int) -> list[str]:
    """Names of the colours of `count` endmembers; the background, the last, is black."""
    return [*list(PALETTE)[: count - 1], "black"]


def picture_of(abundances: npt.NDArray) -> Array:
    """False colours `[H, W, 3]` of the abundances' shares in each pixel, which do not depend on the image's unit."""
    return false_colour_image(abundance_fractions(abundances), colours_of(abundances.shape[-1]))


def measures_section() -> Section:
    """What the `MEASURES` mean."""
    return Section("What the measures of unmixing mean", [f"{name}: {meaning}." for name, meaning in MEASURES.items()])


def confusion_section(confusions: Mapping[str, npt.NDArray[np.int_]]) -> Section:
    """The confusion matrices `[K, K]` of some methods, summed over images."""
    count = len(next(iter(confusions.values())))
    body = []
    for method, matrix in confusions.items():
        shares = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        for number, line in enumerate(shares, 1):
            body.append([f"{method}: target's class {number}", *(f"{share:.0f}" for share in line)])
    items = [
        "Target's classes down, found classes across, in % of the target's class, all images together. Classes are "
        "numbered by the intensity of their endmembers in each image, the strongest first and the background last."
    ]
    header = ["method and class", *(f"found {number}" for number in range(1, count + 1))]
    return Section("Confusion between classes", items, TextTable(header, body), folded=True)
