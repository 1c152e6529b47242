"""Errors that are the user's to mend, not the program's."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence or two: it names the file or setting, what was found, what was expected and
    what to do. The entry points print it without a traceback and exit with status 2.
    """
