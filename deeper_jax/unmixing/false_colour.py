"""False-colour images of abundances, in colours that colour-blind readers tell apart."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.unmixing.checks import Array, real_array

PALETTE: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "blue": (0, 114, 178),
        "green": (0, 158, 115),
        "yellow": (240, 228, 66),
        "vermilion": (213, 94, 0),
        "sky blue": (86, 180, 233),
        "purple": (204, 121, 167),
        "orange": (230, 159, 0),
        "white": (255, 255, 255),
        "black": (0, 0, 0),
    }
)
"""Colours of Okabe and Ito (2008) as 8-bit sRGB, and white. Black suits a background: it adds no light."""

MOST_ENDMEMBERS = 8


def false_colour_image(
    abundances: npt.ArrayLike, *, maxima: npt.ArrayLike | None = None, colours: Sequence[str] | None = None
) -> Array:
    """Add up one colour an endmember, each as bright as its abundance over its maximum.

    Where the sum exceeds full brightness the whole pixel is dimmed, so that its hue stays. Colours are added
    as sRGB values; a mixture need not look like its parts to every reader.

    Args:
        abundances: `[H, W, K]`, K at most 8; negative values count as 0.
        maxima: `[K]`, the abundance of each endmember at full brightness, larger ones count as this; by default
            its own maximum here. Give the target's to draw several methods on one scale. An endmember whose
            maximum is 0 is not drawn.
        colours: K names out of `PALETTE`; by default its first K, which leave out black.

    Returns:
        `[H, W, 3]`, red, green and blue from 0 to 1.

    Raises:
        InputError: the shapes do not fit, values are not finite, a maximum is negative or a colour unknown.
    """
    values = real_array("abundances", abundances)
    if values.ndim != 3 or values.shape[-1] > MOST_ENDMEMBERS:
        raise InputError(f"abundances: found shape {values.shape}, expected [H, W, K] with K up to {MOST_ENDMEMBERS}.")
    count = values.shape[-1]
    tops = np.maximum(values.max(axis=(0, 1)), 0.0) if maxima is None else real_array("maxima", maxima)
    if tops.shape != (count,) or tops.min() < 0:
        raise InputError(f"maxima: found {tops.tolist()}, expected {count} numbers that are not negative.")
    names = list(PALETTE)[:count] if colours is None else list(colours)
    if len(names) != count or not set(names) <= set(PALETTE):
        raise InputError(f"colours: found {names}, expected {count} out of {', '.join(PALETTE)}.")
    brightness = np.divide(values, tops, out=np.zeros_like(values), where=tops > 0).clip(0.0, 1.0)
    image = brightness @ (np.array([PALETTE[name] for name in names]) / 255.0)
    return image / np.maximum(image.max(axis=-1, keepdims=True), 1.0)
