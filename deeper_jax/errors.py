"""Errors that are the user's to mend, not the program's."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence or two: it names the file or setting, what was found, what was expected and
    what to do. The entry points print it without a traceback and exit with status 2.
    """


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """' (did you mean 'adam'?)' of a word that is nearly a known one, else ''."""
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def first_line(error: BaseException) -> str:
    """The first line of an error of a library's, or its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


class NotWritten(InputError):
    """A run's files cannot be written, perhaps by one of several processes only."""
