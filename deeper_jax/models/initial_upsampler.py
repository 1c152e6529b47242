"""Start HyRISR as an upsampler that works: same network, other initial values.

PyTorch's initial values make the untrained network answer noise, and a large part of training goes into learning
what any interpolator knows. Here the upsampling convolutions start as one, and the rest as a correction of zero:

- linear interpolation, registered to the sampling phase; or
- the best linear upsampler of the training images: what each new pixel owes to the 3 x 3 given ones around it, by
  least squares in the principal components of the spectra, which takes the noise away as well.

Sampled pixels pass through.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.models.hyrisr import SHUFFLES, HyRISR

# Which HR pixel of each s x s block the LR pixel sits on, one number for each pixel shuffle.
_PHASES = {
    (2, 0): (0,),
    (2, 1): (1,),
    (3, 0): (0,),
    (3, 1): (1,),
    (3, 2): (2,),
    (4, 0): (0, 0),
    (4, 1): (0, 1),
    (4, 2): (1, 0),
    (4, 3): (1, 1),
}


class Subspace(NamedTuple):
    """An affine subspace of spectra: mean [L] and orthonormal components [K, L]."""

    mean: np.ndarray
    components: np.ndarray


def principal_subspace(spectra: np.ndarray, components: int) -> Subspace:
    """Mean and leading principal components of spectra [N, L], N ≥ components."""
    mean = spectra.mean(0)
    covariance = (spectra - mean).T @ (spectra - mean)
    _, vectors = np.linalg.eigh(covariance)
    return Subspace(mean, vectors[:, : -components - 1 : -1].T)


def start_as_interpolation(model: HyRISR, start: int) -> None:
    """Set the initial values of `model`, in place, to linear interpolation plus a correction of zero.

    Args:
      model: the network; its body keeps its random values.
      start: raster start index, 0 to scale - 1: LR pixel i sits on HR pixel start + i * scale.

    Raises:
      InputError: `start` is outside the block.
    """
    identity = np.eye(model.length)
    for upsampler, factor, phase in _stages(model, start):
        taps = [_taps((pixel - phase) / factor) for pixel in range(factor)]
        kernel = np.zeros((3, 3, model.length, model.length, factor, factor))
        for row, column in np.ndindex(factor, factor):
            kernel[..., row, column] = np.outer(taps[row], taps[column])[:, :, None, None] * identity
        _set(upsampler, kernel)
    _start_without_correction(model)


def start_as_regression(
    model: HyRISR,
    start: int,
    images: Iterable[np.ndarray],
    subspace: Subspace,
    *,
    ridge: float = 1e-6,
    keep_rest: bool = False,
) -> None:
    """Set the initial values of `model`, in place, to the best linear upsampler plus a correction of zero.

    Args:
      model: the network, with `padding` 'edge' (else it is the best only away from the border).
      start: raster start index, as for `start_as_interpolation`.
      images: training images [H, W, L], each over its own maximum and with sides that the scale divides; they are
        used in all eight orientations.
      subspace: the spectra that the least squares see and answer in.
      ridge: added to the diagonal of their equations, as a share of its mean: draws new pixels to linear
        interpolation, the more the larger; for few training pixels.
      keep_rest: whether what lies outside of the subspace is interpolated (little noise, or spectra unlike the
        training ones) or left away, and the noise with it.

    Raises:
      InputError: `start` is outside the block.
    """
    mean, components = subspace
    targets = [((image - mean) @ components.T).astype(np.float64) for image in images]
    targets = [turned for target in targets for turned in _orientations(target)]
    given = [target[start :: model.scale, start :: model.scale] for target in targets]
    spacing = model.scale
    for upsampler, factor, phase in _stages(model, start):
        spacing //= factor
        wanted = [target[start % spacing :: spacing, start % spacing :: spacing] for target in targets]
        taps = [_taps((pixel - phase) / factor) for pixel in range(factor)]
        weights = _least_squares(given, wanted, taps, ridge)
        given = [_upsampled(lines, weights, phase) for lines in given]
        kernel = np.zeros((3, 3, model.length, model.length, factor, factor))
        bias = np.zeros((model.length, factor, factor))
        projection = components.T @ components
        for row, column in np.ndindex(factor, factor):
            if row == column == phase:
                kernel[1, 1, :, :, row, column] = np.eye(model.length)
                continue
            solved, constant = weights[row, column][:-1], weights[row, column][-1]
            # [9 K, K] in components to [3, 3, L, L] in channels.
            solved = solved.reshape(3, 3, len(components), -1)
            learned = np.einsum("ka,hwkj,jb->hwab", components, solved, components)
            bias[:, row, column] = mean + constant @ components - mean @ learned.sum((0, 1))
            if keep_rest:
                around = np.outer(taps[row], taps[column])[:, :, None, None]
                learned = learned + around * (np.eye(model.length) - projection)
                bias[:, row, column] -= mean - mean @ projection
            kernel[..., row, column] = learned
        _set(upsampler, kernel, bias)
    _start_without_correction(model)


def _stages(model: HyRISR, start: int) -> Iterator[tuple[Any, int, int]]:
    """Each upsampling convolution with the factor of its pixel shuffle and the phase that it passes through."""
    if (model.scale, start) not in _PHASES:
        raise InputError(f"the raster start is {start}, but at {model.scale}x it must be 0 to {model.scale - 1}.")
    return zip(model.upsamplers, SHUFFLES[model.scale], _PHASES[model.scale, start], strict=True)


def _orientations(image: np.ndarray) -> Iterator[np.ndarray]:
    for flipped in (image, image[::-1]):
        yield from (np.rot90(flipped, turns) for turns in range(4))


def _neighbourhoods(image: np.ndarray) -> np.ndarray:
    """[h, w, K] to [h * w, 9 K + 1]: the 3 x 3 pixels around each, edges repeated, and a one."""
    height, width, _ = image.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = [padded[i : i + height, j : j + width].reshape(height * width, -1) for i, j in np.ndindex(3, 3)]
    return np.concatenate([*around, np.ones((height * width, 1))], 1)


def _least_squares(
    given: list[np.ndarray], wanted: list[np.ndarray], taps: list[np.ndarray], ridge: float
) -> dict[tuple[int, int], np.ndarray]:
    """Weights [9 K + 1, K] of each pixel of the factor x factor block; `taps` are those of linear interpolation."""
    factor, components = len(taps), given[0].shape[-1]
    linear = {
        place: np.concatenate(
            [
                np.kron(np.outer(taps[place[0]], taps[place[1]]).reshape(-1, 1), np.eye(components)),
                np.zeros((1, components)),
            ]
        )
        for place in np.ndindex(factor, factor)
    }
    square: Any = 0
    product: Any = 0
    for low, high in zip(given, wanted, strict=True):
        inputs = _neighbourhoods(low)
        blocks = high.reshape(low.shape[0], factor, low.shape[1], factor, -1).transpose(0, 2, 1, 3, 4)
        square = square + inputs.T @ inputs
        product = product + inputs.T @ blocks.reshape(len(inputs), -1)
    product = product.reshape(len(square), factor, factor, -1)
    regularised = square + np.eye(len(square)) * (ridge * np.trace(square) / len(square))
    # What linear interpolation leaves over is solved for, so that the ridge draws towards it.
    return {
        (row, column): known + np.linalg.solve(regularised, product[:, row, column] - square @ known)
        for (row, column), known in linear.items()
    }


def _upsampled(low: np.ndarray, weights: dict[tuple[int, int], np.ndarray], phase: int) -> np.ndarray:
    """What the stage will give, in components: the next stage's input."""
    factor = int(np.sqrt(len(weights)))
    height, width, components = low.shape
    high = np.zeros((height * factor, width * factor, components))
    inputs = _neighbourhoods(low)
    for (row, column), solved in weights.items():
        passed = row == column == phase
        high[row::factor, column::factor] = low if passed else (inputs @ solved).reshape(low.shape)
    return high


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
