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


def false_colour_image(shares: npt.ArrayLike, colours: Sequence[str]) -> Array:
    """Add up one colour an endmember, each as bright as its share of the pixel.

    Where the sum exceeds full brightness the whole pixel is dimmed, so that its hue stays. Colours are added
    as sRGB values; a mixture need not look like its parts to every reader.

    Args:
        shares: `[H, W, K]`, from 0 to 1, as `abundance_fractions` gives them; what lies outside is cut.
        colours: K names out of `PALETTE`.

    Returns:
        `[H, W, 3]`, red, green and blue from 0 to 1.

    Raises:
        InputError: the shapes do not fit or values are not finite.
    """
    values = real_array("abundances", shares)
    if values.ndim != 3 or values.shape[-1] != len(colours):
        raise InputError(f"abundances: found shape {values.shape}, expected [H, W, {len(colours)}], one a colour.")
    image = values.clip(0.0, 1.0) @ (np.array([PALETTE[name] for name in colours]) / 255.0)
    return image / np.maximum(image.max(axis=-1, keepdims=True), 1.0)
