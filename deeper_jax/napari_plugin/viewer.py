"""napari with a map in it, from Python."""

from pathlib import Path
from typing import Any

from deeper_jax.errors import InputError
from deeper_jax.napari_plugin.layers import is_enhanced, map_layers, result_layers


def show_map(data: Any, viewer: Any = None) -> Any:
    """Show a map in napari, with the panels "Enhance" and "Spectrum".

    Args:
        data: a map [..., wavenumber] as `read_map` gives, the data set of `enhance`, or the path of a file.
        viewer: a `napari.Viewer` that is open; None: a new one.

    Returns:
        The viewer. In a script, `napari.run()` then keeps it open.

    Raises:
        InputError: napari is not installed, or a file that cannot be read.
    """
    try:
        import napari
        from napari.layers import Layer
    except ImportError as error:
        raise InputError("show_map needs napari, which is not installed: pip install 'deeper-jax[napari]'.") from error
    from deeper_jax.napari_plugin.enhance_panel import EnhancePanel
    from deeper_jax.napari_plugin.spectrum_panel import SpectrumPanel

    layers = _layers(data)
    viewer = napari.Viewer() if viewer is None else viewer
    for each in layers:
        viewer.add_layer(Layer.create(*each))
    for name, panel in (("Enhance", EnhancePanel), ("Spectrum", SpectrumPanel)):
        if name not in viewer.window.dock_widgets:
            viewer.window.add_dock_widget(panel(viewer), name=name, area="right")
    return viewer


def _layers(data: Any) -> list[Any]:
    if isinstance(data, str | Path):
        from deeper_jax.napari_plugin.reader import layers_of_file

        return layers_of_file(data)
    if hasattr(data, "data_vars"):
        if not is_enhanced(data):
            found = ", ".join(map(str, data.data_vars))
            raise InputError(f"show_map: found a data set of {found}, expected that of enhance(); give its intensity.")
        return result_layers(data)
    if getattr(data, "dims", (None,))[-1] != "wavenumber" or "wavenumber" not in data.coords:
        raise InputError(
            f"show_map: found {type(data).__name__}, expected a map whose last dimension is 'wavenumber'; "
            "deeper_jax.maps.raman_map makes one of arrays."
        )
    return map_layers(data)
