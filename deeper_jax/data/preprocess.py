"""The named steps of `spectra.preprocessing` on training data: applied, recorded, and what they removed said."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.errors import InputError
from deeper_jax.spectra.preprocessing import Step, apply_steps, removed_features

log = logging.getLogger(__name__)


def preprocess_pairs(pairs: SpectralPairs, steps: Sequence[Step]) -> SpectralPairs:
    """Pairs after these steps, which are added to theirs; what was removed is logged and stands in `notes`.

    Raises:
        InputError: unusable steps, or pairs without wavenumbers.
    """
    if not steps:
        return pairs
    arrays = {"noisy": pairs.noisy, "target": pairs.target} | ({} if pairs.truth is None else {"truth": pairs.truth})
    found, axis, notes = _applied(arrays, pairs.wavenumbers, steps, pairs.source)
    return replace(
        pairs,
        noisy=found["noisy"],
        target=found["target"],
        truth=found.get("truth"),
        wavenumbers=axis,
        steps=(*pairs.steps, *map(dict, steps)),
        notes=(*pairs.notes, *notes),
    )


def without_constant(pairs: SpectralPairs) -> SpectralPairs:
    """The pairs of which both spectra vary: of others nothing can be learnt. How many are left out is logged.

    Raises:
        InputError: all are constant.
    """
    varies = (np.ptp(pairs.noisy, axis=1) > 0) & (np.ptp(pairs.target, axis=1) > 0)
    if varies.all():
        return pairs
    if not varies.any():
        raise InputError(
            f"{pairs.source}: found {len(pairs)} pairs of spectra, all of them zero or constant, expected intensities "
            "that vary along the spectrum; check the files."
        )
    log.warning("%s: %d of %d pairs are zero or constant, left out.", pairs.source, (~varies).sum(), varies.size)
    return pairs.take(np.flatnonzero(varies))


def preprocess_images(images: HyperspectralImages, steps: Sequence[Step]) -> HyperspectralImages:
    """As `preprocess_pairs`, of images."""
    if not steps:
        return images
    arrays = dict(zip(images.names, images.images, strict=True))
    found, axis, notes = _applied(arrays, images.wavenumbers, steps, images.source)
    truths = None
    if images.truths is not None:
        truths = list(_applied(dict(enumerate(images.truths)), images.wavenumbers, steps, images.source)[0].values())
    done, notes = (*images.steps, *map(dict, steps)), (*images.notes, *notes)
    return replace(images, images=list(found.values()), truths=truths, wavenumbers=axis, steps=done, notes=notes)


def _applied(
    arrays: dict[Any, np.ndarray], wavenumbers: np.ndarray | None, steps: Sequence[Step], source: str
) -> tuple[dict[Any, np.ndarray], np.ndarray, tuple[str, ...]]:
    """The arrays [..., L] after the steps, their axis, and a sentence for each array that lost narrow features."""
    if wavenumbers is None:
        raise InputError(
            f"{source}: carries no wavenumbers, which the steps of data.steps need; add them (axis.txt in a folder), "
            "or leave data.steps empty."
        )
    found, axis, notes = {}, wavenumbers, []
    for name, array in arrays.items():
        axis = wavenumbers
        for step in steps:
            before = jnp.asarray(array, jnp.float32)
            after, axis = apply_steps(before, axis, [step], warn=False)
            if step["name"] == "remove_cosmic_rays" and (words := removed_features(before, after, axis)):
                notes.append(f"{name}: {words}")
                log.warning("%s, %s: %s", source, name, words)
            array = np.asarray(after)
        found[name] = array
    return found, axis, tuple(notes)
