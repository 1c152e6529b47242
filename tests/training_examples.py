"""Short trainings of a small network on spectra of noise."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from ml_collections import ConfigDict

from configs import tiny
from deeper_jax.models.registry import build_from_config
from deeper_jax.models.resunet1d import SpectralUnit, Stage
from deeper_jax.training.job import TrainingJob
from deeper_jax.training.sharding import data_mesh

LENGTH = 64
STEPS = 20
ONE_DEVICE = data_mesh(jax.devices()[:1])


def small_config(**train_settings) -> ConfigDict:
    """The same number of steps wherever possible: the schedule is part of the compiled step."""
    config = tiny.get_config()
    config.model.length = LENGTH
    config.train.update({"steps": STEPS, "evaluate_every": STEPS} | train_settings)
    return config


def layer() -> nnx.Module:
    """A network that compiles in a moment, for what any network would do."""
    return nnx.Linear(LENGTH, LENGTH, rngs=nnx.Rngs(0))


class OneStage(nnx.Module):
    """A stage of ResUNet1D and a layer of its head: every kind of layer, and a fifth of what there is to compile."""

    def __init__(
        self,
        length: int,
        width: int = 4,
        batch_norm: bool = True,
        *,
        dtype: jax.typing.DTypeLike = jnp.float32,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.stage = Stage(1, width, 1, batch_norm=batch_norm, dtype=dtype, axis_name=axis_name, rngs=rngs)
        self.head = SpectralUnit(length, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[N, L] to [N, L]."""
        return self.head(self.stage(x[..., None])[..., 0])


def noise_job(
    config: ConfigDict, scale: float = 0.5, fail_at: int | None = None, model: nnx.Module | None = None
) -> TrainingJob:
    """Spectra of noise whose target is the input times `scale`; a batch depends on its step alone.

    The network is `model`, or that of the config.
    """
    size = config.train.batch_size

    def batch(step: int) -> dict:
        noise = np.random.default_rng(step).normal(size=(size, LENGTH)).astype(np.float32)
        return {"input": noise, "target": scale * noise}

    def train_batches(start: int, total: int):
        for step in range(start, total):
            if step == fail_at:
                raise RuntimeError("power cut")
            yield batch(step)

    return TrainingJob(
        model=build_from_config(config.to_dict()) if model is None else model,
        train_batches=train_batches,
        validation_batches=lambda: iter(
            [(batch(10**6), np.ones(size)), (batch(10**6 + 1), np.r_[1, [0] * (size - 1)])]
        ),
        steps_per_epoch=10,
        record={"wavenumbers": list(range(LENGTH)), "preprocessing": [{"name": "crop"}]},
    )


def largest_difference(tree, other) -> float:
    return max(
        float(np.abs(np.asarray(a) - np.asarray(b)).max())
        for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True)
    )
