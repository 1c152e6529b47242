"""What is shown of an enhanced map: the same spectra before and after, of one slice where it is a stack."""

from typing import Any, NamedTuple

import numpy as np

from deeper_jax.spectra.values import LARGEST_VALUE


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
        before: measured, NaN where no spectrum was.
        after: denoised.
        std: standard deviation of its error.
        flagged: bool.
        cosmic_ray: bool, removed or suspected.
        removed: bool, those of them that were removed.
        positions: of the axes before the last.
        unit: of the intensities.
        note: which slice of a stack this is, or ''.
        finer: the super-resolved map [H, W, L], or None.
        finer_std: standard deviation of its error, or None.
        finer_positions: of its axes.
    """

    axis: np.ndarray
    before: np.ndarray
    after: np.ndarray
    std: np.ndarray
    flagged: np.ndarray
    cosmic_ray: np.ndarray
    removed: np.ndarray
    positions: tuple[Positions, ...]
    unit: str
    note: str
    finer: np.ndarray | None
    finer_std: np.ndarray | None = None
    finer_positions: tuple[Positions, ...] = ()


class Explored(NamedTuple):
    """Spectra as measured, and as they came out on that grid or a finer one, [..., L] each.

    Attributes:
        axis: [L], cm⁻¹.
        measured: NaN where no spectrum was.
        restored: denoised, and super-resolved where that was asked.
        std: standard deviation of its error.
        flagged, cosmic_ray, removed: bool, on the measured grid, as in `Comparison`.
        measured_positions: of the measured grid's axes.
        positions: of the restored grid's axes.
        unit: of the intensities.
    """

    axis: np.ndarray
    measured: np.ndarray
    restored: np.ndarray
    std: np.ndarray
    flagged: np.ndarray
    cosmic_ray: np.ndarray
    removed: np.ndarray
    measured_positions: tuple[Positions, ...]
    positions: tuple[Positions, ...]
    unit: str


def explored(shown: Comparison) -> Explored:
    """The measured spectra and what came out last."""
    if shown.finer is None or shown.finer_std is None:
        restored, std, positions = shown.after, shown.std, shown.positions
    else:
        restored, std, positions = shown.finer, shown.finer_std, shown.finer_positions
    return Explored(
        *(shown.axis, shown.before, restored, std, shown.flagged, shown.cosmic_ray, shown.removed),
        measured_positions=shown.positions,
        positions=positions,
        unit=shown.unit,
    )


def compare(result: Any) -> Comparison:
    """Bring a map as measured and as `deeper_jax.enhance` answered (Dataset) side by side.

    Axes of one pixel are left out; of more than two axes the first are cut in their middle.
    """
    axis = np.asarray(result["wavenumber"], np.float64)
    finer = "denoised" in result
    after = result["denoised" if finer else "intensity"]
    std = finer_std = np.asarray(result["uncertainty"], np.float64)
    if finer:
        fine = result["intensity"]
        std = std[np.ix_(*(nearest(after[str(dim)], fine[name]) for dim, name in zip(after.dims, "yx", strict=False)))]
    arrays = [result["measured"].values.astype(np.float64), after.values.astype(np.float64), std]
    arrays += [result[name].values for name in ("flagged", "cosmic_ray", "cosmic_ray_removed")]
    positions = positions_of(after)
    index, notes = _shown(positions)
    before, shown, spread, flagged, struck, removed = (array[index] for array in arrays)
    left = tuple(each for each, which in zip(positions, index, strict=True) if isinstance(which, slice))
    return Comparison(
        *(axis, before, shown, spread, flagged, struck, removed, left),
        unit=str(result["intensity"].attrs.get("units", "a.u.")),
        note=", ".join(notes),
        finer=np.asarray(result["intensity"], np.float64) if finer else None,
        finer_std=finer_std if finer else None,
        finer_positions=_finer(result["intensity"], positions, after) if finer else (),
    )


def nearest(places: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Index into `grid` [m] of the value nearest to each of `places` [n]."""
    return np.abs(np.asarray(grid, np.float64) - np.asarray(places, np.float64)[:, None]).argmin(1)


def positions_of(array: Any) -> tuple[Positions, ...]:
    """Those of all axes of a map (DataArray) before the spectral one."""
    return tuple(_positions(array, str(dim)) for dim in array.dims[:-1])


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
    found = []
    for dim, name, coarse in zip(array.dims, before.dims, measured, strict=False):
        values = np.asarray(array[dim], np.float64)
        if coarse.counted:
            places = np.asarray(before[name], np.float64)
            values = (values - places[0]) / (places[1] - places[0])
        found.append(coarse._replace(name=str(dim), values=values))
    return tuple(found)


def _shown(positions: tuple[Positions, ...]) -> tuple[tuple[Any, ...], list[str]]:
    """An index for each axis, and words for those that are cut."""
    index: list[Any] = [slice(None) if len(each.values) > 1 else 0 for each in positions]
    long = [place for place, which in enumerate(index) if isinstance(which, slice)]
    notes = []
    for place in long[:-2]:
        size = len(positions[place].values)
        index[place] = size // 2
        notes.append(f"slice {size // 2 + 1} of {size} ({positions[place].at(size // 2)})")
    return tuple(index), notes
