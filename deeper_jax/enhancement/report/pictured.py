"""What is in the picture of a map: its bands, and spectra chosen by rule; small enough to be handed over."""

from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.report.comparison import SPECTRA, Comparison, thinned
from deeper_jax.enhancement.report.overview import Overview

# A picture has no room for more spectra of a series.
ROWS = 2000


class Pictured(NamedTuple):
    """All that a picture is drawn of.

    Attributes:
        shown: without spectra, but for some of a series.
        seen: of it, by the strongest bands.
        examples: the chosen spectra.
    """

    shown: Comparison
    seen: Overview
    examples: "list[Example]"


def pictured(shown: Comparison, seen: Overview) -> Pictured:
    """Take out of a measurement, or a slice of a stack, what its picture needs."""
    nothing = np.zeros(0)
    drawn = shown._replace(
        before=nothing, after=nothing, std=nothing, flagged=nothing, cosmic_ray=nothing, removed=nothing
    )
    if len(shown.positions) == 1:
        drawn = thinned(shown, ROWS)
    drawn = drawn._replace(scores=nothing, components=nothing, finer=None, finer_std=None)
    return Pictured(drawn, seen, example_spectra(shown, seen))


class Example(NamedTuple):
    """A spectrum to show.

    Attributes:
        letter: beside it.
        name: why it was chosen.
        place: its index, () of a single spectrum.
        spectrum: [L] each, what `Comparison` has of it, by the names `before` to `removed`.
    """

    letter: str
    name: str
    place: tuple[int, ...]
    spectrum: dict[str, np.ndarray]


def example_spectra(shown: Comparison, seen: Overview) -> list[Example]:
    """Up to five spectra: those of strongest, median and weakest bands, a flagged one, and one with a cosmic ray.

    They are chosen by the mean height of the strongest bands, so that nobody picks the ones that look best.

    Args:
        shown: the measurement.
        seen: of it, by the strongest bands.
    """
    if not shown.positions:
        return [_example(shown, "", "", ())]
    # A spike that nobody can explain is no strong band.
    present = np.flatnonzero(seen.calm if seen.calm.any() else seen.present)
    strength = seen.after.mean(-1).ravel()[present]
    order = present[np.argsort(strength, kind="stable")]
    chosen = {int(order[-1]): "strongest bands"}
    chosen.setdefault(int(order[len(order) // 2]), "median")
    chosen.setdefault(int(order[0]), "weakest")
    if seen.flagged.max() > 0:
        chosen.setdefault(int(seen.flagged.argmax()), "most channels flagged")
    if np.isfinite(seen.ray_value).any():
        chosen.setdefault(int(seen.ray_value.argmax()), "highest cosmic ray")
    return [
        _example(shown, letter, name, tuple(int(i) for i in np.unravel_index(index, seen.present.shape)))
        for letter, (index, name) in zip("ABCDE", chosen.items(), strict=False)
    ]


def _example(shown: Comparison, letter: str, name: str, place: tuple[int, ...]) -> Example:
    return Example(letter, name, place, {each: np.array(getattr(shown, each)[place]) for each in SPECTRA})
