"""`deeper_jax.restore`: `enhance` for those who work with arrays."""

from typing import Any, NamedTuple

import numpy as np

from deeper_jax.enhancement.pipeline import enhance


class Restored(NamedTuple):
    """A restored map.

    Attributes:
        spectra: [H, W, L] in the map's unit, NaN where nothing is known.
        uncertainty: [H, W, L], one standard deviation of their error.
        flagged: [h, w, L] bool on the grid that was measured: where not to trust them.
    """

    spectra: np.ndarray
    uncertainty: np.ndarray
    flagged: np.ndarray


def restore(
    spectra: Any, wavenumbers: Any, *, scale: int | tuple[int, int] = 1, model: Any = None, **options: Any
) -> Restored:
    """Denoise an array of spectra and, if asked, make a map finer.

    Args:
        spectra: a map [h, w, L], a list [N, L] or one spectrum [L], any unit; NaN throughout where none was measured.
        wavenumbers: [L] in cm⁻¹, rising or falling.
        scale: how many times finer the answer is in rows and columns, 1 to 4. Pixel (i, j) of the map is pixel
            (i, j) * scale + 1 of the answer, or + 0 where the scale is 1.
        model: as for `enhance`.
        **options: others of `enhance`, but for `outside`.

    Returns:
        The spectra and what is known of them, channels in the order of `wavenumbers`.

    Raises:
        InputError: as `enhance`.
    """
    from deeper_jax.maps import raman_map

    result = enhance(raman_map(spectra, wavenumbers), model, scale=scale, **options)
    # `raman_map` orders the channels.
    back = np.argsort(np.argsort(np.asarray(wavenumbers)))
    return Restored(*(result[name].values[..., back] for name in ("intensity", "uncertainty", "flagged")))
