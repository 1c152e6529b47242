"""The settings of `deeper_jax.enhance`."""

import dataclasses
import difflib
from typing import Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.spectra.values import is_deviation

OUTSIDE = ("error", "keep", "drop")
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
        entry: which of several measurements in a file, by name or number.
        progress: show bars, with the time still needed, for parts that take longer than a moment.

    Raises:
        InputError: a value that cannot be used.
    """

    super_resolver: Any = None
    outside: str = "error"
    use_map: bool = True
    noise: float | None = None
    cosmic_rays: str = "remove"
    resolution: float | None = None
    entry: str | int | None = None
    progress: bool = False

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
