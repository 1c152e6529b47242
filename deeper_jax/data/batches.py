"""Batches without TensorFlow: how many an epoch has, and masked batches for evaluation."""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.image_augmentation import centre_patch
from deeper_jax.spectra.raster import check_divisible, crop_to_multiple, default_raster_offset, downsample

Batch = dict[str, np.ndarray]


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Whole batches in `examples`; 1 if there are fewer examples than `batch_size`.

    The remainder is dropped; each epoch has its own permutation, so every example has its turn.
    """
    if examples < 1 or batch_size < 1:
        raise ValueError(f"examples {examples} and batch_size {batch_size} must be 1 or more")
    return max(1, examples // batch_size)


def evaluation_batches(arrays: Mapping[str, np.ndarray], batch_size: int) -> Iterator[tuple[Batch, np.ndarray]]:
    """Every example once, in order, in batches of one size: ({name: [B, ...]}, mask [B] bool).

    The last batch is filled by repeating its last example; the mask is False there.

    Args:
        arrays: equally long along axis 0.
        batch_size: B.

    Raises:
        ValueError: the lengths differ.
    """
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) != 1 or batch_size < 1:
        raise ValueError(f"arrays of one length expected, found {sorted(lengths)}; batch_size {batch_size}")
    (examples,) = lengths
    for start in range(0, examples, batch_size):
        rows = np.arange(start, start + batch_size)
        kept = np.minimum(rows, examples - 1)
        yield {name: np.asarray(array)[kept] for name, array in arrays.items()}, rows < examples


def image_evaluation_batches(
    images: HyperspectralImages,
    *,
    batch_size: int,
    scale: int,
    patch: int | None = None,
    raster_offset: int | None = None,
) -> Iterator[tuple[Batch, np.ndarray]]:
    """Every image once, in order, without any randomness: ({'lr_image', 'hr_image', ...}, mask [B] bool).

    Each hr_image [B, H, W, L] is divided by its own maximum, which stands in 'maximum' [B]; 'truth', where there is
    one, by the same. A batch holds images of one size; where it is not full its last image is repeated and the mask
    is False.

    Args:
        images: what to evaluate on.
        batch_size: B.
        scale: s.
        patch: side of the centre crop, smaller images being padded by reflection, as the released code evaluates;
            None takes each image whole, less the last lines and columns that fill no LR pixel.
        raster_offset: first sampled pixel, None for `default_raster_offset`.

    Raises:
        InputError: a size does not fit the scale.
    """
    raster_offset = default_raster_offset(scale) if raster_offset is None else raster_offset
    if batch_size < 1:
        raise ValueError(f"batch_size: found {batch_size}, expected 1 or more")
    if patch is not None:
        check_divisible((patch, patch), scale)

    def prepared(image: np.ndarray) -> np.ndarray:
        return crop_to_multiple(image, scale) if patch is None else centre_patch(image, patch)

    def shape_of(row: int) -> tuple[int, ...]:
        return prepared(images.images[row]).shape

    for _, same_size in itertools.groupby(range(len(images)), key=shape_of):
        rows = list(same_size)
        for first in range(0, len(rows), batch_size):
            kept = rows[first : first + batch_size]
            mask = np.arange(batch_size) < len(kept)
            kept += kept[-1:] * (batch_size - len(kept))
            hr_image = np.stack([prepared(images.images[row]) for row in kept]).astype(np.float32, copy=False)
            maximum = hr_image.max(axis=(1, 2, 3))
            maximum[maximum <= 0] = 1.0
            batch = {"hr_image": hr_image, "maximum": maximum}
            if images.truths is not None:
                batch["truth"] = np.stack([prepared(images.truths[row]) for row in kept])
            for name in ("hr_image", "truth"):
                if name in batch:
                    batch[name] /= maximum[:, None, None, None]
            batch["lr_image"] = np.ascontiguousarray(downsample(hr_image, scale, raster_offset))
            yield batch, mask
