"""The libraries of the extra 'maps', imported when they are needed."""

import importlib
from typing import Any

from deeper_jax.errors import InputError


def maps_library(name: str) -> Any:
    """The module `name`, a library of the extra 'maps'.

    Raises InputError, which says how to install the extra, where it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{name}: the library is not installed, which files of maps need; pip install 'deeper-jax[maps]'."
        ) from error
