"""How far `enhance` has come: a bar, or a function of the caller's."""

from collections.abc import Callable
from typing import Any

from tqdm import tqdm

# Whether to show a bar, or a function that is called with the number of spectra done and that of all.
Progress = bool | Callable[[int, int], None]


class _Told:
    """A bar that is a function of the caller's."""

    def __init__(self, total: int, tell: Callable[[int, int], None]) -> None:
        self._done, self._total, self._tell = 0, total, tell

    def __enter__(self) -> "_Told":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, count: int) -> None:
        self._done += count
        self._tell(self._done, self._total)


def progress_bar(total: int, progress: Progress) -> Any:
    """A context with `update(count)`, for so many spectra."""
    if callable(progress):
        return _Told(total, progress)
    return tqdm(total=total, desc="denoising", unit="spectra", delay=1.5, disable=not progress or total == 1)
