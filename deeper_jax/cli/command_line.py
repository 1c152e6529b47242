"""What the entry points share: quiet libraries, and mistakes of the user's as one sentence."""

import contextlib
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import absl.logging
from absl import flags

from deeper_jax.errors import InputError

_RESUMES = "stopped; the same command resumes from the latest checkpoint."


def run_quietly(name: str, work: Callable[[], None], *, stopped: str = _RESUMES) -> None:
    """Call `work`; an InputError is printed as `name: sentence`, without a traceback, and exits with 2.

    `stopped` is what the user is told who interrupts it.
    """
    # Orbax reports every file it touches at the level of information.
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        with log_shown(sys.stdout):
            work()
    except InputError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{name}: {stopped}", file=sys.stderr)
        sys.exit(130)


@contextlib.contextmanager
def log_shown(stream: TextIO, line: str = "%(message)s") -> Iterator[logging.Logger]:
    """What the package logs is written to a stream, in that format, and nowhere else."""
    log, handler = logging.getLogger("deeper_jax"), logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(line))
    before = log.handlers, log.level, log.propagate
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    try:
        yield log
    finally:
        log.handlers, log.propagate = before[0], before[2]
        log.setLevel(before[1])


def parse_flags(arguments: list[str]) -> list[str]:
    """For `app.run(flags_parser=...)`: a mistake on the command line or in a config is one sentence too."""
    name = Path(arguments[0]).name
    try:
        rest = flags.FLAGS(arguments)
        if "config" in flags.FLAGS and flags.FLAGS.config is not None:
            _ = flags.FLAGS.config.to_dict()  # a config that could not be read complains only when it is used
        return rest
    except AttributeError as error:
        settings = [argument for argument in arguments[1:] if argument.startswith("--config.")]
        unknown = "".join(re.findall(r"\w+", str(error))[:1])
        message = f"the config has no setting {unknown!r} (given: {' '.join(settings)}); its file lists those it has."
    except (flags.Error, ValueError, KeyError, TypeError, OSError) as error:
        # The last sentence is the cause; the libraries wrap it in several others.
        message = [line.strip() for line in str(error).splitlines() if line.strip()][-1]
    print(f"{name}: {message}", file=sys.stderr)
    sys.exit(2)
