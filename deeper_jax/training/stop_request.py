"""A polite request to stop: SIGTERM, as schedulers send before they take a machine away."""

import signal
from typing import Any

import jax
from jax.experimental import multihost_utils


class StopRequest:
    """Notes the request, and says at which step to act on it.

    Of several processes any one may be asked; JAX, which then listens to the signal itself, agrees with all on a
    step that none has passed yet.
    """

    signal_number = signal.SIGTERM

    def __init__(self) -> None:
        self._noted, self._several = False, jax.process_count() > 1
        if self._several:
            return
        try:
            signal.signal(signal.SIGTERM, self._note)
        except ValueError:
            pass  # not in the main thread: a notebook or a test

    def _note(self, number: int, _: Any) -> None:
        self._noted = True

    def at(self, step: int) -> bool:
        """Whether to stop after `step`; with several processes to be asked at every step, in all of them."""
        return bool(multihost_utils.reached_preemption_sync_point(step)) if self._several else self._noted
