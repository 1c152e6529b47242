"""The loaded map restorer: score images in, restored ones and their uncertainty out, on their grid or a finer one."""

import functools

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.inference.loaded_model import LoadedModel
from deeper_jax.inference.programs import padded_size, worker_count
from deeper_jax.inference.tiling import apply_tiled, even_tile
from deeper_jax.spectra.interpolation import interpolate_raster
from deeper_jax.spectra.raster import Raster

# Pixels of a side that go through the network together at most, and that neighbouring tiles share: as far as it sees.
TILE, OVERLAP = 160, 24
_MULTIPLE = 8
# So many tiles go through it at the same time, at most: one alone leaves a core of two idle for a third of the time.
_TOGETHER = 2
ONE_GRID = Raster((1, 1), (0, 0))
# One channel of so many tells what deviations are typical of a map.
_TYPICAL = 7
# Mirrorings along y and x.
_FLIPS = tuple((..., slice(None, None, up), slice(None, None, left)) for up in (1, -1) for left in (1, -1))


class LoadedMapRestorer(LoadedModel):
    """A trained `MapRestorer`, for maps of any axis; `LoadedModel` lists its attributes."""

    any_axis = True
    title = "a map restorer"
    _quick_below = 1 << 17

    def restore(
        self, scores: np.ndarray, measured: np.ndarray, raster: Raster = ONE_GRID, *, turned: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Estimate score images in all pixels of a grid, measured ones included.

        Args:
            scores: [h, w, K] in standard deviations of their noise; what lies where nothing was measured does not
                matter.
            measured: [h, w], bool.
            raster: where the pixels lie on the grid of the answer.
            turned: whether the answer is the mean of those to the images turned and mirrored in all eight ways, the
                deviation their geometric mean: less error for eight times the work.

        Returns:
            The scores and the standard deviation of their error, [H, W, K] float32 each, on the raster's finer grid.

        Raises:
            InputError: other shapes, or no pixel measured.
        """
        if scores.ndim != 3 or measured.shape != scores.shape[:2] or not measured.any():
            raise InputError(
                f"restore() was given scores {scores.shape} and measured pixels {measured.shape}, {measured.sum()} of "
                "them true; it takes [h, w, K] and [h, w], one or more of them true."
            )
        # float32 must not lose an image on a high mean, nor the interpolation be of what was not measured.
        mean = scores[measured].mean(0)
        fine = raster.spread(np.where(measured[..., None], scores - mean, 0.0))
        mask = raster.spread(measured.astype(np.float64))
        interpolated = fine
        if not mask.all():
            interpolated = np.moveaxis(interpolate_raster(np.moveaxis(fine, -1, 0), mask, *raster), 0, -1)
        planes = np.concatenate([fine, interpolated, mask[..., None]], -1).astype(np.float32)
        count = scores.shape[-1]
        tile = _tile_of(mask.shape)
        padded = _padded(count, mask.shape, tile)
        work = functools.partial(self._tile, count=count, shape=padded, turned=turned)
        # The ways to turn a tile keep the cores busy by themselves.
        workers = 1 if turned else min(worker_count(), _TOGETHER)
        answer = apply_tiled(planes, work, scale=1, tile=tile, overlap=OVERLAP, workers=workers)
        return answer[..., :count] + mean.astype(np.float32), answer[..., count:]

    def prepare(self, shape: tuple[int, int], count: int, raster: Raster = ONE_GRID) -> None:
        """Compile what `restore` needs for `count` images on a grid [h, w], where that is not done."""
        height, width = (size * step for size, step in zip(shape, raster.step, strict=True))
        self._programs.made((1, 3, *_padded(count, (height, width), _tile_of((height, width)))))

    def restore_grid(self, scores: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `restore`, on the grid of the scores, which may have any number of axes: [..., K] and [...].

        The last two are those of an image; a line is an image of one row, and of more axes each image is by itself.
        """
        shape = scores.shape
        rows = shape[-3] if len(shape) > 2 else 1
        images, masks = scores.reshape(-1, rows, *shape[-2:]), measured.reshape(-1, rows, shape[-2])
        answers, errors = np.zeros(images.shape, np.float32), np.ones(images.shape, np.float32)
        for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
            if mask.any():
                answers[index], errors[index] = self.restore(image, mask)
        return answers.reshape(shape), errors.reshape(shape)

    def calibrated(self, deviation: np.ndarray, noise: float, step: int) -> np.ndarray:
        """Standard deviations of errors in pixels that were not measured, as held-out simulated maps show them to be.

        `sqrt(max(factor * tempered, least * deviation)^2 + (noise_share * noise)^2)`, see `tempered_deviation`; the
        weights' record has factor, noise_share and least for each step of a raster, and without them deviations are
        as said.

        Args:
            deviation: [N, L], what the network says of its error in all such pixels of a map; NaN where nothing.
            noise: standard deviation of the measured pixels' noise.
            step: of the raster, the wider one.
        """
        settings = self.record.get("calibration", {}).get(str(step))
        if settings is None:
            return deviation
        usual = settings["factor"] * tempered_deviation(deviation)
        return np.sqrt(np.maximum(usual, settings["least"] * deviation) ** 2 + (settings["noise_share"] * noise) ** 2)

    def _tile(self, planes: np.ndarray, count: int, shape: tuple[int, int, int], turned: bool) -> np.ndarray:
        """[H, W, 2 K + 1] to [H, W, 2 K], padded to a shape [K, H, W]: components of nothing, pixels not measured.

        Those have the interpolated value of the nearest pixel, as in the training, where it is known everywhere.
        """
        height, width, _ = planes.shape
        images = np.zeros((3, *shape), np.float32)
        inside = images[:, :count, :height, :width]
        inside[0] = np.moveaxis(planes[..., :count], -1, 0)
        beyond = [(0, 0), (0, shape[1] - height), (0, shape[2] - width)]
        images[1, :count] = np.pad(np.moveaxis(planes[..., count:-1], -1, 0), beyond, mode="edge")
        inside[2] = planes[..., -1]
        answer = self._turned_answer(images) if turned else self._answers(images[None], 1)[0]
        mean, log_deviation = np.moveaxis(answer[:, :count, :height, :width], 1, -1)
        return np.concatenate([mean, np.exp(log_deviation)], -1)

    def _turned_answer(self, images: np.ndarray) -> np.ndarray:
        """The mean of the answers [2, K, H, W] to [3, K, H, W] in eight positions, turned back."""
        total = np.zeros((2, *images.shape[1:]), np.float32)
        for swapped in (images, images.swapaxes(-1, -2)):
            answers = self._answers(np.stack([swapped[flip] for flip in _FLIPS]), 1)
            mean = np.mean([answer[flip] for answer, flip in zip(answers, _FLIPS, strict=True)], axis=0)
            total += mean if swapped is images else mean.swapaxes(-1, -2)
        return total / 2


def tempered_deviation(deviation: np.ndarray) -> np.ndarray:
    """Deviations [N, L] brought nearer to what they are in the map as a whole: the geometric mean of both.

    What is typical of a map tells its errors from another's better than the deviation of a single pixel does.
    """
    few = deviation[:, ::_TYPICAL]
    few = few[np.isfinite(few) & (few > 0)]
    return np.sqrt(deviation * np.exp(np.log(few).mean())) if few.size else deviation


def _tile_of(image: tuple[int, ...]) -> tuple[int, int]:
    height, width = (even_tile(side, TILE, OVERLAP, _MULTIPLE) for side in image)
    return height, width


def _padded(count: int, image: tuple[int, ...], tile: tuple[int, int]) -> tuple[int, int, int]:
    """The shape [K, H, W] that a tile of `count` components is given: one of few, since each has to be compiled.

    All tiles of a large image are of one size, and compiling takes less time than what padding adds to many of them.
    """
    height, width = (
        side if side < size else padded_size(side, _MULTIPLE) for side, size in zip(tile, image, strict=True)
    )
    multiple = 2 if tile != image else 4
    return -(-count // multiple) * multiple, height, width
