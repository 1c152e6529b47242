"""The loaded super-resolution network: a map in, a finer map out."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from flax import nnx
from tqdm import tqdm

from deeper_jax.errors import InputError
from deeper_jax.inference.loaded_model import LoadedModel
from deeper_jax.inference.programs import padded_size
from deeper_jax.inference.tiling import apply_tiled
from deeper_jax.spectra.values import checked_values

# Low-resolution pixels: a 2x training patch and a quarter of it. benchmarks/tiling.py measures other choices.
DEFAULT_TILE, DEFAULT_OVERLAP = 32, 8
_MULTIPLE = 8


class SuperResolver(LoadedModel):
    """A trained super-resolution network; `LoadedModel` lists its other attributes.

    Attributes:
        scale: 2, 3 or 4.
        raster_offset: the sampling phase it was trained for: pixel i of the given map sits on pixel
            raster_offset + i * scale of the answer.
    """

    title = "a super-resolver"

    def __init__(self, module: nnx.Module, record: dict[str, Any]) -> None:
        super().__init__(module, record)
        self.scale: int = int(module.scale)  # type: ignore[attr-defined]
        # Released weights were trained with raster offset 1, and 1 or 2 at random for 4x.
        self.raster_offset: int = int(record.get("raster_offset", 1))

    def _facts(self) -> dict[str, str]:
        return {**super()._facts(), "scale": f"{self.scale}x, raster offset {self.raster_offset}"}

    def network(self, images: Any) -> np.ndarray:
        """The bare network.

        Args:
            images: [N, h, w, L], each divided by its own maximum over all pixels and channels.

        Returns:
            [N, scale * h, scale * w, L] float32.

        Raises:
            InputError: another shape, or values that are not finite.
        """
        images = checked_values("network", images).astype(np.float32)
        if images.ndim != 4 or images.shape[-1] != self.length:
            raise InputError(
                f"network(x) was given an array of shape {images.shape}; it takes [N, h, w, {self.length}]."
            )
        if 0 in images.shape:
            _, height, width, length = images.shape
            return np.zeros((len(images), self.scale * height, self.scale * width, length), np.float32)
        return np.stack([self._answer(image) for image in images])

    def _answer(self, image: np.ndarray) -> np.ndarray:
        """The network on one image [h, w, L], padded to one of few sizes."""
        height, width, _ = image.shape
        beyond = [(0, padded_size(side, _MULTIPLE) - side) for side in (height, width)]
        answer = self._answers(np.pad(image, [*beyond, (0, 0)])[None], 1, height, width)
        return answer[0, : self.scale * height, : self.scale * width]

    def super_resolve(
        self,
        image: Any,
        wavenumbers: Any = None,
        *,
        tile: int = DEFAULT_TILE,
        overlap: int = DEFAULT_OVERLAP,
        progress: bool = False,
    ) -> np.ndarray:
        """Super-resolve a map of any size, in the user's own units.

        The map is divided by its maximum, cut into overlapping tiles, passed through the network tile by tile,
        blended and multiplied back. Memory is bounded by the tile, beside the input and the answer themselves.

        Args:
            image: [h, w, L], any real type and unit.
            wavenumbers: [L] in cm⁻¹, rising or falling. If it differs from the model's, spectra are resampled to
                the model's axis and back; it must lie within the model's range. None: the model's axis.
            tile: side of a tile, pixels of `image`.
            overlap: pixels that neighbouring tiles share, less than half of `tile`.
            progress: show a bar.

        Returns:
            [scale * h, scale * w, L] float32. `grid` gives the coordinates of its pixels.

        Raises:
            InputError: another shape, NaN or infinite values, no positive value, or an axis that does not fit.
        """
        image = checked_values("super_resolve", image)
        if image.ndim != 3 or 0 in image.shape:
            raise InputError(f"super_resolve() was given an array of shape {image.shape}; it takes [h, w, L].")
        if not all(isinstance(number, int | np.integer) for number in (tile, overlap)) or not 0 <= 2 * overlap < tile:
            raise InputError(
                f"overlap is {overlap!r} and tile {tile!r}: give whole pixels, the overlap less than half of the tile."
            )
        matrices = self._resampling(self.given_axis("super_resolve", wavenumbers, image.shape))
        maximum = float(image.max())
        if maximum <= max(0.0, -1e-6 * float(image.min())):
            raise InputError("super_resolve() was given a map with no positive value, or none to speak of.")
        there, back = (None, None) if matrices is None else (matrix.astype(np.float32) for matrix in matrices)

        def one_tile(pixels: np.ndarray) -> np.ndarray:
            normalised = np.asarray(pixels, np.float32) / np.float32(maximum)
            answer = self._answer(normalised if there is None else normalised @ there)
            return answer if back is None else answer @ back

        def bar(places: Iterator) -> Iterator:
            tiles = list(places)
            return iter(tqdm(tiles, desc="super-resolving", unit="tile", delay=1.5, disable=not progress))

        output = apply_tiled(image, one_tile, scale=self.scale, tile=tile, overlap=overlap, progress=bar)
        output *= np.float32(maximum)
        return output

    def grid(self, coordinates: Any) -> np.ndarray:
        """Coordinates of the answer's pixels along one side of the map.

        Args:
            coordinates: [n], those of the given map's pixels, evenly spaced, any unit; n ≥ 2.

        Returns:
            [scale * n] in the same unit; entry raster_offset + i * scale is coordinate i of the input.

        Raises:
            InputError: fewer than two, unevenly spaced, or no finite numbers.
        """
        coordinates = checked_values("grid", coordinates).astype(np.float64)
        steps = np.diff(coordinates) if coordinates.ndim == 1 else np.zeros(0)
        if not len(steps) or not steps.any() or np.ptp(steps) > 1e-3 * np.abs(steps).max():
            raise InputError("grid() takes two or more evenly spaced coordinates [n].")
        step = (coordinates[-1] - coordinates[0]) / (len(coordinates) - 1)
        return coordinates[0] + (np.arange(self.scale * len(coordinates)) - self.raster_offset) * step / self.scale
