"""Import the libraries of the extra `maps` when a file needs them."""

import importlib
from pathlib import Path
from typing import Any

from deeper_jax.errors import InputError


def load_library(name: str, path: Path) -> Any:
    """The module `name`. Raises InputError naming the file and the extra if it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{path}: reading it needs the library {name}, which is not installed; "
            "install it with pip install 'deeper-jax[maps]'."
        ) from error
