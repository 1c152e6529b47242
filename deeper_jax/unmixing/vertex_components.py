"""Vertex component analysis: the purest pixels of an image as its endmembers.

Nascimento and Bioucas-Dias, "Vertex component analysis: a fast algorithm to unmix hyperspectral data", IEEE
Transactions on Geoscience and Remote Sensing 43 (2005) 898-910. Mixtures of p endmembers fill a simplex whose
corners are the endmembers: the algorithm looks again and again along a direction at right angles to the
corners found so far, and takes the pixel that lies farthest out.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deeper_jax.errors import InputError
from deeper_jax.spectra.principal_components import principal_components
from deeper_jax.spectra.values import check_size
from deeper_jax.unmixing.checks import Array, real_array

_FAINTEST = 10.0  # times the noise of one channel
_ROUNDING = 1e-6  # of the typical length; what is shorter may be rounding, of float32 spectra too


class VertexComponents(NamedTuple):
    """Endmembers of an image.

    Attributes:
        endmembers: `[p, L]`, the chosen pixels' spectra, projected on the signal's subspace and so denoised; in
            the unit of the spectra. Noise can make them slightly negative.
        pixels: `[p]`, indices of the chosen pixels among the N spectra in C order; for an image
            `np.unravel_index(pixels, (H, W))` gives rows and columns.
        snr_db: estimated signal-to-noise ratio in dB; infinite where p dimensions hold the spectra exactly.
    """

    endmembers: Array
    pixels: npt.NDArray[np.int_]
    snr_db: float


class _Projection(NamedTuple):
    """Pixels in the p dimensions of the search, `coordinates` `[N, p]`, and back: origin + scores @ basis."""

    coordinates: Array
    scores: Array
    basis: Array
    origin: Array | float


def vertex_component_analysis(spectra: npt.ArrayLike, count: int, *, seed: int = 0) -> VertexComponents:
    """Find `count` endmembers; each must be nearly pure in one pixel at least.

    Below `snr_threshold` the spectra are projected on their first p - 1 principal components, with a constant
    as the last coordinate. Above it they are projected on p dimensions without removing the mean and then
    scaled onto a plane, which makes the answer independent of each pixel's brightness. There, unlike in the
    paper, pixels so faint that the scaling would blow up their noise (below 10 times the noise of a channel,
    measured along the mean spectrum) are not candidates.

    A random direction can happen to be almost level along an edge of the simplex and then picks a mixed pixel:
    try a few seeds. Below the threshold an empty background counts as an endmember.

    Args:
        spectra: an image `[H, W, L]` or any `[..., L]`.
        count: p, the number of endmembers.
        seed: of the random directions; the same seed gives the same endmembers in the same order.

    Raises:
        InputError: `count` is below 1 or above the number of spectra or of channels, or the spectra are not
            finite, are all zero, average to zero or hold fewer than `count` independent ones.
    """
    values = real_array("spectra", spectra)
    check_size("spectra", values)
    flat = values.reshape(-1, values.shape[-1])
    _check_count(count, *flat.shape)
    mean, components = principal_components(flat, count)
    components = _with_fixed_signs(components)
    scores = flat @ components.T - mean @ components.T
    power = np.einsum("nl,nl->", flat, flat) / len(flat)
    if power == 0:
        raise InputError("spectra: all values are zero, so there are no endmembers to find.")
    in_subspace = np.einsum("np,np->", scores, scores) / len(flat) + mean @ mean
    snr_db = _snr_db(power, in_subspace, count / flat.shape[1])
    if snr_db < snr_threshold(count):
        projection = _principal_projection(scores[:, : count - 1], components[: count - 1], mean)
    else:
        noise = np.sqrt(max(power - in_subspace, 0.0) / max(flat.shape[1] - count, 1))
        projection = _projective_projection(flat, count, noise)
    pixels = _vertices(projection.coordinates, np.random.default_rng(seed))
    endmembers = projection.scores[pixels] @ projection.basis + projection.origin
    return VertexComponents(endmembers, pixels, snr_db)


def snr_threshold(count: int) -> float:
    """Signal-to-noise ratio in dB above which the projective projection is better: 15 + 10 log10(p)."""
    return 15.0 + 10.0 * float(np.log10(count))


def _snr_db(power: float, in_subspace: float, share: float) -> float:
    """Signal over noise from the mean squared length of the spectra, whole and in the p-dimensional subspace.

    White noise leaves `share` = p / L of its power in the subspace; both parts are corrected for it.
    """
    noise, signal = power - in_subspace, in_subspace - share * power
    if noise <= 0:
        return float("inf")
    return 10.0 * float(np.log10(signal / noise)) if signal > 0 else float("-inf")


def _principal_projection(scores: Array, components: Array, mean: Array) -> _Projection:
    # As long as the farthest pixel, so that the directions weigh the constant like the other coordinates.
    constant = float(np.sqrt(np.max(np.sum(scores**2, axis=1)))) or 1.0
    coordinates = np.column_stack([scores, np.full(len(scores), constant)])
    return _Projection(coordinates, scores, components, mean)


def _projective_projection(flat: Array, count: int, noise: float) -> _Projection:
    length = flat.shape[1]
    # Imported here: who only draws bands need not wait for it.
    from scipy.linalg import eigh

    _, vectors = eigh(flat.T @ flat, subset_by_index=(length - count, length - 1))
    basis = _with_fixed_signs(vectors[:, ::-1].T)
    scores = flat @ basis.T
    mean = scores.mean(axis=0)
    if np.linalg.norm(mean) <= _ROUNDING * np.sqrt(np.mean(np.sum(scores**2, axis=1))):
        raise InputError("spectra: they average to zero; give them as measured, with their mean.")
    along_mean = scores @ mean
    bright = along_mean > _FAINTEST * noise * np.linalg.norm(mean)
    coordinates = np.zeros_like(scores)
    np.divide(scores, along_mean[:, None], out=coordinates, where=bright[:, None])
    return _Projection(coordinates, scores, basis, 0.0)


def _with_fixed_signs(basis: Array) -> Array:
    """Rows whose largest entry is positive, so that a seed means the same with every linear algebra library."""
    largest = np.argmax(np.abs(basis), axis=1)
    return basis * np.sign(basis[np.arange(len(basis)), largest])[:, None]


def _vertices(coordinates: Array, generator: np.random.Generator) -> npt.NDArray[np.int_]:
    count = coordinates.shape[1]
    found = np.zeros((count, count))  # one vertex a column
    if count > 1:  # a single dimension leaves no direction to exclude
        found[-1, 0] = 1.0
    pixels = np.zeros(count, np.int_)
    smallest = _ROUNDING * np.linalg.norm(coordinates, axis=1).max()
    for index in range(count):
        direction = generator.normal(size=(count,))
        direction -= found @ (np.linalg.pinv(found) @ direction)
        extent = np.abs(coordinates @ (direction / np.linalg.norm(direction)))
        pixels[index] = np.argmax(extent)
        if extent[pixels[index]] <= smallest:
            raise InputError(
                f"count: found {count} endmembers asked of spectra that hold fewer independent ones; "
                f"ask for {index} at most."
            )
        found[:, index] = coordinates[pixels[index]]
    return pixels


def _check_count(count: int, pixels: int, channels: int) -> None:
    if not 1 <= count <= min(pixels, channels):
        raise InputError(
            f"count: found {count} endmembers, expected 1 to {min(pixels, channels)}, as there are {pixels} spectra "
            f"of {channels} channels."
        )
