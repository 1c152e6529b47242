"""Which spectra a reader should look at: those flagged and those with cosmic rays, in words and in order."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.report.comparison import Comparison
from deeper_jax.enhancement.report.overview import Overview

MOST_MARKS = 300


class Mark(NamedTuple):
    """A spectrum to look at.

    Attributes:
        place: its index on the measured grid.
        words: where it is, and why to look.
        ray: whether that is a cosmic ray.
        size: height of the ray, or number of flagged channels.
        slice: number of its slice, of a stack.
    """

    place: tuple[int, ...]
    words: str
    ray: bool
    size: float
    slice: int = 0


def marked_spectra(shown: Sequence[Comparison], seen: Sequence[Overview]) -> list[Mark]:
    """Cosmic rays, the highest first, then flagged spectra, those of most channels first; 300 of each at most.

    Args:
        shown: the slices of a stack, or what is none alone.
        seen: of each.
    """
    found = []
    for find in (_rays, _flagged):
        marks = [mark._replace(slice=number) for number, each in enumerate(shown) for mark in find(each, seen[number])]
        found += sorted(marks, key=lambda mark: -mark.size)[:MOST_MARKS]
    return found


def _rays(shown: Comparison, seen: Overview) -> list[Mark]:
    marks = []
    for index in _highest(seen.ray, np.isfinite(seen.ray)):
        channel = int(np.where(shown.cosmic_ray[index], shown.before[index] - shown.after[index], -np.inf).argmax())
        what = "cosmic ray removed" if shown.removed[index][channel] else "cosmic ray? not removed"
        words = _words(shown, index, f"{what}, {shown.axis[channel]:.0f} cm⁻¹")
        marks.append(Mark(index, words, True, float(seen.ray[index])))
    return marks


def _flagged(shown: Comparison, seen: Overview) -> list[Mark]:
    marks = []
    for index in _highest(seen.flagged, seen.flagged > 0):
        channels, number = np.flatnonzero(shown.flagged[index] & ~shown.removed[index]), int(seen.flagged[index])
        first, last = shown.axis[channels[0]], shown.axis[channels[-1]]
        where = f"{first:.0f} cm⁻¹" if number == 1 else f"{first:.0f} to {last:.0f} cm⁻¹"
        words = f"{number} {'channel' if number == 1 else 'channels'} flagged, {where}"
        marks.append(Mark(index, _words(shown, index, words), False, float(number)))
    return marks


def _highest(values: np.ndarray, chosen: np.ndarray) -> list[tuple[int, ...]]:
    among = np.flatnonzero(chosen)
    found = among[np.argsort(-values.ravel()[among], kind="stable")][:MOST_MARKS]
    return [tuple(int(i) for i in np.unravel_index(each, values.shape)) for each in found]


def _words(shown: Comparison, index: tuple[int, ...], what: str) -> str:
    places = [each.at(i) for each, i in zip(shown.positions, index, strict=True)]
    place = ", ".join([shown.slice, *places] if shown.slice else places)
    return f"{place}: {what}" if place else what


def runs(marks: np.ndarray) -> list[tuple[int, int]]:
    """First channel and the one after the last of each run of true values."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(int)))
    return [(int(start), int(stop)) for start, stop in zip(steps[::2], steps[1::2], strict=True)]
