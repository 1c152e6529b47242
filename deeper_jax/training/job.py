"""What the training loop needs to know of the work at hand."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flax import nnx

Batch = dict[str, Any]


@dataclass(frozen=True)
class TrainingJob:
    """A network and the data that it learns from.

    Attributes:
        model: the module, initialised.
        train_batches: `train_batches(start_step, total_steps)` gives this process's part of each batch from
            `start_step` on, `{"input", "target"}`; the batch of a step depends on the seed and the step alone.
        validation_batches: gives every validation example once, as (batch, mask [B]) with padding masked.
        steps_per_epoch: steps that see every training example once.
        record: JSON-able facts that travel inside the checkpoints (wavenumbers, preprocessing, data).
    """

    model: nnx.Module
    train_batches: Callable[[int, int], Iterator[Batch]]
    validation_batches: Callable[[], Iterator[tuple[Batch, Any]]]
    steps_per_epoch: int
    record: dict[str, Any]
