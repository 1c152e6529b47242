"""What the commands share: mistakes as one sentence, and messages on the terminal."""

import argparse
import contextlib
import logging
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn, TextIO

from deeper_jax.errors import InputError

STOPPED = "stopped."
# What brings the libraries that a plain installation leaves out.
EXTRAS = {
    "tensorflow": "train",
    "tensorflow_datasets": "train",
    "pywt": "train",
    "torch": "torch",
    "pybaselines": "test",
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence and exit status 2."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings, allow_abbrev=False)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print the message with the way to help, and exit."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help.\n")


def stop_when_asked(name: str) -> None:
    """On SIGTERM, end this process at once with a sentence and status 143; a training takes over when it begins."""

    def leave(number: int, _: object) -> None:
        # Nothing is raised: in the midst of an import or a destructor it would be passed over.
        os.write(2, f"\n{name}: stopped on request before it was done.\n".encode())
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def run_command(parser: Parser, arguments: Sequence[str], name: str) -> None:
    """Parse a command line and call the `run` that the command has set as a default.

    Commands that set `takes_settings` find the `--config.KEY=VALUE` in `options.settings`; all find the whole line in
    `options.command_line`.
    """
    options, rest = parser.parse_known_args(arguments)
    options.settings = _settings(parser, rest, allowed=getattr(options, "takes_settings", False))
    options.command_line = shlex.join([*(["python"] if name.endswith(".py") else []), name, *arguments])
    run_quietly(name, lambda: options.run(options), stopped=getattr(options, "stopped", STOPPED))


def _settings(parser: Parser, rest: list[str], allowed: bool) -> list[str]:
    """`--config.KEY VALUE` and `--config.KEY=VALUE`, all as the latter."""
    found: list[str] = []
    for argument in rest:
        if allowed and found and "=" not in found[-1] and not argument.startswith("--"):
            found[-1] += f"={argument}"
        elif allowed and argument.startswith("--config."):
            found.append(argument)
        else:
            parser.error(f"unexpected argument {argument!r}")
    for argument in found:
        if "=" not in argument:
            parser.error(f"{argument} has no value: give {argument}=VALUE")
    return found


def run_quietly(name: str, work: Callable[[], None], *, stopped: str = STOPPED) -> None:
    """Call `work`; an InputError is printed as `name: sentence`, without a traceback, and exits with 2.

    So is a library that is not installed and comes with an extra. `stopped` is what the user is told who interrupts.
    """
    # Orbax reports every file it touches, and as tracebacks the errors that it raises, through a logger of absl's own.
    import absl.logging

    absl.logging.set_verbosity(absl.logging.FATAL)
    warnings.showwarning = lambda message, *_, **__: print(f"{name}: warning: {message}", file=sys.stderr)
    try:
        with log_shown(sys.stdout), extras_named():
            work()
    except InputError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{name}: {stopped}", file=sys.stderr)
        sys.exit(130)


def name_or_number(entry: str | None) -> str | int | None:
    """An `--entry` as `read_map` takes it: digits are a number."""
    return int(entry) if entry and entry.isdigit() else entry


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


@contextlib.contextmanager
def extras_named() -> Iterator[None]:
    """A library that an extra would bring, and that is missing, is an InputError that names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in EXTRAS:
            raise
        raise InputError(
            f"this needs {library}, which is not installed: pip install 'deeper-jax[{EXTRAS[library]}]'."
        ) from error
