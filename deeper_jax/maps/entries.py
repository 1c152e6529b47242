"""Choose one of several measurements that a file holds."""

from collections.abc import Sequence
from pathlib import Path

from deeper_jax.errors import InputError


def choose_entry(names: Sequence[str], sizes: Sequence[int], entry: str | int | None, path: Path) -> int:
    """The place of the wanted measurement among `names`.

    entry: its name, or its place counted from 0; None takes the only one, or the one of the largest of `sizes`
    if no other is as large. Raises InputError listing the names if that leaves no choice, or more than one.
    """
    listed = ", ".join(f"{place}: {name!r}" for place, name in enumerate(names))
    if entry is None:
        largest = [place for place, size in enumerate(sizes) if size == max(sizes)]
        if len(largest) == 1:
            return largest[0]
        raise InputError(
            f"{path}: found {len(names)} measurements ({listed}), expected one; say which entry, by name or number."
        )
    fitting = [
        place for place, name in enumerate(names) if (entry == place if isinstance(entry, int) else entry == name)
    ]
    if len(fitting) != 1:
        problem = "no measurement" if not fitting else f"{len(fitting)} measurements"
        raise InputError(
            f"{path}: found {problem} {entry!r}, expected one of {listed}; ask for one of these names or numbers."
        )
    return fitting[0]
