"""Several processes as one run: joining them, letting the first go ahead, and ending together.

Each process sees its own devices; `jax.devices()` are those of all. A folder that all processes see (the run's
directory and the data) is taken for granted.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from deeper_jax.errors import InputError, NotWritten, first_line
from deeper_jax.training.supervisor import TRY_AGAIN

Result = TypeVar("Result")
# How JAX calls the ways by which a process finds the others.
DETECTED = {"auto": None, "slurm": "slurm", "mpi": "ompi"}
# What the first process tells the others while it prepares data, and the longest message in bytes.
_UNDER_WAY, _LONGEST = "under way", 2048
RESUME = "the same commands, started again, resume from the latest checkpoint."
LOST = f"another process of this run ended or cannot be reached; {RESUME}"
_SIGNS_OF_LOSS = ("gloo", "nccl", "closed by peer", "connection reset", "unavailable", "coordination", "heartbeat")


def read_coordinator(text: str) -> tuple[str, int, int]:
    """('HOST:PORT', rank, count) of `HOST:PORT,RANK,COUNT`.

    Raises:
      InputError: `text` is of another form, or rank and count do not go together.
    """
    match = re.fullmatch(r"([^,\s]+:\d+),(\d+),(\d+)", text)
    if not match:
        raise InputError(
            f"--distributed is {text!r}; give {', '.join(DETECTED)} or HOST:PORT,RANK,COUNT, such as "
            "node1:8476,0,2 for the first of two processes whose first runs on node1."
        )
    address, rank, count = match.group(1), int(match.group(2)), int(match.group(3))
    if not rank < count:
        raise InputError(f"--distributed is {text!r}: with {count} process(es) the rank is 0 to {count - 1}.")
    return address, rank, count


def join(how: str, heartbeat_timeout: int) -> None:
    """Make this process one of a run's; to be called before JAX touches a device.

    Args:
      how: 'HOST:PORT,RANK,COUNT'; or 'slurm', 'mpi' (Open MPI), 'auto' to have JAX find the others in the
        environment, in which case every process takes the one GPU that has its number on the host.
      heartbeat_timeout: seconds without a sign of life after which a process counts as lost.

    Raises:
      InputError: `how` is not understood, or the environment is not that of such a job.
    """
    if heartbeat_timeout < 1:
        raise InputError(f"--heartbeat-timeout is {heartbeat_timeout}; give 1 second or more.")
    address, rank, count, method = None, None, None, DETECTED.get(how)
    if how not in DETECTED:
        address, rank, count = read_coordinator(how)
        method = "deactivate"
    # JAX ends this process by an abort where another is lost: the stacks of all threads would hide its message.
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    # Between processes XLA's own collectives on the CPU do not reach.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            address,
            count,
            rank,
            cluster_detection_method=method,
            heartbeat_timeout_seconds=heartbeat_timeout,
        )
    except ValueError as error:
        raise InputError(
            f"--distributed={how}: found no such job in the environment ({error}); start the processes with srun "
            "or mpirun, or give HOST:PORT,RANK,COUNT."
        ) from error
    except RuntimeError as error:
        raise InputError(f"--distributed={how}: the processes did not come together ({first_line(error)})") from error


@contextmanager
def together(how: str, heartbeat_timeout: int) -> Iterator[None]:
    """Join the other processes, and leave with them; the loss of one ends all, with a sentence."""
    join(how, heartbeat_timeout)
    try:
        yield
    except NotWritten as error:
        _leave_at_once(error)
    except (InputError, SystemExit):
        # All processes come here, at the same step.
        jax.distributed.shutdown()
        raise
    except BaseException as error:
        _leave_at_once(error)
    jax.distributed.shutdown()


def _leave_at_once(error: BaseException) -> None:
    """End without waiting for processes that may wait for this one."""
    who, status = f"process {jax.process_index()} of {jax.process_count()}", 1
    if isinstance(error, jax.errors.JaxRuntimeError) and any(sign in str(error).lower() for sign in _SIGNS_OF_LOSS):
        print(f"{who}: {LOST} ({first_line(error)})", file=sys.stderr)
        status = TRY_AGAIN
    elif isinstance(error, NotWritten):
        print(f"{who}: {error}", file=sys.stderr)
        status = 2
    elif isinstance(error, KeyboardInterrupt):
        print(f"{who}: stopped; {RESUME}", file=sys.stderr)
        status = 130
    else:
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return jax.process_index() == 0


def first_goes_ahead(work: Callable[[], Result]) -> Result:
    """`work()` in the first process, and once it is done there in the others: they find its files.

    Raises:
      InputError: in every process, if `work` raises it in the first.
    """
    if jax.process_count() == 1:
        return work()
    result = _first_does(work)
    return result if is_first() else work()  # type: ignore[return-value]


def first_alone(work: Callable[[], None]) -> None:
    """`work()` in the first process only, which the others wait for; otherwise as `first_goes_ahead`."""
    if jax.process_count() == 1:
        work()
    else:
        _first_does(work)


def _first_does(work: Callable[[], Result]) -> Result | None:
    """What `work()` gives in the first process, which does it in a thread.

    Meanwhile all exchange every moment whether it is done: a single exchange that waited for hours would time out.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work) if is_first() else None
        while True:
            outcome = _told_by_first(_outcome(future))
            if outcome != _UNDER_WAY:
                break
            time.sleep(0.1)
    if future is not None:
        return future.result()
    if outcome:
        raise InputError(outcome)
    return None


def all_do(work: Callable[[], Result]) -> Result:
    """`work()` in every process, which returns once all are done with it, in all at about the same time.

    For what takes one much longer than another, as compiling may: an exchange gives up on a process that comes 30
    seconds late. Meanwhile all exchange every moment, as in `_first_does`.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        while not in_all(future.done()):
            time.sleep(0.1)
    return future.result()


def _outcome(future: Future | None) -> str:
    if future is None or not future.done():
        return _UNDER_WAY
    error = future.exception()
    return str(error) or type(error).__name__ if error else ""


def _told_by_first(text: str) -> str:
    """`text` as the first process has it; as much as fits into a message."""
    letters = np.frombuffer(text.encode()[:_LONGEST].ljust(_LONGEST), np.uint8)
    return bytes(np.asarray(multihost_utils.broadcast_one_to_all(letters))).decode(errors="ignore").rstrip()


def same_text(text: str) -> str:
    """`text`, of 2048 bytes at most, as the first process has it."""
    return text if jax.process_count() == 1 else _told_by_first(text)


def in_all(good: bool) -> bool:
    """Whether `good` holds in every process."""
    return good if jax.process_count() == 1 else bool(multihost_utils.process_allgather(np.bool_(good)).all())


def same_everywhere(tree: Any) -> Any:
    """`tree`, of arrays, as the first process has it: hosts may differ in the last bit of what they compute."""
    return tree if jax.process_count() == 1 else multihost_utils.broadcast_one_to_all(tree)
