"""A process of its own that draws the pictures of a map and the figures of its page.

The libraries that draw are loaded there while the map is still worked on, and it draws with all cores.
"""

import contextlib
import functools
import importlib
import os
import pickle
import subprocess
import sys
from typing import Any

from deeper_jax.inference.machine import core_count

_REPORT = "deeper_jax.enhancement.report"
DRAWN = (
    (f"{_REPORT}.explorer_document", "explorer_document"),
    (f"{_REPORT}.picture", "upper_half"),
    (f"{_REPORT}.picture", "lower_half"),
)
"""Module and name of the functions that draw a page's parts, each of which takes one argument."""

# It finds the modules where this process does, and no others, and what they print is no answer. It ends when it is told
# nothing, so soon that garbage does not matter.
_CODE = """import gc, os, sys
gc.disable()
sys.path[:] = {path!r}
answer = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
from {module} import draw_what_is_told
draw_what_is_told(answer)"""


class DrawingProcess:
    """Use it with `with`. Where it cannot be started, has no core of its own or fails, all is drawn here."""

    def __init__(self, start: bool = True) -> None:
        """Start it, unless all is to be drawn here."""
        self._told: tuple[Any, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        if not start or core_count() < 2 or not sys.executable:
            return
        command = [sys.executable, "-P", "-c", _CODE.format(path=sys.path, module=__name__)]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        # No threads but its own: it forks.
        alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, env=alone)
        except OSError:
            return

    def __enter__(self) -> "DrawingProcess":
        return self

    def __exit__(self, *_: object) -> None:
        """What is not drawn by now is not wanted."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def expect(self, argument: Any) -> None:
        """Have the first function of `DRAWN` done for what it will probably be told; once only, and before `begin`."""
        self._tell(argument)

    def begin(self, *arguments: Any) -> None:
        """Have everything drawn; once only.

        Args:
            arguments: one for each function of `DRAWN`; they, and what comes back, can be pickled.
        """
        self._told = arguments
        self._tell([*arguments])

    def _tell(self, what: Any) -> None:
        if self._process is None or self._process.stdin is None:
            return
        # If it has ended, its answer tells.
        with contextlib.suppress(OSError):
            pickle.dump(what, self._process.stdin)
            self._process.stdin.flush()

    def drawn(self) -> list[Any]:
        """Wait for it: what each function of `DRAWN` returns."""
        if self._process is not None and self._process.stdout is not None:
            with contextlib.suppress(EOFError, pickle.UnpicklingError):
                return pickle.load(self._process.stdout)
        return [function(argument) for function, argument in zip(_functions(), self._told, strict=True)]


def draw_what_is_told(answer: Any) -> None:
    """What the process does: it writes into the file `answer`."""
    functions = _functions()
    told = pickle.load(sys.stdin.buffer)
    # `begin` tells a list; anything else is what is expected.
    if not isinstance(told, list):
        expected, document = pickle.dumps(told), functions[0](told)
        told = pickle.load(sys.stdin.buffer)
        if pickle.dumps(told[0]) == expected:
            functions[0] = lambda _: document
    *calls, last = zip(functions, told, strict=True)
    begun = [_begun_beside(*each) for each in calls]
    here = last[0](last[1])
    pickle.dump([*(each() for each in begun), here], answer)
    answer.close()
    os._exit(0)  # taking the libraries apart takes as long as drawing


def _functions() -> list[Any]:
    return [getattr(importlib.import_module(module), name) for module, name in DRAWN]


def _begun_beside(function: Any, argument: Any) -> Any:
    """Begin a call in a copy of this process; returns what waits for its answer.

    Where a system has no copies of processes, that does it.
    """
    if not hasattr(os, "fork"):
        return functools.partial(function, argument)
    out, into = os.pipe()
    if os.fork() == 0:
        try:
            with open(into, "wb") as file:
                pickle.dump(function(argument), file)
        finally:
            os._exit(0)
    os.close(into)

    def answer() -> Any:
        with open(out, "rb") as file:
            return pickle.load(file)

    return answer
