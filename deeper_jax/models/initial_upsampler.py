"""Start HyRISR as an upsampler that works: same network, other initial values.

PyTorch's initial values make the untrained network answer noise, and a large part of training goes into learning
what any interpolator knows. Here the upsampling convolutions start as one, and the rest as a correction of zero:

- linear interpolation, registered to the sampling phase; or
- the best linear upsampler of the training images: what each new pixel owes to the 3 x 3 given ones around it, by
  least squares. In the principal components of the spectra: the strongest answer to each other, every other one to
  itself alone, so that what is noise is smoothed away and what is signal is kept.

Sampled pixels pass through.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.models.hyrisr import SHUFFLES, HyRISR
from deeper_jax.spectra.principal_components import principal_components

# Spectra, about, that the principal components are computed from.
_SPECTRA = 20_000


def start_as_interpolation(model: HyRISR, raster_offset: int) -> None:
    """Set the initial values of `model`, in place, to linear interpolation plus a correction of zero.

    Args:
      model: the network; its body keeps its random values.
      raster_offset: 0 to scale - 1: LR pixel i sits on HR pixel raster_offset + i * scale.

    Raises:
      InputError: `raster_offset` is outside the block.
    """
    identity = np.eye(model.length)
    for upsampler, factor, phase in _stages(model, raster_offset):
        taps = [_taps((pixel - phase) / factor) for pixel in range(factor)]
        kernel = np.zeros((3, 3, model.length, model.length, factor, factor))
        for row, column in np.ndindex(factor, factor):
            kernel[..., row, column] = np.outer(taps[row], taps[column])[:, :, None, None] * identity
        _set(upsampler, kernel)
    _start_without_correction(model)


def start_as_regression(
    model: HyRISR,
    raster_offset: int,
    images: Sequence[np.ndarray],
    *,
    components: int = 20,
    ridge: float = 1e-6,
    keep_level: bool = False,
) -> None:
    """Set the initial values of `model`, in place, to the best linear upsampler plus a correction of zero.

    Args:
      model: the network, with `padding` 'edge' (else it is the best only away from the border).
      raster_offset: as for `start_as_interpolation`.
      images: training images [H, W, L], each over its own maximum and with sides that the scale divides; they are
        used in all eight orientations.
      components: how many of the strongest principal components answer to each other: new pixels owe to 9 times as
        many numbers, so few training pixels bear few of them.
      ridge: added to the diagonal of the least squares' equations, as a share of its mean: draws new pixels to
        linear interpolation, the more the larger; for few training pixels.
      keep_level: make the weights of the 3 x 3 add up to those of interpolation, so that flat surroundings stay what
        they are. For samples or instruments unlike the training ones; else what the neighbours leave open is drawn to
        the training images' mean spectrum, which takes away more noise where the sample is like them.

    Raises:
      InputError: `raster_offset` is outside the block.
    """
    spectra = np.concatenate([image.reshape(-1, model.length) for image in images])
    mean, basis = principal_components(spectra[:: max(1, len(spectra) // _SPECTRA)], model.length)
    targets = [np.asarray((image - mean) @ basis.T, np.float32) for image in images]
    stages: list[tuple[Weights, int]] = []
    spacing = model.scale

    def given(target: np.ndarray) -> np.ndarray:
        lines = target[raster_offset :: model.scale, raster_offset :: model.scale]
        for weights, phase in stages:
            lines = _upsampled(lines, weights, phase)
        return lines

    for upsampler, factor, phase in _stages(model, raster_offset):
        spacing //= factor
        first, every = raster_offset % spacing, spacing
        pairs = ((given(turned), turned[first::every, first::every]) for turned in _turned(targets))
        taps = [_taps((pixel - phase) / factor) for pixel in range(factor)]
        weights = _least_squares(pairs, taps, components, ridge, keep_level)
        stages.append((weights, phase))
        _set(upsampler, *_in_channels(weights, phase, mean, basis))
    _start_without_correction(model)


def _stages(model: HyRISR, raster_offset: int) -> Iterator[tuple[Any, int, int]]:
    """Each upsampling convolution with the factor of its pixel shuffle and the phase that it passes through."""
    if not 0 <= raster_offset < model.scale:
        raise InputError(
            f"the raster offset is {raster_offset}, but at {model.scale}x it must be 0 to {model.scale - 1}."
        )
    phases = divmod(raster_offset, 2) if model.scale == 4 else (raster_offset,)
    return zip(model.upsamplers, SHUFFLES[model.scale], phases, strict=True)


def _turned(images: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Each image in its eight orientations."""
    for image in images:
        for flipped in (image, image[::-1]):
            yield from (np.rot90(flipped, turns) for turns in range(4))


# Each neighbour less the pixel itself: weights that leave flat surroundings alone, [9, 8].
_DIFFERENCES = np.insert(np.eye(8), 4, -1.0, axis=0)


class Weights(NamedTuple):
    """A stage in principal components, for each pixel of the factor x factor block that one pixel becomes.

    mixed [9, K, factor * factor, K] and its constant [factor * factor, K]: the strongest K from each other.
    single [9, factor * factor, rest]: each of the others from itself.
    """

    mixed: np.ndarray
    constant: np.ndarray
    single: np.ndarray


def _neighbourhoods(image: np.ndarray) -> np.ndarray:
    """[h, w, C] to [h * w, 9, C]: the 3 x 3 pixels around each, edges repeated."""
    height, width, _ = image.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = [padded[i : i + height, j : j + width].reshape(height * width, -1) for i, j in np.ndindex(3, 3)]
    return np.stack(around, 1)


def _with_one(mixed: np.ndarray) -> np.ndarray:
    """[N, 9, K] to [N, 9 K + 1]: the last column is for the constant."""
    return np.concatenate([mixed.reshape(len(mixed), -1), np.ones((len(mixed), 1), mixed.dtype)], 1)


def _least_squares(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]],
    taps: list[np.ndarray],
    components: int,
    ridge: float,
    keep_level: bool,
) -> Weights:
    """The stage that turns each first image [h, w, C] best into its second; `taps` are linear interpolation's."""
    factor = len(taps)
    sums: Any = (0, 0, 0, 0)
    for low, high in pairs:
        around = _neighbourhoods(low)
        block = high.reshape(low.shape[0], factor, low.shape[1], factor, -1).transpose(0, 2, 1, 3, 4)
        block = block.reshape(len(around), factor * factor, -1)
        inputs, single = _with_one(around[..., :components]), around[..., components:].transpose(2, 1, 0)
        # Products of float32, a few thousand each, summed in float64.
        products = (
            inputs.T @ inputs,
            inputs.T @ block[..., :components].reshape(len(around), -1),
            single @ single.transpose(0, 2, 1),
            single @ block[..., components:].transpose(2, 0, 1),
        )
        sums = tuple(total + product.astype(np.float64) for total, product in zip(sums, products, strict=True))
    # [9, factor * factor]: what linear interpolation takes from each neighbour.
    linear = np.stack([np.outer(row, column).reshape(-1) for row in taps for column in taps], 1)
    kept = sums[1].shape[-1] // factor**2
    known = np.einsum("np,ij->nipj", linear, np.eye(kept)).reshape(9 * kept, -1)
    known = np.concatenate([known, np.zeros((1, known.shape[-1]))])
    # Directions in which the weights may differ from linear interpolation.
    free = _DIFFERENCES if keep_level else np.eye(9)
    mixed_free = np.kron(free, np.eye(kept))
    mixed_free = np.pad(mixed_free, ((0, 1), (0, 0))) if keep_level else np.eye(9 * kept + 1)
    mixed = _drawn_to(known, sums[0], sums[1], ridge, mixed_free)
    single = _drawn_to(linear, sums[2], sums[3], ridge, free)
    return Weights(
        mixed[:-1].reshape(9, kept, factor**2, kept),
        mixed[-1].reshape(factor**2, kept),
        single.transpose(1, 2, 0),
    )


def _drawn_to(known: np.ndarray, square: np.ndarray, product: np.ndarray, ridge: float, free: np.ndarray) -> np.ndarray:
    """Solve square @ x = product [..., n, m] for x = known + free @ y; the ridge draws y to 0, so x to `known`."""
    reduced = free.T @ square @ free
    size = reduced.shape[-1]
    mean = np.trace(reduced, axis1=-2, axis2=-1)[..., None, None] / size
    # A component that is zero everywhere keeps what is known.
    regularised = reduced + np.eye(size) * np.maximum(ridge * mean, np.finfo(np.float64).tiny)
    return known + free @ np.linalg.solve(regularised, free.T @ (product - square @ known))


def _upsampled(low: np.ndarray, weights: Weights, phase: int) -> np.ndarray:
    """What the stage will give, in components: the next stage's input."""
    around, components = _neighbourhoods(low), weights.mixed.shape[1]
    factor = int(np.sqrt(weights.mixed.shape[2]))
    mixed = np.einsum("nic,icpd->npd", around[..., :components], weights.mixed, optimize=True) + weights.constant
    single = np.einsum("nic,ipc->npc", around[..., components:], weights.single, optimize=True)
    block = np.concatenate([mixed, single], -1).reshape(*low.shape[:2], factor, factor, -1)
    block[:, :, phase, phase] = low
    high = block.transpose(0, 2, 1, 3, 4).reshape(low.shape[0] * factor, low.shape[1] * factor, -1)
    return np.asarray(high, np.float32)


def _in_channels(weights: Weights, phase: int, mean: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The stage's kernel [3, 3, L, L, factor, factor] and bias [L, factor, factor]."""
    components, factor = weights.mixed.shape[1], int(np.sqrt(weights.mixed.shape[2]))
    mixed, single = basis[:components], basis[components:]
    kernel = np.empty((3, 3, mean.size, mean.size, factor, factor))
    bias = np.empty((mean.size, factor, factor))
    for row, column in np.ndindex(factor, factor):
        pixel = row * factor + column
        learned = mixed.T @ weights.mixed[:, :, pixel] @ mixed + (single.T * weights.single[:, None, pixel]) @ single
        constant = mean + weights.constant[pixel] @ mixed - mean @ learned.sum(0)
        if row == column == phase:
            learned, constant = np.zeros_like(learned), np.zeros_like(constant)
            learned[4] = np.eye(mean.size)
        kernel[..., row, column] = learned.reshape(3, 3, mean.size, mean.size)
        bias[:, row, column] = constant
    return kernel, bias


def _taps(offset: float) -> np.ndarray:
    """Linear weights of the pixel before, at and after, for a point `offset` pixels (-1 to 1) away."""
    return np.array([max(-offset, 0.0), 1 - abs(offset), max(offset, 0.0)])


def _start_without_correction(model: HyRISR) -> None:
    identity = np.zeros((3, 3, model.length, model.length))
    identity[1, 1] = np.eye(model.length)
    _set(model.blend, identity)
    _set(model.spectral_up, np.zeros(model.spectral_up.kernel.shape))


def _set(convolution: Any, kernel: np.ndarray, bias: np.ndarray | None = None) -> None:
    shape = convolution.kernel.shape
    convolution.kernel[...] = jnp.asarray(kernel.reshape(shape), jnp.float32)
    values = np.zeros(shape[-1]) if bias is None else bias.reshape(-1)
    convolution.bias[...] = jnp.asarray(values, jnp.float32)
