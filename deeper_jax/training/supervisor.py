"""Running a process of a distributed run as a child, so that its end is told in a sentence.

Where another process is lost, JAX's own service ends this one from inside by an abort: Python has no say in it. The
parent sees the abort and turns it into a sentence and an exit status.
"""

import ctypes
import os
import signal
import subprocess
import sys
from typing import Any

_MARK = "DEEPER_JAX_SUPERVISED"
# EX_TEMPFAIL of sysexits.h: nothing is wrong with this process; a scheduler may start the job again.
TRY_AGAIN = 75
_LINUX_PR_SET_PDEATHSIG = 1


def is_child() -> bool:
    """Whether this process is supervised already; a child then dies when its parent does."""
    if os.environ.get(_MARK) is None:
        return False
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_LINUX_PR_SET_PDEATHSIG, signal.SIGKILL)
    return True


def supervise(name: str, sentence: str) -> int:
    """Run this program again as a child and wait for it; its exit status, or `TRY_AGAIN` if it was ended by an abort.

    Signals to stop are passed on. After an abort, `name: sentence` is printed.
    """
    child = subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env={**os.environ, _MARK: "1"})

    def pass_on(number: int, _: Any) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    status = child.wait()
    if status == -signal.SIGABRT:
        print(f"{name}: {sentence}", file=sys.stderr, flush=True)
        return TRY_AGAIN
    return status if status >= 0 else 128 - status
