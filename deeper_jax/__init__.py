"""Deep-learning Raman imaging in JAX: denoising and hyperspectral super-resolution.

`deeper_jax.enhance(path)` takes an instrument's file, `deeper_jax.restore(spectra, wavenumbers)` arrays;
`deeper_jax.load(path)` gives a model that takes arrays; `deeper_jax.maps` reads and writes maps;
`deeper_jax.sample_map()` simulates a small one to begin with.
"""

import importlib
from typing import TYPE_CHECKING, Any

from deeper_jax.errors import InputError
from deeper_jax.version import __version__

if TYPE_CHECKING:
    from deeper_jax import maps
    from deeper_jax.data.sample_map import sample_map
    from deeper_jax.enhancement.pipeline import enhance
    from deeper_jax.enhancement.restore import restore
    from deeper_jax.tasks.load import load

__all__ = ["InputError", "__version__", "enhance", "load", "maps", "restore", "sample_map"]

# Imported when they are first used: JAX takes a second.
_MODULES = {
    "enhance": "deeper_jax.enhancement.pipeline",
    "load": "deeper_jax.tasks.load",
    "restore": "deeper_jax.enhancement.restore",
    "sample_map": "deeper_jax.data.sample_map",
}


def __getattr__(name: str) -> Any:
    if name == "maps":
        return importlib.import_module("deeper_jax.maps")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
