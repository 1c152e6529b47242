"""What is shown of an enhanced map: the same spectra before and after, of one slice where it is a stack."""

from typing import Any, NamedTuple

import numpy as np

from deeper_jax.spectra.values import LARGEST_VALUE


class Positions(NamedTuple):
    """Name, values [n] and unit of one axis of the pixels; the unit is '' where they are only counted."""

    name: str
    values: np.ndarray
    unit: str

    def at(self, index: int) -> str:
        """The place of one pixel in words."""
        name = self.name.removesuffix("_measured")
        if not self.unit or self.unit == "pixel":
            return f"{name} {index}"
        return f"{name} = {self.values[index]:.4g} {self.unit}"


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


def compare(result: Any) -> Comparison:
    """Bring a map as measured and as `deeper_jax.enhance` answered (Dataset) side by side.

    Axes of one pixel are left out; of more than two axes the first are cut in their middle.
    """
    axis = np.asarray(result["wavenumber"], np.float64)
    finer = "denoised" in result
    after = result["denoised" if finer else "intensity"]
    std = np.asarray(result["uncertainty"], np.float64)
    if finer:
        sampled = slice(result.attrs["raster_offset"], None, result.attrs["scale"])
        std = std[sampled, sampled]
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
    )


def positions_of(array: Any) -> tuple[Positions, ...]:
    """Those of all axes of a map (DataArray) before the spectral one."""
    return tuple(_positions(array, str(dim)) for dim in array.dims[:-1])


def _positions(array: Any, dim: str) -> Positions:
    size = array.sizes[dim]
    counted = Positions(dim, np.arange(size), "")
    if dim not in array.coords or array[dim].dtype.kind not in "fiu":
        return counted
    unit = str(array[dim].attrs.get("units", "")).replace("um", "µm")
    places = Positions(dim, np.asarray(array[dim], np.float64), unit)
    return places if (np.abs(places.values) <= LARGEST_VALUE).all() else counted


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
