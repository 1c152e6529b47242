"""Import the libraries of the extra `maps` when they are needed."""

import importlib
from pathlib import Path
from typing import Any

from deeper_jax.errors import InputError


def load_library(name: str, path: Path | None = None) -> Any:
    """The module `name`. Raises InputError naming the file, if given, and the extra if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        needs = f"{path}: it needs" if path else "Files of maps need"
        raise InputError(
            f"{needs} the library {name}, which is not installed; install it with pip install 'deeper-jax[maps]'."
        ) from error
