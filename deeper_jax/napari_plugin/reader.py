"""napari's way to open files: what `read_map` reads, and maps that `enhance` wrote with all that they hold."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deeper_jax.errors import InputError
from deeper_jax.napari_plugin.layers import Layer, is_enhanced, map_layers, result_layers
from deeper_jax.napari_plugin.messages import tell

# Other readers of napari know these; they are taken only where they hold spectra.
_SHARED = (".tif", ".tiff", ".npy", ".img")
# What napari takes for "nothing to show".
_NOTHING: list[Any] = [(None,)]


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """The function that reads these files; None where they are none of Raman spectra."""
    paths = [path] if isinstance(path, str) else list(path)
    return read_layers if paths and all(_may_be_spectra(Path(each)) for each in paths) else None


def read_layers(path: str | Sequence[str]) -> list[Any]:
    """The layers of one file, or of several; a file that cannot be read is told by napari in one sentence."""
    layers: list[Any] = []
    for each in [path] if isinstance(path, str) else path:
        try:
            layers += layers_of_file(each)
        except InputError as error:
            tell(str(error))
    return layers or _NOTHING


def layers_of_file(path: str | Path) -> list[Layer]:
    """The layers of one file: what `enhance` wrote with all it holds, any other as the map it is.

    Raises InputError as `read_map`.
    """
    from deeper_jax.maps import read_map
    from deeper_jax.maps.reading import read_own
    from deeper_jax.maps.registry import format_of

    format_of(Path(path))
    own = read_own(path)
    return result_layers(own) if own is not None and is_enhanced(own) else map_layers(read_map(path))


def _may_be_spectra(path: Path) -> bool:
    from deeper_jax.maps.reading import read_own
    from deeper_jax.maps.registry import envi_header
    from deeper_jax.spectra.axis import AXIS_FILE

    suffix = path.suffix.lower()
    if path.is_dir():
        return False
    if suffix not in _SHARED:
        return True
    if suffix == ".npy":
        return (path.parent / AXIS_FILE).is_file()
    if suffix == ".img":
        return envi_header(path) is not None
    try:
        return read_own(path) is not None
    except InputError:
        # One of ours that is damaged: reading it tells how.
        return path.is_file()
