"""What the caller of `read_map` asks for beside the file: one of its measurements, an axis, the laser."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.names import is_index
from deeper_jax.spectra.axis import AXIS_FILE, raman_shift, read_axis

_LARGEST_SHIFT = 6000


@dataclass
class Request:
    """The file that is read and what the caller said of it; what was decided is gathered here.

    path: the file. entry: the name of one of its measurements, or its place counted from 0. wavenumbers: the axis
    [L] in cm^-1 that takes the place of the file's. laser: wavelength in nm that takes the place of the file's.
    notes: sentences on what was decided. chosen: whether one of several measurements was.
    """

    path: Path
    entry: str | int | None = None
    wavenumbers: np.ndarray | None = None
    laser: float | None = None
    notes: list[str] = field(default_factory=list)
    chosen: bool = False

    def note(self, text: str) -> None:
        """Say what was decided about the file: a warning, and an attribute of the map."""
        if text not in self.notes:
            self.notes.append(text)
            warnings.warn(f"{self.path}: {text}.", stacklevel=3)

    def shift(self, values: np.ndarray, unit: str, laser_nm: float | None = None) -> np.ndarray:
        """The axis in cm^-1: the caller's own, or the file's values in the file's unit by the caller's laser or its.

        Raises InputError as `raman_shift` does.
        """
        if self.wavenumbers is not None:
            return self.wavenumbers
        if unit == "" and is_index(np.ravel(values)):
            first, last = np.ravel(values)[[0, -1]]
            raise InputError(
                f"{self.path}: found an axis that only counts the channels ({first:g} to {last:g}), expected "
                "wavenumbers in cm^-1; give the axis with --wavenumbers FILE (in Python, wavenumbers=)."
            )
        laser = self.laser or laser_nm
        if unit == "" and np.min(values) > _LARGEST_SHIFT and laser:
            self.note("the axis lies beyond any Raman shift and was taken for absolute wavenumbers")
            unit = "abs 1/cm"
        return raman_shift(values, unit, laser, self.path)

    def given_axis(self) -> np.ndarray | None:
        """The caller's axis, else the one that lies beside the file."""
        return read_axis(self.path.parent / AXIS_FILE) if self.wavenumbers is None else self.wavenumbers

    def choose(self, names: Sequence[str], sizes: Sequence[int]) -> int:
        """The place of the wanted measurement among `names`: the one named, the only one, or the largest.

        Raises InputError listing the names if that leaves no choice, or more than one.
        """
        self.chosen = True
        listed = ", ".join(f"{place}: {name!r}" for place, name in enumerate(names))
        if self.entry is None:
            largest = [place for place, size in enumerate(sizes) if size == max(sizes)]
            if len(largest) == 1:
                return largest[0]
            raise InputError(
                f"{self.path}: found {len(names)} measurements ({listed}), expected one; say which entry, by name or "
                "number: --entry NAME (in Python, entry=)."
            )
        fitting = [
            place
            for place, name in enumerate(names)
            if (self.entry == place if isinstance(self.entry, int) else self.entry == name)
        ]
        if len(fitting) != 1:
            problem = "no measurement" if not fitting else f"{len(fitting)} measurements"
            raise InputError(
                f"{self.path}: found {problem} {self.entry!r}, expected one of {listed}; ask for one of these names "
                "or numbers."
            )
        return fitting[0]

    def check_only(self, title: str) -> None:
        """Raises InputError if the caller asks for another measurement than the only one, called `title`."""
        if self.entry not in (None, 0, title):
            raise InputError(
                f"{self.path}: found no measurement {self.entry!r}, expected '{title}', the only one; leave entry out."
            )
