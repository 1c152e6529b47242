"""Maps as NumPy archives (.npz): the arrays by name, the rest as a JSON string."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.maps.description import DESCRIPTION, check_version, describe, is_description, numeric_arrays, rebuild

if TYPE_CHECKING:
    import xarray


def write(dataset: xarray.Dataset, path: Path) -> None:
    """Write a new file: every variable and coordinate under its name, 'map_description' a JSON string."""
    content: dict[str, Any] = {**numeric_arrays(dataset), DESCRIPTION: np.array(json.dumps(describe(dataset)))}
    with open(path, "wb") as file:
        np.savez_compressed(file, **content)


def read(path: Path) -> xarray.Dataset | None:
    """What `write` wrote; None if the file is none of ours."""
    if not zipfile.is_zipfile(path):
        return None
    with np.load(path, allow_pickle=False) as file:
        if DESCRIPTION not in file.files:
            return None
        description = json.loads(str(file[DESCRIPTION]))
        if not is_description(description):
            return None
        check_version(description)
        return rebuild(description, {name: file[name] for name in file.files if name != DESCRIPTION})
