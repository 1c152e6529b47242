"""A process of its own that draws the picture of a map while this one makes the page.

Both take about as long, and the libraries that draw are loaded there while the map is still worked on.
"""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deeper_jax.inference.machine import core_count

if TYPE_CHECKING:
    from deeper_jax.enhancement.report.pictured import Pictured

# It finds the modules where this process does, and no others. It ends when it is told nothing, so soon that garbage
# does not matter.
_CODE = """import gc, sys
gc.disable()
sys.path[:] = {path!r}
from {module} import draw_what_is_told
draw_what_is_told()"""


class DrawingProcess:
    """Use it with `with`. Where it cannot be started, or has no core of its own, nothing is drawn by it."""

    def __init__(self) -> None:
        """Start it."""
        self._process: subprocess.Popen[bytes] | None = None
        if core_count() < 2 or not sys.executable:
            return
        command = [sys.executable, "-P", "-c", _CODE.format(path=sys.path, module=__name__)]
        nowhere = subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere)
        except OSError:
            return

    def __enter__(self) -> "DrawingProcess":
        return self

    def __exit__(self, *_: object) -> None:
        """What is not drawn by now is not wanted."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def begin(self, path: Path, picture: "Pictured") -> None:
        """Have a picture drawn; once only."""
        if self._process is None or self._process.stdin is None:
            return
        try:
            pickle.dump((path.absolute(), picture), self._process.stdin)
            self._process.stdin.close()
        except OSError:
            pass  # It has ended; `finished` tells.

    def finished(self) -> bool:
        """Wait for it, and say whether the picture is there."""
        return self._process is not None and self._process.wait() == 0


def draw_what_is_told() -> None:
    """What the process does."""
    from deeper_jax.enhancement.report.picture import write_picture

    path, picture = pickle.load(sys.stdin.buffer)
    write_picture(path, picture)
