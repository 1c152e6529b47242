"""Classical upsampling methods that the super-resolution network is compared with.

Every method takes a low-resolution image `[h, w, L]` and returns `[s h, s w, L]` float64 in the same unit. The
low-resolution image keeps every s-th pixel, so its pixel (i, j) sits on the high-resolution pixel
(raster_offset + i s, raster_offset + j s). Registered methods interpolate at these true positions and, all but the
smoothing ones, return the given pixels unchanged there. Beyond the outermost given pixels, at most s - 1 pixels from
them, they repeat the edge value: on a real map, extrapolating the slope raised the error there by 10 to 40 %.

Methods called `*_released` repeat what DeepeR's released code compares with: a zoom that puts the corner
pixels of the two images on each other, and so moves everything, by up to s - 1 pixels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.interpolate
import scipy.ndimage

from deeper_jax.errors import InputError
from deeper_jax.evaluation.reference_methods import whittaker
from deeper_jax.spectra.principal_components import principal_components

Array = npt.NDArray[np.float64]

KEYS_A = -0.5
"""Slope of the cubic convolution kernel at distance 1; -0.5 is third-order accurate (Keys 1981)."""


def upsample(lr_image: npt.ArrayLike, kernel: str, scale: int, raster_offset: int) -> Array:
    """Interpolate every channel of `[h, w, L]` by itself, giving `[s h, s w, L]`.

    Args:
        lr_image: low-resolution image, any unit.
        kernel: a key of `KERNELS`.
        scale: s, an integer of at least 1.
        raster_offset: row and column of the high-resolution pixel that pixel (0, 0) sits on, below `scale`.

    Raises:
        ValueError: an unknown kernel, a raster_offset outside the range, or an array that is not `[h, w, L]`.
    """
    if kernel not in KERNELS:
        raise ValueError(f"unknown kernel {kernel!r}: choose one of {', '.join(KERNELS)}")
    if scale < 1 or not 0 <= raster_offset < scale:
        raise ValueError(
            f"need scale >= 1 and 0 <= raster_offset < scale, got scale {scale}, raster_offset {raster_offset}"
        )
    values = np.asarray(lr_image, np.float64)
    if values.ndim != 3 or values.size == 0:
        raise ValueError(f"an image must be [h, w, L] and not empty, got shape {values.shape}")
    rows, columns = (KERNELS[kernel](length, scale, raster_offset) for length in values.shape[:2])
    widened = np.matmul(columns, values)  # [s w, w] with each row's [w, L]
    return np.tensordot(rows, widened, axes=(1, 0))


def pca_upsample(
    lr_image: npt.ArrayLike,
    scale: int,
    raster_offset: int,
    *,
    components: int,
    smoothing: float = 0.0,
    kernel: str = "bicubic",
) -> Array:
    """Denoise the map by principal components of all its spectra, then `upsample` their strengths.

    Args:
        lr_image: `[h, w, L]`, the spectra of ONE map.
        scale, raster_offset: as for `upsample`.
        components: how many principal components are kept besides the mean spectrum.
        smoothing: lambda of a Whittaker smoother over the strengths' rows and columns; 0 leaves them.
        kernel: a key of `KERNELS`.
    """
    values = np.asarray(lr_image, np.float64)
    spectra = values.reshape(-1, values.shape[-1])
    mean, basis = principal_components(spectra, components)
    strengths = ((spectra - mean) @ basis.T).reshape(*values.shape[:2], -1)
    return mean + upsample(smooth_map(strengths, smoothing), kernel, scale, raster_offset) @ basis


def smooth_map(image: Array, smoothing: float) -> Array:
    """Whittaker-smooth `[h, w, K]` along its rows and its columns; sides below 3 pixels stay as they are."""
    for axis in (0, 1) if smoothing > 0 else ():
        if image.shape[axis] >= 3:
            lines = np.moveaxis(image, axis, -1)
            smooth = whittaker(lines.reshape(-1, lines.shape[-1]), smoothing).reshape(lines.shape)
            image = np.moveaxis(smooth, -1, axis)
    return image


def _positions(length: int, scale: int, raster_offset: int) -> Array:
    """Where the high-resolution pixels lie, in low-resolution pixels, held within the given ones."""
    return np.clip((np.arange(scale * length) - raster_offset) / scale, 0, length - 1)


def _nearest(length: int, scale: int, raster_offset: int) -> Array:
    """Take the nearest given pixel; of two equally near ones the later."""
    index = np.floor(_positions(length, scale, raster_offset) + 0.5).astype(int)
    return np.eye(length)[np.minimum(index, length - 1)]


def _from_kernel(kernel: Callable[[Array], Array], radius: int) -> Callable[[int, int, int], Array]:
    """Make weights `[s n, n]` from a kernel of some radius, the edge pixels repeated outwards."""

    def weights(length: int, scale: int, raster_offset: int) -> Array:
        positions = _positions(length, scale, raster_offset)
        taps = np.floor(positions).astype(int)[:, None] + np.arange(1 - radius, radius + 1)
        values = kernel(positions[:, None] - taps)
        matrix = np.zeros((len(positions), length))
        rows = np.broadcast_to(np.arange(len(positions))[:, None], taps.shape)
        np.add.at(matrix, (rows, np.clip(taps, 0, length - 1)), values)
        return matrix / matrix.sum(axis=1, keepdims=True)

    return weights


def _linear_kernel(distance: Array) -> Array:
    return np.maximum(0, 1 - np.abs(distance))


def _keys_kernel(distance: Array) -> Array:
    x, a = np.abs(distance), KEYS_A
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def _lanczos3_kernel(distance: Array) -> Array:
    return np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)


def _cubic_spline(length: int, scale: int, raster_offset: int) -> Array:
    """Cubic spline through the given pixels, not-a-knot ends; of lower degree where they are fewer than 4."""
    positions = _positions(length, scale, raster_offset)
    if length == 1:
        return np.ones((len(positions), 1))
    spline = scipy.interpolate.make_interp_spline(np.arange(length), np.eye(length), k=_degree(length))
    return np.asarray(spline(positions))


def _degree(length: int) -> int:
    return {2: 1, 3: 2}.get(length, 3)


def _zoom(order: int) -> Callable[[int, int, int], Array]:
    """Weights of `scipy.ndimage.zoom`, which never looks at the raster offset."""

    def weights(length: int, scale: int, raster_offset: int) -> Array:
        columns = [scipy.ndimage.zoom(unit, scale, order=order) for unit in np.eye(length)]
        return np.stack(columns, axis=1)

    return weights


KERNELS: Mapping[str, Callable[[int, int, int], Array]] = MappingProxyType(
    {
        "nearest": _nearest,
        "linear": _from_kernel(_linear_kernel, 1),
        "bicubic": _from_kernel(_keys_kernel, 2),
        "cubic_spline": _cubic_spline,
        "lanczos3": _from_kernel(_lanczos3_kernel, 3),
        "nearest_released": _zoom(0),
        "bicubic_released": _zoom(3),
    }
)
"""By name, what gives the weights `[s n, n]` of one image axis for (n, scale, raster_offset)."""

RELEASED_KERNELS = frozenset({"nearest_released", "bicubic_released"})
"""Kernels that align the images' corners instead of their pixels; for comparison with published figures only."""


@dataclass(frozen=True)
class ReferenceUpsampler:
    """An upsampling method with its parameters, called like a function: `[h, w, L]` to `[s h, s w, L]`.

    Attributes:
        family: a key of `KERNELS`, or "pca".
        scale, raster_offset: the raster that it undoes.
        parameters: for "pca", the keyword arguments of `pca_upsample`.
        name: short label for tables and figures.
        uses_whole_map: it finds components in all the spectra of the image given.
        registered: its pixels sit where they should.
        validation_score: mean error on the validation images where `tune_upsampler` chose the parameters.
    """

    family: str
    scale: int
    raster_offset: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    uses_whole_map: bool = False
    registered: bool = True
    validation_score: float | None = None

    def __call__(self, lr_image: npt.ArrayLike) -> Array:
        """Upsample one image `[h, w, L]`."""
        if self.family == "pca":
            return pca_upsample(lr_image, self.scale, self.raster_offset, **self.parameters)
        return upsample(lr_image, self.family, self.scale, self.raster_offset)


def reference_upsampler(family: str, scale: int, raster_offset: int, **parameters: Any) -> ReferenceUpsampler:
    """Bind a family to a raster and its parameters.

    Raises:
        ValueError: `family` is neither a key of `KERNELS` nor "pca", or parameters that it does not take.
        InputError: `scale` or `raster_offset` is out of range.
    """
    if scale < 1 or not 0 <= raster_offset < scale:
        raise InputError(
            f"Super-resolution with scale {scale}, raster_offset {raster_offset}: need 0 <= raster_offset < scale."
        )
    if family == "pca":
        count, smoothing = parameters["components"], parameters.get("smoothing", 0)
        smooth = f",{smoothing:g}" if smoothing else ""
        name = f"PCA({count}{smooth})+{parameters.get('kernel', 'bicubic')}"
        return ReferenceUpsampler(family, scale, raster_offset, parameters, name, uses_whole_map=True)
    if family not in KERNELS or parameters:
        raise ValueError(f"unknown family {family!r} with parameters {parameters}: {', '.join(KERNELS)}, pca")
    return ReferenceUpsampler(family, scale, raster_offset, {}, family, registered=family not in RELEASED_KERNELS)


def reference_upsamplers(scale: int, raster_offset: int, *, released: bool = True) -> dict[str, ReferenceUpsampler]:
    """Return the methods that have nothing to tune, by name, with or without the released code's two."""
    names = [name for name in KERNELS if released or name not in RELEASED_KERNELS]
    return {name: reference_upsampler(name, scale, raster_offset) for name in names}
