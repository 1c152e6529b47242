"""Spectra as text inside a page: exact while they are few, rounded to 16 bits or binned where the page would grow."""

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from deeper_jax.enhancement.report.comparison import Explored, Positions
from deeper_jax.enhancement.report.cubes import per_line
from deeper_jax.enhancement.report.explorer_outline import Outline

LARGEST_PAGE = 20_000_000
"""Bytes of a page; more spectra than fit are binned."""

# What the page weighs besides its spectra: Bokeh's script, and words.
_PAGE = 1_700_000
_LEVELS = 65535
# Bands stay bands: channels are binned down to about so many, then pixels.
_FEWEST_CHANNELS = 250
# Of a stack some slices are left out before more than two pixels along an axis are put together, down to so many.
_FEWEST_SLICES = 8
# Of the components, the weakest are left to the file.
_MOST_COMPONENTS = 12


class Bins(NamedTuple):
    """How many pixels along each of their axes, and how many channels, make one value of the page.

    Slices are not averaged: one in `slices` is shown.
    """

    pixels: int = 1
    channels: int = 1
    slices: int = 1


class Embedded(NamedTuple):
    """What a page holds of a map.

    Attributes:
        spectra: what was embedded: the map itself, or binned.
        cubes: by name, each the base64 text of its numbers and, where rounded, of each spectrum's offset and step.
        marks: base64 text of one bit a value: flagged, cosmic_ray, removed.
        components: base64 text of float32 numbers: scores [S, ..., K] and spectra [K, L].
        exact: values are float32, not rounded to 16 bits.
        bins: of what was embedded.
        together: number of measured values in a bin (the noise of their mean is less by its square root).
    """

    spectra: Explored
    cubes: dict[str, dict[str, str]]
    marks: dict[str, str]
    components: dict[str, str]
    exact: bool
    bins: Bins
    together: int


def embed(shown: Explored, largest: int = LARGEST_PAGE) -> Embedded:
    """Turn spectra into text of so many bytes at most, the page's own part included.

    Args:
        shown: spectra on the measured grid and on the one shown, [S, ..., L].
        largest: bytes of the page, over 2 MB.
    """
    bins, exact = _bins(shown, largest)
    shown = _with_strongest_components(shown)
    together = 1
    if bins == Bins():
        loaded: dict[str, Any] = {name: np.asarray(getattr(shown, name)) for name in _CUBES}
        shown = shown._replace(**loaded)
    else:
        shape = shown.measured.shape[1:]
        shown = _binned(shown, bins)
        together = max(1, round(np.prod(shape) / np.prod(shown.measured.shape[1:])))
    cubes = {"measured": shown.measured, "restored": shown.restored, "uncertainty": shown.std}
    marks = {"flagged": shown.flagged, "cosmic_ray": shown.cosmic_ray, "removed": shown.removed}
    return Embedded(
        shown,
        {name: _exact(cube) if exact else _rounded(cube) for name, cube in cubes.items()},
        {name: _text(np.packbits(mark)) for name, mark in marks.items()},
        {"scores": _text(shown.scores.astype("<f4")), "spectra": _text(shown.components.astype("<f4"))},
        exact,
        bins,
        together,
    )


def outline_of(shown: Explored, largest: int = LARGEST_PAGE) -> Outline:
    """What the figures must be told of what `embed` makes of the same; spectra are not looked at."""
    bins, _ = _bins(shown, largest)
    return Outline(
        axis=_mean_along(shown.axis, bins.channels),
        measured_positions=_places(shown.measured_positions, bins),
        positions=_places(shown.positions, bins),
        unit=shown.unit,
        has_components=bool(len(shown.components)),
    )


def _bins(shown: Explored, largest: int) -> tuple[Bins, bool]:
    """The smallest that leave a page so many bytes at most, and whether values are exact."""
    shown = _with_strongest_components(shown)
    bins = Bins()
    exact = _bytes(shown, bins, 4) <= largest
    while _bytes(shown, bins, 4 if exact else 2) > largest:
        bins = _next(bins, shown)
    return bins, exact


def _next(bins: Bins, shown: Explored) -> Bins:
    """Bins that make the page a step smaller."""
    slices = -(-len(shown.slices) // (bins.slices + 1))
    if len(shown.axis) / (bins.channels + 1) >= _FEWEST_CHANNELS and bins.channels <= bins.pixels:
        return bins._replace(channels=bins.channels + 1)
    if bins.pixels > 1 and slices >= _FEWEST_SLICES:
        return bins._replace(slices=bins.slices + 1)
    if shown.positions and bins.pixels < max(len(each.values) for each in shown.positions):
        return bins._replace(pixels=bins.pixels + 1)
    return bins._replace(channels=bins.channels + 1)


def notices(embedded: Embedded) -> list[str]:
    """Sentences on what the page leaves out of the file; none where it holds all of it."""
    pixels, channels, slices = embedded.bins
    parts = []
    if pixels > 1:
        across = " x ".join([str(pixels)] * max(1, len(embedded.spectra.positions)))
        parts.append(f"{across} pixels")
    if channels > 1:
        parts.append(f"{channels} channels")
    sentences = []
    if parts:
        sentences.append(
            f"The measurement is too large for one page: means of {' and '.join(parts)} are shown. The uncertainty is "
            "that of a single value, and a mark stands where any value has it. The file has every spectrum."
        )
    if slices > 1:
        shown = len(embedded.spectra.slices)
        sentences.append(f"Of the slices one in {slices} is shown, {shown} in all; the file has every one.")
    if not embedded.exact:
        sentences.append("To keep this page small, values are rounded to 1/65535 of the range of each spectrum.")
    return sentences


def _with_strongest_components(shown: Explored) -> Explored:
    return shown._replace(scores=shown.scores[..., :_MOST_COMPONENTS], components=shown.components[:_MOST_COMPONENTS])


def _bytes(shown: Explored, bins: Bins, width: int) -> int:
    """Of the page, with so many bytes a value."""
    channels = -(-len(shown.axis) // bins.channels)
    slices, components = -(-len(shown.slices) // bins.slices), len(shown.components)

    def spectra(positions: tuple[Positions, ...]) -> int:
        return slices * int(np.prod([-(-len(each.values) // bins.pixels) for each in positions], dtype=np.int64))

    measured, restored = spectra(shown.measured_positions), spectra(shown.positions)
    values = (measured + 2 * restored) * channels * width + 3 * measured * channels / 8
    values += 4 * components * (measured + channels)
    headers = 0 if width == 4 else 8 * (measured + 2 * restored)
    return round((values + headers) * 4 / 3) + _PAGE


def _exact(cube: np.ndarray) -> dict[str, str]:
    return {"values": _text(cube.astype("<f4"))}


def _rounded(cube: np.ndarray) -> dict[str, str]:
    spectra = cube.reshape(-1, cube.shape[-1])
    low, high = spectra.min(1), spectra.max(1)
    step = np.where(high > low, (high - low) / _LEVELS, 1.0)
    # NaN in the offset marks a spectrum that is not there.
    levels = np.nan_to_num(np.rint((spectra - low[:, None]) / step[:, None]))
    return {
        "values": _text(levels.astype("<u2")),
        "offsets": _text(low.astype("<f4")),
        "steps": _text(step.astype("<f4")),
    }


def _text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


_CUBES = ("measured", "restored", "std", "flagged", "cosmic_ray", "removed")


def _binned(shown: Explored, bins: Bins) -> Explored:
    def binned(cubes: Any, of_part: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return np.stack([per_line(of_part, each, together=bins.pixels) for each in cubes])

    def mean(cubes: Any, channels: int = bins.channels) -> np.ndarray:
        return binned(cubes, lambda part: _means(part, bins.pixels, channels))

    def any_of(marks: Any) -> np.ndarray:
        return binned(marks, lambda part: _in_bins(np.logical_or, part, bins.pixels, bins.channels))

    chosen = {name: getattr(shown, name)[:: bins.slices] for name in (*_CUBES, "scores")}
    shown = shown._replace(slices=shown.slices[:: bins.slices], **chosen)
    return shown._replace(
        axis=_mean_along(shown.axis, bins.channels),
        measured=mean(shown.measured),
        restored=mean(shown.restored),
        std=np.sqrt(binned(shown.std, lambda part: _means(part * part, *bins[:2]))),
        flagged=any_of(shown.flagged),
        cosmic_ray=any_of(shown.cosmic_ray),
        removed=any_of(shown.removed),
        scores=mean(shown.scores, 1),
        components=mean(shown.components) if len(shown.components) else shown.components,
        measured_positions=_places(shown.measured_positions, bins),
        positions=_places(shown.positions, bins),
    )


def _places(positions: tuple[Positions, ...], bins: Bins) -> tuple[Positions, ...]:
    return tuple(
        each._replace(values=_mean_along(np.asarray(each.values, np.float64), bins.pixels)) for each in positions
    )


def _means(spectra: np.ndarray, pixels: int, channels: int) -> np.ndarray:
    """Of the spectra [..., L] that are there, over bins of each axis; NaN where none of a bin is."""
    # A spectrum is NaN in all channels or in none.
    there = np.isfinite(spectra[..., :1])
    count = _in_bins(np.add, there.astype(float), pixels, 1) * np.bincount(np.arange(spectra.shape[-1]) // channels)
    sums = _in_bins(np.add, spectra if there.all() else np.where(there, spectra, 0.0), pixels, channels)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def _in_bins(combine: np.ufunc, cube: np.ndarray, pixels: int, channels: int) -> np.ndarray:
    """What becomes of numbers over bins of each axis, combined two by two; the last bin of each may hold fewer."""
    for axis, size in enumerate([*[pixels] * (cube.ndim - 1), channels]):
        lines = np.moveaxis(cube, axis, 0)
        found = lines[::size].copy("K")
        for start in range(1, size):
            further = lines[start::size]
            combine(found[: len(further)], further, out=found[: len(further)])
        cube = np.moveaxis(found, 0, axis)
    return cube


def _mean_along(values: np.ndarray, size: int) -> np.ndarray:
    starts = np.arange(0, len(values), size)
    counts: Any = np.diff(np.append(starts, len(values)))
    return np.add.reduceat(values, starts) / counts
