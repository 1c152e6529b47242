"""Raman maps in napari: a reader, a sample, a panel that enhances and one that shows a pixel's spectrum.

`napari.yaml` tells napari what there is. `show_map(data)` opens a viewer with it all from Python.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deeper_jax.napari_plugin.viewer import show_map

__all__ = ["show_map"]


def __getattr__(name: str) -> Any:
    # napari, and Qt with it, is imported only when it is used.
    if name != "show_map":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deeper_jax.napari_plugin.viewer import show_map

    return show_map
