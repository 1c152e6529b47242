"""The last look at what was estimated: bands that it lost are given back, and where not to trust it is marked."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.blocks import on_all_cores, slices_of
from deeper_jax.enhancement.cosmic_rays import CosmicRays
from deeper_jax.enhancement.map_denoiser import Estimate
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.spectra.noise import NoiseModel, smooth_intensity
from deeper_jax.spectra.residuals import LIMIT, SINGLE_LIMIT, restore_outliers

# Numbers that are estimated together: batches of the network should be full, and memory is bounded.
TOGETHER = 1 << 21


class Checked(NamedTuple):
    """Consecutive spectra as they are handed out, [n, L] each, in the precision of `MeasuredSpectra`.

    Attributes:
        rows: which they are.
        spectra: in the map's unit.
        std: standard deviation of their error.
        noise: of the measured spectra, by their estimate.
        smallest_noise: the least that any estimate of it says.
        flagged: bool, where measured and estimate differ by more than noise, or would.
        removed, suspected: bool, cosmic rays.
        beyond: what the spectra have beyond what is common to all of the map, exactly 0 where they have nothing.
    """

    rows: slice
    spectra: np.ndarray
    std: np.ndarray
    noise: np.ndarray
    smallest_noise: np.ndarray
    flagged: np.ndarray
    removed: np.ndarray
    suspected: np.ndarray
    beyond: np.ndarray


def checked_blocks(
    spectra: MeasuredSpectra,
    estimated: Callable[[slice], tuple[Estimate, np.ndarray]],
    together: int,
    noise_models: Sequence[NoiseModel],
    rays: CosmicRays,
    unchanged: np.ndarray,
) -> Iterator[Checked]:
    """All spectra of a map, in blocks; those of one are worked on by all cores.

    Args:
        spectra: the measured ones, cosmic rays filled in.
        estimated: what is estimated of consecutive rows of them, and what is common to all of the map, [n, L] each.
        together: how many rows at best.
        noise_models: what is said of their noise.
        rays: found in them; what was removed stays removed.
        unchanged: [L] bool, channels that nothing was done to: a window may reach over them.
    """
    channels = spectra.shape[1]
    for rows in slices_of(len(spectra), channels, together * channels):
        estimate, common = estimated(rows)

        def check(part: slice, first: int = rows.start, found: tuple = (*estimate, common)) -> Checked:
            *each, common = (array[part.start - first : part.stop - first] for array in found)
            return _checked(spectra, part, Estimate(*each), common, noise_models, rays, unchanged)

        yield from on_all_cores(check, slices_of(rows.stop - rows.start, channels, start=rows.start))


def _checked(
    spectra: MeasuredSpectra,
    rows: slice,
    estimate: Estimate,
    common: np.ndarray,
    noise_models: Sequence[NoiseModel],
    rays: CosmicRays,
    unchanged: np.ndarray,
) -> Checked:
    clean = spectra.rows(rows, spectra.precision)
    # Correlated noise makes the map's larger than the model's, and the flank of a high line is not as noisy as the
    # line: what counts as noise is the smallest. It rises with the intensity by any model.
    expected = np.minimum(smooth_intensity(clean), estimate.spectra)
    noise = estimate.noise
    for model in noise_models:
        noise = np.minimum(noise, model.std(expected))
    answer, std, lost = restore_outliers(clean, estimate.spectra, estimate.std, noise, LIMIT)
    answer[:, unchanged] = clean[:, unchanged]
    measured = np.asarray(spectra.as_measured(rows), spectra.precision)
    flagged = (lost & ~unchanged) | (np.abs(measured - answer) > SINGLE_LIMIT * noise)
    return Checked(
        *(rows, answer, std, estimate.noise, noise, flagged, rays.removed(rows), rays.suspected(rows)),
        beyond=answer - common,
    )
