"""The settings of `deeper_jax.enhance`."""

import dataclasses
import difflib
from typing import Any

import numpy as np

from deeper_jax.errors import InputError

OUTSIDE = ("error", "keep", "drop")


@dataclasses.dataclass(frozen=True)
class EnhanceOptions:
    """How a map is enhanced; the keyword arguments of `deeper_jax.enhance`.

    Attributes:
        super_resolver: a loaded `SuperResolver` or the path of one; None: the grid stays as it is.
        outside: channels that a model with an axis of its own does not cover: 'error' refuses them, 'keep' passes
            them through unchanged (only without a super-resolver), 'drop' leaves them out.
        use_map: let pixels help each other; false: every spectrum by itself.
        noise: standard deviation of the noise in the map's unit, the same everywhere; None: estimated from the map.
        entry: which of several measurements in a file, by name or number.
        progress: show bars, with the time still needed, for parts that take longer than a moment.

    Raises:
        InputError: a value that cannot be used.
    """

    super_resolver: Any = None
    outside: str = "error"
    use_map: bool = True
    noise: float | None = None
    entry: str | int | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        if self.outside not in OUTSIDE:
            raise InputError(f"outside is {self.outside!r}; choose one of {', '.join(OUTSIDE)}.")
        if self.noise is not None and not (np.isfinite(self.noise) and self.noise > 0):
            raise InputError(f"noise is {self.noise}; give its standard deviation, above 0, in the map's unit.")

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
