"""Read back the files that `write_map` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deeper_jax.errors import InputError
from deeper_jax.maps.formats import MAP_FORMATS
from deeper_jax.maps.libraries import load_library

if TYPE_CHECKING:
    import xarray


def read_own(path: str | Path) -> xarray.Dataset | None:
    """What `write_map` wrote to `path`; None if the file is not one of those.

    A map that was a DataArray comes as a Dataset without attributes whose one variable it is: take
    `["intensity"]`. A file that is too damaged to show whose it is gives None as well.

    Raises InputError if the file is missing, or is ours but damaged, incomplete or of a later version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path.")
    if path.suffix.lower() not in MAP_FORMATS:
        return None
    load_library(MAP_FORMATS[path.suffix.lower()].library)
    try:
        return MAP_FORMATS[path.suffix.lower()].read(path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    # The readers raise a dozen kinds of error on damaged bytes; all mean the same to the user.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: found a map that cannot be read back ({reason}), expected the file as it was written; "
            "it is damaged, cut short or was changed by another program, copy it again."
        ) from error
