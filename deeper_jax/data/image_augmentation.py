"""Training augmentation of hyperspectral images in NumPy: one fused pass over each image.

An image of 64 x 64 x 500 channels is 8 MB, so the cost lies in passing over it, not in Python: crop, flips and
quarter turns are views, and the spectral shift and flip are the copy that has to be made in any case. The draws
follow the released code, which turns, flips and crops the two images of a mixture independently, but shifts
their spectra alike. All random numbers of an epoch come from (seed, epoch).
"""

import numpy as np

from deeper_jax.data.augmentation import ImageAugmentationConfig, ImageDraws

# Lines of pixels handled at a time, so that a block stays in the processor's cache through all of its steps.
_LINES = 8


def draw_images(
    index: np.ndarray,
    generator: np.random.Generator,
    images: int,
    length: int,
    raster_offsets: tuple[int, ...],
    config: ImageAugmentationConfig,
) -> ImageDraws:
    """Draw for the images of these rows [...]; partners come from all `images`.

    The shift is one integer, round(U(-shift, shift) * length). What is switched off still takes its random
    numbers, so that the other draws stay as they were.
    """
    shape, pair = index.shape, (*index.shape, 2)
    mixed = generator.random(shape) < config.mixup
    partner = generator.integers(0, images, shape)
    weight = generator.beta(config.mixup_alpha, config.mixup_alpha, shape)
    turns = generator.integers(0, 4, pair)
    return ImageDraws(
        rows=np.stack([index, np.where(mixed, partner, index)], axis=-1),
        weight=np.where(mixed, weight, 1.0),
        position=generator.random((*pair, 2)),
        horizontal=generator.random(pair) < config.horizontal_flip,
        vertical=generator.random(pair) < config.vertical_flip,
        turns=turns if config.rotate else np.zeros_like(turns),
        shift=np.rint(generator.uniform(-config.shift, config.shift, shape) * length).astype(np.int64),
        spectral=generator.random(pair) < config.spectral_flip,
        raster_offset=np.asarray(raster_offsets)[generator.integers(0, len(raster_offsets), shape)],
    )


def augment_image(out: np.ndarray, image: np.ndarray, partner: np.ndarray, draws: ImageDraws) -> None:
    """Fill `out` [P, P, L] with one augmented image, divided by its maximum.

    image, partner: [H, W, L] of any size; smaller ones are padded by reflection. draws: of this image alone.
    Order: crop, horizontal flip, vertical flip, quarter turns, spectral shift, spectral flip, mixup, division.
    An image without a positive value is left undivided.
    """
    views = [
        _oriented(patch_of(array, out.shape[0], draws.position[which]), draws, which)
        for which, array in enumerate((image, partner))
    ]
    if draws.weight < 1.0:
        _mix(out, views, draws)
    else:
        _divide(out, views[0], draws)


def _divide(out: np.ndarray, view: np.ndarray, draws: ImageDraws) -> None:
    # What the shift drops does not count; what it fills in is there already.
    shift = int(draws.shift)
    maximum = view[..., max(shift, 0) : view.shape[-1] + min(shift, 0)].max()
    divisor = maximum if maximum > 0 else maximum.dtype.type(1)
    _shifted(np.divide, out, view, divisor, shift, draws.spectral[0])


def _mix(out: np.ndarray, views: list[np.ndarray], draws: ImageDraws) -> None:
    scratch = np.empty((_LINES, *out.shape[1:]), out.dtype)
    weight, maximum = out.dtype.type(draws.weight), out.dtype.type(-np.inf)
    for line in range(0, len(out), _LINES):
        own, other = (view[line : line + _LINES] for view in views)
        block, rest = out[line : line + _LINES], scratch[: len(own)]
        _shifted(np.multiply, block, own, weight, int(draws.shift), draws.spectral[0])
        _shifted(np.multiply, rest, other, 1 - weight, int(draws.shift), draws.spectral[1])
        block += rest
        maximum = np.maximum(maximum, block.max())
    if maximum > 0:
        out /= maximum


def patch_of(image: np.ndarray, size: int, position: np.ndarray | tuple[float, float]) -> np.ndarray:
    """The [size, size, L] patch of [H, W, L], a view; an axis that is too short is padded by reflection.

    position: of [0, 1) each, where the patch lies in the room left: any of the H - size + 1 places is equally
    likely for a uniform draw. Padding is equal on both sides, an odd pixel going to the end.
    """
    image = padded_to(image, size)
    rooms = (edge - size for edge in image.shape[:2])
    top, left = (int(share * (room + 1)) for share, room in zip(position, rooms, strict=True))
    return image[top : top + size, left : left + size]


def padded_to(image: np.ndarray, size: int) -> np.ndarray:
    """[H, W, L] with both axes at least `size` long: a shorter one is padded by reflection, as `patch_of` says."""
    for axis in (0, 1):
        if image.shape[axis] < size:
            image = np.take(image, _reflected(image.shape[axis], size), axis=axis)
    return image


def centre_patch(image: np.ndarray, size: int) -> np.ndarray:
    """The middle [size, size, L] of [H, W, L], the earlier pixel where it cannot be halved; padded as above."""
    rooms = (max(edge - size, 0) for edge in image.shape[:2])
    height, width = ((room // 2 + 0.5) / (room + 1) for room in rooms)
    return patch_of(image, size, (height, width))


def _reflected(length: int, size: int) -> np.ndarray:
    """[size] indices into `length` pixels, mirrored at the ends without repeating them."""
    if length == 1:
        return np.zeros(size, np.int64)
    period = 2 * (length - 1)
    index = (np.arange(size) - (size - length) // 2) % period
    return np.minimum(index, period - index)


def _oriented(patch: np.ndarray, draws: ImageDraws, which: int) -> np.ndarray:
    """The patch flipped and turned: a view."""
    if draws.horizontal[which]:
        patch = patch[:, ::-1]
    if draws.vertical[which]:
        patch = patch[::-1]
    return np.rot90(patch, int(draws.turns[which]))


def _shifted(
    operation: np.ufunc, out: np.ndarray, block: np.ndarray, factor: np.floating, shift: int, flip: bool
) -> None:
    """out = operation(shifted block, factor) in one pass over the memory.

    A positive shift s drops the first s channels; the end left free is filled by reflection.
    """
    length = out.shape[-1]
    if flip:
        out = out[..., ::-1]
    if shift < 0:
        # The mirror image of a positive shift.
        out, block, shift = out[..., ::-1], block[..., ::-1], -shift
    operation(block[..., shift:], factor, out=out[..., : length - shift])
    if shift:
        operation(block[..., -2 : -2 - shift : -1], factor, out=out[..., length - shift :])
