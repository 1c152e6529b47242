"""Steps that are not finite: found without waiting for the device at every step, and said in words."""

import logging

import jax
import numpy as np

from deeper_jax.training.job import TrainingJob

_log = logging.getLogger(__name__)
# With `on_divergence='skip'`: after so many steps in a row the weights are to blame, not the batches.
MOST_IN_A_ROW = 20


class DivergenceWatch:
    """Keeps, on the device, whether each step was finite, until the host looks."""

    def __init__(self, *, skip: bool) -> None:
        self._skip, self._in_a_row = skip, 0
        self._flags: list[jax.Array] = []

    def add(self, finite: jax.Array) -> None:
        """Note one step; nothing is waited for."""
        self._flags.append(finite)

    def diverged(self, step: int) -> int:
        """The step that ends the run, of those up to `step` that were not looked at yet; 0: none does."""
        flags = jax.device_get(self._flags)
        first, self._flags = step - len(flags) + 1, []
        bad = [first + place for place, finite in enumerate(flags) if not finite]
        if not self._skip:
            return bad[0] if bad else 0
        for finite in flags:
            self._in_a_row = 0 if finite else self._in_a_row + 1
            if self._in_a_row == MOST_IN_A_ROW:
                return bad[-1]
        if bad:
            numbers = ", ".join(map(str, bad[:10])) + (", ..." if len(bad) > 10 else "")
            _log.warning(f"Left out: {len(bad)} steps whose loss or gradient was not finite ({numbers}).")
        return 0


def batch_in_words(job: TrainingJob, step: int) -> str:
    """Which batch a step saw, made again, and what is in it: where it is not finite, else its range."""
    epoch, place = divmod(step - 1, job.steps_per_epoch)
    words = []
    for name, array in next(iter(job.train_batches(step - 1, step))).items():
        # Of several processes each looks at its own part.
        parts = [part.data for part in array.addressable_shards] if isinstance(array, jax.Array) else [array]
        values = np.concatenate([np.asarray(part, np.float32) for part in parts])
        rows = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(1)).tolist()
        found = f"is not finite in rows {rows[:10]}" if rows else f"is from {values.min():.3g} to {values.max():.3g}"
        words.append(f"{name} {found}")
    return f"batch {place + 1} of epoch {epoch + 1}, whose {', '.join(words)}"
