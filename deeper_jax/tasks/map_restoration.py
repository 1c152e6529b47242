"""Training data of the map restoration task: MapRestorer on images of components drawn anew at every step."""

import functools

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from deeper_jax.errors import InputError
from deeper_jax.simulator.score_images import PHANTOMS, draw_score_images
from deeper_jax.spectra.interpolation import interpolate_raster
from deeper_jax.tasks.denoising import simulated_job
from deeper_jax.training.job import Batch, TrainingJob


def map_restoration_job(config: ConfigDict) -> TrainingJob:
    """Network and data of a config like configs/map_restorer.py.

    A batch holds maps of every kind of phantom in the shares of `data.phantoms`, `data.side` pixels high and wide, of
    `data.components` components each, of strengths from `data.strength`; in `data.coarse` of them there are pixels to
    be found between those of the raster.

    Raises:
        InputError: unusable settings.
    """
    settings, batch_size = config.data, config.train.batch_size
    shares = settings.phantoms.to_dict()
    if set(shares) - set(PHANTOMS) or not all(share >= 0 for share in shares.values()) or sum(shares.values()) <= 0:
        raise InputError(
            f"config.data.phantoms is {shares}; give shares, 0 or more and not all 0, of {', '.join(PHANTOMS)}."
        )
    if settings.side % 4 or settings.side < 16 or settings.components < 1:
        raise InputError(
            f"config.data.side is {settings.side} and config.data.components {settings.components}; give a multiple of "
            "4, 16 or more, and 1 or more."
        )
    counts = _counts(shares, batch_size)

    def make_batch(key: jax.Array) -> Batch:
        parts = []
        for index, (phantom, count) in enumerate(counts.items()):
            if not count:
                continue
            draw = functools.partial(
                draw_score_images,
                phantom=phantom,
                side=settings.side,
                components=settings.components,
                strength=tuple(settings.strength),
                coarse=settings.coarse,
            )
            parts.append(jax.vmap(draw)(jax.random.split(jax.random.fold_in(key, index), count)))
        images = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
        interpolated = jax.vmap(interpolate_raster)(images.noisy, images.mask[:, None], images.step, images.offset)
        mask = jnp.broadcast_to(images.mask[:, None], images.noisy.shape)
        return {
            "input": jnp.stack([images.noisy, interpolated, mask], axis=1),
            "target": jnp.stack([images.truth, mask], axis=1),
        }

    record = {"normalisation": "scores in standard deviations of their noise", "wavenumbers": None}
    return simulated_job(config, make_batch, record)


def _counts(shares: dict[str, float], total: int) -> dict[str, int]:
    """Whole numbers in about the given shares that add up to `total`."""
    bounds = [0]
    for so_far in range(1, len(shares) + 1):
        bounds.append(round(total * sum(list(shares.values())[:so_far]) / sum(shares.values())))
    return {name: bounds[i + 1] - bounds[i] for i, name in enumerate(shares)}
