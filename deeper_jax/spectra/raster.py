"""Low-resolution images as a raster scan takes them, and smaller spectral axes for small runs. NumPy only."""

from typing import NamedTuple

import numpy as np

from deeper_jax.errors import InputError

SCALES = (2, 3, 4)


def default_raster_offset(scale: int) -> int:
    """The HR index of the first LR pixel along either axis: 1 for every scale.

    The released code takes 1 for 2x and 3x, and 1 or 2 at random for 4x, even in evaluation; here 4x takes 1
    unless training asks for the random choice. Raises InputError for a scale other than 2, 3 or 4.
    """
    return raster_offset_choices(scale)[0]


def raster_offset_choices(scale: int) -> tuple[int, ...]:
    """The raster offsets that the released code draws from: (1,) for 2x and 3x, (1, 2) for 4x."""
    if scale not in SCALES:
        raise InputError(f"scale: found {scale}, expected one of {SCALES}; correct the setting.")
    return (1, 2) if scale == 4 else (1,)


def default_patch(scale: int) -> int:
    """Height and width of the HR patches of training: 64 as in the paper, but 63 for 3x, which must divide it."""
    default_raster_offset(scale)
    return 64 // scale * scale


def downsample(hr_image: np.ndarray, scale: int, raster_offset: int) -> np.ndarray:
    """Keep every `scale`-th pixel of both axes from `raster_offset` on, without averaging: a view.

    Args:
      hr_image: [..., H, W, L] with H and W multiples of `scale`.
      scale: s.
      raster_offset: 0 to s - 1.

    Returns:
      [..., H / s, W / s, L]: pixel (i, j) is HR pixel (i, j) * scale + raster_offset.

    Raises:
      InputError: H or W is no multiple of the scale.
      ValueError: `raster_offset` lies outside.
    """
    if not 0 <= raster_offset < scale:
        raise ValueError(f"raster_offset: found {raster_offset}, expected 0 <= raster_offset < scale = {scale}")
    check_divisible(hr_image.shape[-3:-1], scale)
    return hr_image[..., raster_offset::scale, raster_offset::scale, :]


def check_divisible(size: tuple[int, ...], scale: int) -> None:
    """Raise InputError unless the HR height and width are multiples of the scale."""
    if any(edge < scale or edge % scale for edge in size):
        fitting = tuple(max(edge // scale, 1) * scale for edge in size)
        raise InputError(
            f"high-resolution size: found {' x '.join(map(str, size))}, expected multiples of the scale "
            f"{scale}; crop to {' x '.join(map(str, fitting))}."
        )


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """The largest part of [..., H, W, L] from the first pixel on whose size divides by `scale`: a view."""
    height, width = (edge // scale * scale for edge in image.shape[-3:-1])
    check_divisible((height, width), scale)
    return image[..., :height, :width, :]


def bin_spectra(image: np.ndarray, wavenumbers: np.ndarray | None, length: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Average neighbouring channels, L // L' each; those at the end that fill none of the L' are dropped.

    Args:
      image: [..., L].
      wavenumbers: [L] or None.
      length: L'.

    Returns:
      [..., L'], and [L'] or None.

    Raises:
      InputError: `length` is not 1 to L.
    """
    channels = image.shape[-1]
    if not 1 <= length <= channels:
        raise InputError(f"spectral binning: found length {length}, expected 1 to {channels}; correct the setting.")
    factor = channels // length
    binned = _bin_means(image, length, factor)
    return binned, None if wavenumbers is None else _bin_means(np.asarray(wavenumbers), length, factor)


def _bin_means(values: np.ndarray, kept: int, factor: int) -> np.ndarray:
    if factor == 1:
        return values[..., :kept]
    # Summed slice by slice: a mean over a short last axis of a reshaped array is several times slower.
    total = values[..., 0 : kept * factor : factor].astype(np.result_type(values.dtype, np.float32))
    for offset in range(1, factor):
        total += values[..., offset : kept * factor : factor]
    total /= factor
    return total


class Raster(NamedTuple):
    """Where the pixels of a map lie on a finer grid, whose sides are `step` times as long.

    Attributes:
        step: rows and columns of the finer grid from one pixel of the map to the next, 1 or more.
        offset: row and column of the map's first pixel, from 0 to `step` - 1.
    """

    step: tuple[int, int]
    offset: tuple[int, int]

    @classmethod
    def of(cls, scale: tuple[int, int]) -> "Raster":
        """The raster of a scale in rows and columns, with the offset of the released code, 1 where the scale is 2+."""
        return cls(scale, (min(scale[0] - 1, 1), min(scale[1] - 1, 1)))

    @property
    def places(self) -> tuple[slice, slice]:
        """The map's pixels on the finer grid."""
        rows, columns = (slice(first, None, step) for first, step in zip(self.offset, self.step, strict=True))
        return rows, columns

    def spread(self, values: np.ndarray) -> np.ndarray:
        """[h, w, ...] on the map's grid to [H, W, ...] on the finer one, 0 (or false) between."""
        fine = np.zeros(
            (values.shape[0] * self.step[0], values.shape[1] * self.step[1], *values.shape[2:]), values.dtype
        )
        fine[self.places] = values
        return fine


def finer_coordinates(coordinates: np.ndarray, step: int, offset: int) -> np.ndarray:
    """Coordinates [step * n] of a finer grid, of which every `step`-th from `offset` on is one of `coordinates` [n].

    They are evenly spaced between any two neighbours, and beyond the outermost as between the last two.

    Raises:
        InputError: `step` is above 1 and there are fewer than two coordinates.
    """
    if step == 1:
        return np.asarray(coordinates)
    if len(coordinates) < 2:
        raise InputError("found one position along a side of the map, expected two or more to make it finer.")
    place = (np.arange(step * len(coordinates)) - offset) / step
    left = np.clip(np.floor(place).astype(int), 0, len(coordinates) - 2)
    steps = np.diff(np.asarray(coordinates, np.float64))
    return coordinates[left] + (place - left) * steps[left]
