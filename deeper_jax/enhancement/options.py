"""The settings of `deeper_jax.enhance`."""

import dataclasses
import difflib
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.enhancement.progress import Progress
from deeper_jax.errors import InputError
from deeper_jax.spectra.values import is_deviation

OUTSIDE = ("error", "keep", "drop")
LARGEST_SCALE = 4
COSMIC_RAYS = ("remove", "mark", "keep")


@dataclasses.dataclass(frozen=True)
class EnhanceOptions:
    """How a map is enhanced; the keyword arguments of `deeper_jax.enhance`.

    Attributes:
        super_resolver: a loaded `SuperResolver` or the path of one; None: the grid stays as it is.
        outside: channels that a model with an axis of its own does not cover: 'error' refuses them, 'keep' passes
            them through unchanged (only without a super-resolver), 'drop' leaves them out.
        use_map: let pixels help each other; false: every spectrum by itself.
        noise: standard deviation of the noise in the map's unit, the same everywhere; None: estimated from the map.
        cosmic_rays: 'remove' those that evidence shows to be some (`find_cosmic_rays`) and mark what is suspected;
            'mark' all and change nothing; 'keep' everything, without looking.
        resolution: full width at half maximum of a narrow line as the instrument shows it, cm⁻¹: what is less than
            half as wide is a cosmic ray. None: as the file tells, else measured on the sharpest bands of a map.
        scale: how many times finer the grid of the answer is in y and x, a whole number from 1 to 4 or two of them; no
            network need be trained for it. Not together with a super-resolver.
        restorer: a loaded map restorer or the path of one; None: the one that comes with the package.
        entry: which of several measurements in a file, by name or number.
        progress: show bars, with the time still needed, for parts that take longer than a moment. Or a function that
            is called with the number of spectra done and that of all, from the thread that enhances.
        output: a file that is written as `deeper_jax.maps.write_map` does. To .h5, .hdf5 and .nc spectra are written as
            they are done, and an answer of more than half a gigabyte is what lies there, open for reading: large
            variables are read where they are asked for. With a map that is read in pieces too, memory is bounded
            whatever its size, unless the map is made finer. None: the answer stays in memory.
        overwrite: replace that file if it exists.
        made_from: what the answer was made of, for its record.

    Raises:
        InputError: a value that cannot be used.
    """

    super_resolver: Any = None
    outside: str = "error"
    use_map: bool = True
    noise: float | None = None
    cosmic_rays: str = "remove"
    resolution: float | None = None
    scale: int | tuple[int, int] = 1
    restorer: Any = None
    entry: str | int | None = None
    progress: Progress = False
    output: str | Path | None = None
    overwrite: bool = False
    made_from: str = ""

    def __post_init__(self) -> None:
        for name, words in {"outside": OUTSIDE, "cosmic_rays": COSMIC_RAYS}.items():
            if getattr(self, name) not in words:
                raise InputError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(words)}.")
        kinds = {
            "noise": "its standard deviation, above 0, in the map's unit",
            "resolution": "a full width at half maximum, above 0, in cm⁻¹",
        }
        for name, kind in kinds.items():
            value = getattr(self, name)
            if value is not None and (np.ndim(value) or not is_deviation(value)):
                raise InputError(f"{name} is {value}; give {kind}.")

        if self.scales != (1, 1) and self.super_resolver is not None:
            raise InputError("scale and super_resolver are both given; choose one of the two ways to make a map finer.")
        if self.scales != (1, 1) and not self.use_map:
            raise InputError("scale needs what pixels have in common: leave use_map true, or leave out the scale.")

    @property
    def scales(self) -> tuple[int, int]:
        """`scale` in y and in x.

        Raises:
            InputError: it is none.
        """
        given = self.scale if isinstance(self.scale, tuple | list) else (self.scale, self.scale)
        numbers = all(isinstance(each, int | np.integer) and not isinstance(each, bool) for each in given)
        if not numbers or len(given) != 2 or not all(1 <= each <= LARGEST_SCALE for each in given):
            raise InputError(f"scale is {self.scale!r}; give a whole number from 1 to {LARGEST_SCALE}, or two: (y, x).")
        return int(given[0]), int(given[1])

    @property
    def makes_finer(self) -> bool:
        """Whether the answer has more pixels than the map."""
        return self.super_resolver is not None or self.scales != (1, 1)

    @classmethod
    def of(cls, **settings: Any) -> "EnhanceOptions":
        """The options of keyword arguments; InputError for one that is not known, with the nearest that is."""
        names = [field.name for field in dataclasses.fields(cls)]
        for name in settings:
            if name not in names:
                near = difflib.get_close_matches(name, names, 1, 0.5)
                hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(names)}."
                raise InputError(f"enhance() has no option {name!r}; {hint}")
        return cls(**settings)
