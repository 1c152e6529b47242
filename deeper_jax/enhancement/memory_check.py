"""Whether the machine has the memory that a map will take, before it is asked for."""

import logging

from deeper_jax.errors import InputError
from deeper_jax.inference.machine import machine_memory

# Bytes above which a user is told beforehand.
_TOLD = 2e9
_log = logging.getLogger(__name__)


def check_memory(needed: float, what: str, remedy: str) -> None:
    """Say how much memory something will take, where that is much.

    Args:
        needed: bytes.
        what: it is that takes them.
        remedy: what else to do.

    Raises:
        InputError: the machine has less.
    """
    there = machine_memory()
    if needed > there:
        raise InputError(
            f"{what} takes about {needed / 1e9:.0f} GB of memory, and this machine has {there / 1e9:.0f} GB: {remedy}."
        )
    if needed > _TOLD:
        _log.info("%s takes about %.0f GB of memory", what, needed / 1e9)
