"""Batches without TensorFlow: how many an epoch has, and masked batches for evaluation."""

from collections.abc import Iterator, Mapping

import numpy as np

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

    arrays: equally long along axis 0. The last batch is filled by repeating its last example; the mask is
    False there. Raises ValueError if the lengths differ.
    """
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) != 1 or batch_size < 1:
        raise ValueError(f"arrays of one length expected, found {sorted(lengths)}; batch_size {batch_size}")
    (examples,) = lengths
    for start in range(0, examples, batch_size):
        rows = np.arange(start, start + batch_size)
        kept = np.minimum(rows, examples - 1)
        yield {name: np.asarray(array)[kept] for name, array in arrays.items()}, rows < examples
