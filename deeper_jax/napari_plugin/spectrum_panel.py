"""The panel "Spectrum": measured and restored, with the 90 % band, at the pixel that was clicked."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from matplotlib.widgets import SpanSelector
from napari.layers import Layer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from deeper_jax.enhancement.report.bands import Band, band_height
from deeper_jax.enhancement.report.spectrum_figure import draw_spectrum
from deeper_jax.errors import InputError
from deeper_jax.evaluation.plot_style import AXIS_LABEL
from deeper_jax.napari_plugin.layers import band_layer, name_of
from deeper_jax.napari_plugin.messages import tell
from deeper_jax.napari_plugin.pixel import (
    PixelSpectrum,
    is_raman,
    middle_of,
    picture_shown,
    shown_of,
    spectrum_at,
)

_HINT = "Click a pixel of a Raman map to see its spectrum."
_HELP = "Click: the map of that wavenumber.\nDrag over a band: a map of its height."


class SpectrumPanel(QWidget):
    """The spectrum of the clicked pixel of the selected layer, or of the topmost Raman map.

    A click in the spectrum moves the viewer's slider to that wavenumber; dragging over a band makes a layer of its
    height.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._position: tuple[float, ...] | None = None
        self.spectrum: PixelSpectrum | None = None
        """What is shown."""
        figure = Figure(layout="constrained")
        self.axes = figure.add_subplot()
        self.canvas = FigureCanvasQTAgg(figure)
        self.canvas.setMinimumSize(320, 240)
        self.canvas.setToolTip(_HELP)
        self.title = QLabel(_HINT)
        layout = QVBoxLayout(self)
        layout.addWidget(self.title)
        layout.addWidget(self.canvas, 1)
        self._channel_line: Any = None
        self._span = SpanSelector(
            *(self.axes, self._chosen, "horizontal"), useblit=False, props={"alpha": 0.2, "facecolor": "tab:blue"}
        )
        self._listen()
        self.redraw()

    def _listen(self) -> None:
        viewer = self._viewer
        events = [
            (viewer.dims.events.current_step, self._move_line),
            (viewer.layers.selection.events.active, self.redraw),
            (viewer.layers.events.inserted, self.redraw),
            (viewer.layers.events.removed, self.redraw),
        ]
        for event, callback in events:
            event.connect(callback)
        viewer.mouse_drag_callbacks.append(self._clicked)
        self.destroyed.connect(partial(_forget, viewer.mouse_drag_callbacks, self._clicked, events))

    def _clicked(self, _: Any, event: Any) -> None:
        if event.type == "mouse_press":
            self.show_at(event.position)

    def show_at(self, position: tuple[float, ...]) -> None:
        """Show the spectrum at a place in the viewer's world; nothing changes where there is no pixel."""
        metadata = self._metadata()
        if metadata is not None and spectrum_at(metadata, position) is not None:
            self._position = tuple(position)
            self.redraw()

    def _metadata(self) -> dict[str, Any] | None:
        """Of the layer that is looked at."""
        layers = self._viewer.layers
        order = [layers.selection.active, *reversed(layers)]
        return next((dict(each.metadata) for each in order if each is not None and is_raman(each.metadata)), None)

    def redraw(self, _: Any = None) -> None:
        """Draw the spectrum of the chosen pixel of the layer that is looked at."""
        self.axes.clear()
        self._channel_line = None
        self.spectrum = None
        metadata = self._metadata()
        if metadata is not None:
            if self._position is not None:
                self.spectrum = spectrum_at(metadata, self._position)
            self.spectrum = self.spectrum or spectrum_at(metadata, middle_of(picture_shown(metadata)))
        found = self.spectrum
        self.title.setText(_HINT if found is None else found.place)
        if found is not None and np.isfinite(found.measured).all():
            draw_spectrum(
                *(self.axes, found.axis),
                before=found.measured,
                after=found.restored,
                std=found.std,
                flagged=found.flagged,
                cosmic_ray=found.cosmic_ray,
                removed=found.removed,
            )
            handles, labels = self.axes.get_legend_handles_labels()
            unique = dict(zip(labels, handles, strict=True))
            self.axes.legend(unique.values(), unique.keys(), fontsize="small", frameon=False)
            self.axes.set_title(_HELP, fontsize="x-small", loc="left")
            self.axes.set_xlabel(AXIS_LABEL)
            self.axes.set_ylabel(f"Intensity ({found.unit})")
        elif found is not None:
            self.title.setText(f"{found.place}: not measured")
        self._move_line()

    def _move_line(self, _: Any = None) -> None:
        """Mark the wavenumber whose map the viewer shows."""
        metadata = self._metadata()
        if self.spectrum is not None and metadata is not None and picture_shown(metadata).is_map:
            picture = picture_shown(metadata)
            channel = picture.channel_at(self._viewer.dims.point, len(self.spectrum.axis))
            place = float(self.spectrum.axis[channel])
            if self._channel_line is None:
                self._channel_line = self.axes.axvline(place, color="tab:blue", lw=0.8, ls="--")
            self._channel_line.set_xdata([place, place])
        self.canvas.draw_idle()

    def _chosen(self, low: float, high: float) -> None:
        """A click or a drag in the spectrum."""
        metadata = self._metadata()
        if self.spectrum is None or metadata is None or not picture_shown(metadata).is_map:
            return
        axis = self.spectrum.axis
        if np.count_nonzero((axis >= low) & (axis <= high)) < 3:
            self.show_wavenumber(0.5 * (low + high))
            return
        try:
            self.show_band(low, high)
        except InputError as error:
            tell(str(error))

    def show_wavenumber(self, wavenumber: float) -> None:
        """Move the viewer's slider to the channel nearest to a wavenumber in cm⁻¹."""
        metadata = self._metadata()
        if metadata is None or self.spectrum is None:
            return
        picture = picture_shown(metadata)
        channel = int(np.abs(self.spectrum.axis - wavenumber).argmin())
        place = picture.translate[picture.spectral] + channel * picture.scale[picture.spectral]
        self._viewer.dims.set_point(self._viewer.dims.ndim - len(picture.scale) + picture.spectral, place)

    def show_band(self, low: float, high: float) -> None:
        """Make a layer of the mean height of a band above the straight line between its ends, low to high in cm⁻¹.

        A layer that was made so before is replaced.
        Raises InputError where the band does not lie within the axis.
        """
        metadata = self._metadata()
        if metadata is None:
            return
        shown, picture = shown_of(metadata), picture_shown(metadata)
        axis = np.asarray(shown["wavenumber"], np.float64)
        low, high = max(low, float(axis[0])), min(high, float(axis[-1]))
        heights = band_height(shown.values, axis, Band(0.5 * (low + high), low, high))
        name = f"{name_of(metadata['measured'])} band"
        made = metadata | {"band": (low, high)}
        for old in [each for each in self._viewer.layers if each.name.startswith(name) and "band" in each.metadata]:
            self._viewer.layers.remove(old)
        words = f"{name} {low:.0f}–{high:.0f} cm⁻¹"
        self._viewer.add_layer(Layer.create(*band_layer(heights, picture, words, made)))


def _forget(callbacks: list[Any], clicked: Callable[..., None], events: list[Any], *_: Any) -> None:
    """Stop listening when the panel is gone."""
    if clicked in callbacks:
        callbacks.remove(clicked)
    for event, callback in events:
        event.disconnect(callback)
