"""What is shown of an enhanced map: the same spectra before and after, slice by slice where it is a stack."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from deeper_jax.enhancement.report.cubes import Cube, CubeStack, UnloadedCube, rows_of
from deeper_jax.enhancement.unloaded_spectra import is_loaded
from deeper_jax.spectra.values import LARGEST_VALUE

# Numbers of a map that is large.
_LARGE = 1 << 22
# Bytes of a result that is read at once.
_AT_ONCE = 1 << 29


class Positions(NamedTuple):
    """One axis of the pixels.

    Attributes:
        name: of the dimension.
        values: [n], in the unit, or 0 to n - 1 where the pixels are only counted.
        unit: '' or 'pixel' where they are.
        origin: what places are shown from: 0, or the first where the stage stands far from its own zero.
    """

    name: str
    values: np.ndarray
    unit: str
    origin: float = 0.0

    @property
    def word(self) -> str:
        """The name as it is shown."""
        return self.name.removesuffix("_measured")

    @property
    def counted(self) -> bool:
        """Whether pixels are only counted, from 0."""
        return not self.unit or self.unit == "pixel"

    @property
    def label(self) -> str:
        """Name and unit for an axis of a picture."""
        return f"{self.word} (counted from 0)" if self.counted else f"{self.word} ({self.unit})"

    @property
    def even(self) -> bool:
        """Whether the pixels lie at even distances."""
        steps = np.diff(self.values)
        return bool(len(steps) < 2 or np.ptp(steps) <= 0.1 * abs(steps.mean()))

    def edges(self) -> tuple[float, float]:
        """Where the first pixel begins and the last ends, from the origin; they are taken to be evenly apart."""
        first, last = self.values[0] - self.origin, self.values[-1] - self.origin
        half = 0.5 * (last - first) / max(len(self.values) - 1, 1) or 0.5
        return float(first - half), float(last + half)

    def at(self, index: int) -> str:
        """The place of one pixel in words, from the origin."""
        place = self.place(index)
        return f"{self.word} {place}" if self.counted else f"{self.word} = {place} {self.unit}"

    def place(self, index: int) -> str:
        """The same without name and unit."""
        return number(self.values[index] - self.origin, self.step)

    @property
    def step(self) -> float:
        """Mean distance of two pixels."""
        return float(np.ptp(self.values)) / max(len(self.values) - 1, 1)


def number(value: float, step: float) -> str:
    """A number in plain figures, as fine as a tenth of `step` (0: four digits)."""
    if not step:
        return f"{value:.4g}".replace("-", "−")
    decimals = int(np.clip(1 - np.floor(np.log10(step)), 0, 9))
    text = f"{round(value, decimals) + 0.0:,.{decimals}f}"  # adding 0 takes the sign from a zero
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def place_sentences(positions: tuple[Positions, ...]) -> list[str]:
    """What places are measured from where that is not the stage's zero, and whether they lie at uneven distances."""
    sentences = []
    if far := [each for each in positions if each.origin]:
        where = ", ".join(f"{each.word} = {number(each.origin, each.step)} {each.unit}" for each in far)
        sentences.append(f"Places are distances from the first pixel, which the stage has at {where}.")
    if len(positions) == 2 and (uneven := [each.word for each in positions if not each.even]):
        sentences.append(f"The scan's distances along {' and '.join(uneven)} are uneven; maps show them as even.")
    return sentences


class Comparison(NamedTuple):
    """Spectra on the measured grid, [..., L] each, with no, one or two axes before the last.

    Attributes:
        axis: [L], cm⁻¹.
        before: measured, NaN where no spectrum was; it and the five that follow may lie in a file.
        after: denoised.
        std: standard deviation of its error.
        flagged: bool.
        cosmic_ray: bool, removed or suspected.
        removed: bool, those of them that were removed.
        positions: of the axes before the last.
        unit: of the intensities.
        slice: where in a stack this is, in words; '' if it is none.
        note: the same with its number, or ''.
        scores: [..., K] of the map's components, NaN where no spectrum was; K may be 0.
        components: [K, L], their spectra.
        finer: the super-resolved map [H, W, L], or None.
        finer_std: standard deviation of its error, or None.
        finer_positions: of its axes.
    """

    axis: np.ndarray
    before: Cube
    after: Cube
    std: Cube
    flagged: Cube
    cosmic_ray: Cube
    removed: Cube
    positions: tuple[Positions, ...]
    unit: str
    slice: str
    note: str
    scores: np.ndarray
    components: np.ndarray
    finer: np.ndarray | None
    finer_std: np.ndarray | None = None
    finer_positions: tuple[Positions, ...] = ()


class Explored(NamedTuple):
    """Spectra as measured, and as they came out on that grid or a finer one, [S, ..., L] each, of S slices.

    Attributes:
        axis: [L], cm⁻¹.
        measured: NaN where no spectrum was.
        restored: denoised, and super-resolved where that was asked.
        std: standard deviation of its error.
        flagged, cosmic_ray, removed: bool, on the measured grid, as in `Comparison`.
        scores: [S, ..., K] on the measured grid.
        components: [K, L].
        measured_positions: of the measured grid's axes.
        positions: of the restored grid's axes.
        unit: of the intensities.
        slices: where each of them lies, in words; ('',) of what is no stack.
    """

    axis: np.ndarray
    measured: Any
    restored: Any
    std: Any
    flagged: Any
    cosmic_ray: Any
    removed: Any
    scores: np.ndarray
    components: np.ndarray
    measured_positions: tuple[Positions, ...]
    positions: tuple[Positions, ...]
    unit: str
    slices: tuple[str, ...]


SPECTRA = ("before", "after", "std", "flagged", "cosmic_ray", "removed")
"""Names of what a comparison has of every spectrum, [..., L] each."""


def thinned(shown: Comparison, most: int) -> Comparison:
    """A series with `most` spectra at most, evenly from all; the places stay those of all."""
    rows = np.arange(len(shown.after))
    if len(rows) > most:
        rows = np.linspace(0, len(rows) - 1, most).astype(int)
    some: dict[str, Any] = {name: rows_of(getattr(shown, name), rows) for name in SPECTRA}
    return shown._replace(**some)


def explored(shown: Sequence[Comparison]) -> Explored:
    """The measured spectra and what came out last, of all slices."""
    first = shown[0]
    restored, std, positions = "after", "std", first.positions
    if first.finer is not None and first.finer_std is not None:
        restored, std, positions = "finer", "finer_std", first.finer_positions

    def stacked(name: str) -> Any:
        arrays = [getattr(each, name) for each in shown]
        if isinstance(arrays[0], UnloadedCube):
            return CubeStack(arrays)
        return np.stack(arrays) if len(arrays) > 1 else arrays[0][None]

    return Explored(
        axis=first.axis,
        measured=stacked("before"),
        restored=stacked(restored),
        std=stacked(std),
        flagged=stacked("flagged"),
        cosmic_ray=stacked("cosmic_ray"),
        removed=stacked("removed"),
        scores=stacked("scores"),
        components=first.components,
        measured_positions=first.positions,
        positions=positions,
        unit=first.unit,
        slices=tuple(each.slice for each in shown),
    )


def compare(result: Any) -> list[Comparison]:
    """Bring a map as measured and as `deeper_jax.enhance` answered (Dataset) side by side, slice by slice.

    Axes of one pixel are left out. Where more than two are left the map is a stack, and the last two are those of its
    slices.
    """
    axis = np.asarray(result["wavenumber"], np.float64)
    finer = "denoised" in result
    after = result["denoised" if finer else "intensity"]
    std = finer_std = _numbers(result["uncertainty"])
    if finer:
        fine = result["intensity"]
        std = std[np.ix_(*(nearest(after[str(dim)], fine[name]) for dim, name in zip(after.dims, "yx", strict=False)))]
    scores, components = np.zeros((*after.shape[:-1], 0)), np.zeros((0, len(axis)))
    if "component_scores" in result:
        scores, components = (result[name].values for name in ("component_scores", "component_spectra"))
    arrays = {"before": _numbers(result["measured"]), "after": _numbers(after)}
    arrays |= {"std": std, "flagged": _values(result["flagged"]), "cosmic_ray": _values(result["cosmic_ray"])}
    arrays |= {"removed": _values(result["cosmic_ray_removed"]), "scores": scores}
    positions = positions_of(after)
    long = [each for each in positions if len(each.values) > 1]
    shape = tuple(len(each.values) for each in long[-2:])
    slices = _slices(long[:-2])
    cubes = {name: _by_slice(each, positions, shape, len(slices)) for name, each in arrays.items()}
    return [
        Comparison(
            axis=axis,
            positions=tuple(long[-2:]),
            unit=unit_of(result["intensity"]),
            slice=words,
            note=note,
            components=components,
            finer=_numbers(result["intensity"]) if finer else None,
            finer_std=finer_std if finer else None,
            finer_positions=_finer(result["intensity"], positions, after) if finer else (),
            **{name: each[number] for name, each in cubes.items()},
        )
        for number, (words, note) in enumerate(slices)
    ]


def at_hand(result: Any) -> Any:
    """A result (Dataset) in memory, unless it is large; a finer one in any case."""
    return result.compute() if "denoised" in result or result.nbytes <= _AT_ONCE else result


def _by_slice(array: Any, positions: Sequence[Positions], shape: tuple[int, ...], slices: int) -> Any:
    """The slices of a stack, without axes of one pixel."""
    if isinstance(array, np.ndarray):
        return array.reshape(slices, *shape, array.shape[-1])
    array = array.isel({each.name: 0 for each in positions if len(each.values) == 1})
    across = array.shape[: array.ndim - 1 - len(shape)]
    return [UnloadedCube(array[index]) for index in np.ndindex(across)]


def _values(array: Any) -> Any:
    return array.values if is_loaded(array) else array


def _numbers(array: Any) -> Any:
    """The values in float64; those of a large map as they are, so that it is not copied, or still in their file."""
    if not is_loaded(array):
        return array
    return array.values if array.size > _LARGE and array.dtype.kind == "f" else array.values.astype(np.float64)


def middle(shown: Sequence[Comparison]) -> Comparison:
    """The slice in the middle."""
    return shown[len(shown) // 2]


def nearest(places: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Index into `grid` [m] of the value nearest to each of `places` [n]."""
    return np.abs(np.asarray(grid, np.float64) - np.asarray(places, np.float64)[:, None]).argmin(1)


def positions_of(array: Any) -> tuple[Positions, ...]:
    """Those of all axes of a map (DataArray) before the spectral one."""
    return tuple(_positions(array, str(dim)) for dim in array.dims[:-1])


def unit_of(array: Any) -> str:
    """That of a map's (DataArray's) intensities."""
    return str(array.attrs.get("units", "a.u."))


def _positions(array: Any, dim: str) -> Positions:
    size = array.sizes[dim]
    counted = Positions(dim, np.arange(size, dtype=np.float64), "")
    if dim not in array.coords or array[dim].dtype.kind not in "fiu":
        return counted
    values = np.asarray(array[dim], np.float64)
    unit = str(array[dim].attrs.get("units", "")).replace("um", "µm")
    if not (np.abs(values) <= LARGEST_VALUE).all() or unit in ("", "pixel"):
        return counted._replace(unit="pixel" if unit == "pixel" else "")
    span, far = float(np.ptp(values)), float(np.abs(values).max())
    return Positions(dim, values, unit, float(values[0]) if 0 < 10 * span < far and far >= 1000 else 0.0)


def _finer(array: Any, measured: tuple[Positions, ...], before: Any) -> tuple[Positions, ...]:
    """Those of the finer map `array`, from the origins and in the units of the grid that was measured."""
    places = [(str(dim), np.asarray(array[dim], np.float64)) for dim in array.dims[: len(measured)]]
    coarse = [np.asarray(before[name], np.float64) for name in before.dims[: len(measured)]]
    return finer_positions(places, measured, coarse)


def finer_positions(
    finer: Sequence[tuple[str, np.ndarray]], measured: Sequence[Positions], places: Sequence[np.ndarray]
) -> tuple[Positions, ...]:
    """Those of a finer grid, of which names and places are given, beside what was measured at other `places`."""
    found = []
    for (name, values), coarse, known in zip(finer, measured, places, strict=True):
        if coarse.counted:
            values = (values - known[0]) / (known[1] - known[0])
        found.append(coarse._replace(name=name, values=values))
    return tuple(found)


def _slices(across: Sequence[Positions]) -> list[tuple[str, str]]:
    """Where each slice of a stack lies, in words, and the same with its number; one empty pair if there is no stack."""
    if not across:
        return [("", "")]
    sizes = tuple(len(each.values) for each in across)
    words = [", ".join(each.at(i) for each, i in zip(across, index, strict=True)) for index in np.ndindex(sizes)]
    return [(each, f"slice {number} of {len(words)} ({each})") for number, each in enumerate(words, 1)]
