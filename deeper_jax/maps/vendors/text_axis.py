"""Which numbers of a text table are its spectral axis: a column, a row, the names of columns, or one a line."""

import re
from collections.abc import Sequence

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.names import AXES, is_counted, is_index, rank_of, unit_in
from deeper_jax.maps.request import Request

# Equal neighbours come from rounding where the steps are about as long as the last digit.
_ROUNDED = 1.6


def axis_unit(settings: dict[str, str], name: str) -> str:
    """The unit by the axis' own name, else by what the heading says of the axis, the range or the spectrograph."""
    if unit := unit_in(name):
        return unit
    if "AxisUnit[1]" in settings:
        return settings["AxisUnit[1]"]
    if not name.strip():
        for setting in settings:
            if (found := re.fullmatch(r"(Range|Spectro|X ?-?Axis|Axis)\s*\((.*)\)", setting)) is not None:
                return unit_in(found[2])
        for word in ("XUnits", "X Units", "xunit", "X-Units", "Axis unit"):
            if word in settings:
                return unit_in(settings[word])
    return ""


def is_axis(values: np.ndarray) -> bool:
    """Whether the values rise or fall throughout, but for equal neighbours that rounding made."""
    steps = np.diff(values)
    if values.size < 2 or not np.isfinite(values).all():
        return False
    if (steps > 0).all() or (steps < 0).all():
        return True
    if values[0] == values[-1] or 4 * len(np.unique(values)) <= values.size:
        return False
    return bool((steps >= 0).all() or (steps <= 0).all()) and _is_rounded(values)


def _is_rounded(values: np.ndarray) -> bool:
    """Whether the steps are about as long as the last digit of the values, so that rounding makes neighbours equal."""
    digits = next((d for d in range(7) if np.allclose(values, np.round(values, d), rtol=0, atol=1e-9)), 7)
    return abs(values[-1] - values[0]) / (values.size - 1) < _ROUNDED * 10.0**-digits


def axis_windows(values: np.ndarray) -> list[np.ndarray]:
    """The stretches of an axis that rise, or fall, one after the other; [] if it does neither."""
    if values.size < 6 or not np.isfinite(values).all():
        return []
    steps = np.diff(values)
    rising = np.median(steps) > 0
    cuts = np.flatnonzero((steps <= 0) if rising else (steps >= 0)) + 1
    parts = np.split(values, cuts)
    return parts if 1 < len(parts) <= 8 and min(map(len, parts)) > 2 else []


def refuse_windows(axis: np.ndarray, request: Request) -> None:
    """Raise InputError naming the windows if the axis is made of several, or a wavenumber is given twice."""
    windows = axis_windows(axis)
    if windows:
        listed = ", ".join(f"{part[0]:g} to {part[-1]:g}" for part in windows)
        equal = np.flatnonzero(np.diff(axis) == 0)
        if equal.size == len(windows) - 1:
            raise InputError(
                f"{request.path}: found the wavenumber {axis[equal[0]]:g} cm^-1 twice in neighbouring lines, expected "
                "every channel at a wavenumber of its own; remove one of the lines."
            )
        raise InputError(
            f"{request.path}: found {len(windows)} windows one after the other ({listed}) that overlap or turn back, "
            "expected one axis that rises or falls; join the windows in the instrument's software, or give one a file."
        )


def axis_of_names(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, str]:
    """(axis, places, words) of the longest run of names that are numbers and rise or fall, alone or in the same words.

    'X400.5', '400 cm-1', 'I(543.2 nm)': the words around may tell the unit.
    """
    number = r"-?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?"
    parts = [re.fullmatch(rf"(\D*?)({number})(\D*|\W*(?:cm\W*1|1/cm)\W*)", name.strip()) for name in names]
    best: tuple[np.ndarray, np.ndarray, str] = (np.zeros(0), np.zeros(0, int), "")
    start = 0
    while start < len(parts):
        part = parts[start]
        end = start
        if part is not None:
            around = (part[1].strip(), part[3].strip())
            while end < len(parts) and (p := parts[end]) is not None and (p[1].strip(), p[3].strip()) == around:
                end += 1
            values = np.array([float(p[2].replace(",", ".")) for p in parts[start:end] if p is not None])
            words = " ".join(around).strip()
            if values.size > max(2, best[0].size) and is_axis(values) and not (words and is_index(values)):
                best = values, np.arange(start, end), words
        start = max(end, start + 1)
    return best


def column_of_axis(numbers: np.ndarray, names: Sequence[str], request: Request) -> int | None:
    """The place of the axis: by its name, else the first column that rises or falls and does not only count."""
    if request.wavenumbers is not None and len(request.wavenumbers) == len(numbers) and not any(names):
        return 0
    finite = [numbers[np.isfinite(numbers[:, c]), c] for c in range(len(names))]
    by_rank = sorted((rank, c) for c, name in enumerate(names) if (rank := rank_of(name, AXES)) is not None)
    for _, c in by_rank:
        if is_axis(finite[c]) or axis_windows(finite[c]):
            return c
    free = [c for c in range(len(names)) if not is_counted(names[c])]
    if free and free[0] == 0 and (is_axis(finite[0]) or axis_windows(finite[0])) and not is_index(finite[0]):
        return 0
    if request.wavenumbers is not None and len(finite[0]) == len(request.wavenumbers):
        return 0 if is_index(finite[0]) else None
    # Behind columns that count, the only one that can be an axis is it.
    fitting = [c for c in free if is_axis(finite[c]) and not is_index(finite[c])]
    behind = len(fitting) == 1 and all(counts_rows(numbers[:, c], names[c]) for c in range(fitting[0]))
    return fitting[0] if behind and fitting[0] > 0 else None


def counts_rows(values: np.ndarray, name: str) -> bool:
    """Whether a column is the number of the row by its name, or without one by its values."""
    return is_counted(name) if name.strip() else is_index(values)


def spectra_in_sequence(axis: np.ndarray) -> tuple[np.ndarray, int, int] | None:
    """(lines [N * L], N, L) of spectra one after the other, each with the same axis."""
    repeats = int((axis == axis[0]).sum())
    length, rest = divmod(len(axis), repeats)
    if rest or length < 2 or not (axis.reshape(repeats, length) == axis[:length]).all():
        return None
    return np.arange(len(axis)), repeats, length


def spectra_anywhere(axis: np.ndarray, lead: Sequence[np.ndarray]) -> tuple[np.ndarray, int, int] | None:
    """(lines [N * L], N, L) of spectra whose channels lie anywhere, the places in order of their first line."""
    if not lead:
        return None
    codes = np.stack([np.unique(column, return_inverse=True)[1].ravel() for column in lead], axis=1)
    _, first, place = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))[place.ravel()]
    channels, channel = np.unique(axis, return_inverse=True)
    count, length = len(first), len(channels)
    key = rank * length + channel
    if count * length != len(axis) or len(np.unique(key)) < len(key) or length < 2:
        return None
    return np.argsort(key), count, length
