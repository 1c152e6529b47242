"""The spectral axis: wavenumbers in cm^-1."""

from pathlib import Path

import numpy as np

from deeper_jax.errors import InputError

# Lists the wavenumbers of the files beside it.
AXIS_FILE = "axis.txt"


def read_axis(path: Path) -> np.ndarray | None:
    """The wavenumbers [L] in cm^-1 that a text file lists, float64; None where there is no such file.

    Raises InputError if the text is not numbers.
    """
    if not path.is_file():
        return None
    try:
        return np.array([float(word) for word in path.read_text().replace(",", " ").split()])
    except ValueError as error:
        raise InputError(
            f"{path}: found text that is no number ({error}), expected one wavenumber in cm^-1 a line; correct it."
        ) from error
