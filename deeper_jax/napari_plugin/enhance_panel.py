"""The panel "Enhance": choose a Raman map, enhance it beside the running window, and add what came out as layers."""

import logging
from typing import Any

from napari.layers import Layer
from napari.qt.threading import thread_worker
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from deeper_jax.enhancement.options import COSMIC_RAYS, LARGEST_SCALE
from deeper_jax.errors import InputError
from deeper_jax.napari_plugin.layers import ENHANCED, MEASURED, SHOWS, result_layers
from deeper_jax.napari_plugin.messages import tell

_COSMIC_RAYS = dict(zip(("remove the certain", "only mark them", "do not look for any"), COSMIC_RAYS, strict=True))


class EnhancePanel(QWidget):
    """Enhances the measured spectra of a layer with the package's own network.

    It adds the restored map, its uncertainty, the flagged pixels and those with cosmic rays, where they lie on the
    sample; at a scale above 1 the first two are on the finer grid.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._worker: Any = None
        self.layer, self.scale, self.cosmic_rays = QComboBox(), QComboBox(), QComboBox()
        self.scale.addItems(["as measured", *(f"{times} times finer" for times in range(2, LARGEST_SCALE + 1))])
        self.cosmic_rays.addItems(list(_COSMIC_RAYS))
        self.button, self.bar, self.words = QPushButton("Enhance"), QProgressBar(), QLabel("")
        self.words.setWordWrap(True)
        self.bar.hide()
        form = QFormLayout()
        for name, field in (("Map", self.layer), ("Grid", self.scale), ("Cosmic rays", self.cosmic_rays)):
            form.addRow(name, field)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        for each in (self.button, self.bar, self.words):
            layout.addWidget(each)
        layout.addStretch()

        self._news = _News(self)
        self._news.said.connect(self._say)
        self._news.done.connect(self._show_progress)
        self.button.clicked.connect(self.enhance)
        events = [napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed]
        for event in events:
            event.connect(self._list_maps)
        self.destroyed.connect(lambda *_: [event.disconnect(self._list_maps) for event in events])
        self._list_maps()

    def _list_maps(self, _: Any = None) -> None:
        """Offer the layers that hold spectra as they were measured, the newest first."""
        before = self.layer.currentText()
        names = [each.name for each in reversed(self._viewer.layers) if each.metadata.get(SHOWS) == MEASURED]
        self.layer.clear()
        self.layer.addItems(names)
        if before in names:
            self.layer.setCurrentText(before)

    def enhance(self, *_: Any) -> Any:
        """Begin, in a thread of its own; the worker, or None where there is nothing to enhance."""
        name = self.layer.currentText()
        if name not in self._viewer.layers:
            tell("There is no Raman map among the layers: open a file of spectra, or File > Open Sample.")
            return None
        layer = self._viewer.layers[name]
        options = {
            "scale": self.scale.currentIndex() + 1,
            "cosmic_rays": _COSMIC_RAYS[self.cosmic_rays.currentText()],
        }
        self._busy(True)
        self._worker = thread_worker(_enhanced)(layer.metadata[MEASURED], options, self._news)
        self._worker.returned.connect(lambda answer: self._finished(answer, layer))
        self._worker.finished.connect(lambda: self._busy(False))
        self._worker.start()
        return self._worker

    def _finished(self, answer: Any, layer: Any) -> None:
        if isinstance(answer, str):
            self.words.setText(answer)
            tell(answer)
            return
        from deeper_jax.enhancement.report import summary_sentences

        measured = layer.metadata[MEASURED]
        layer.metadata = {**layer.metadata, ENHANCED: answer}
        added = [self._viewer.add_layer(Layer.create(*each)) for each in result_layers(answer, measured)]
        self._viewer.layers.selection.active = next(each for each in added if each.metadata.get(SHOWS) == ENHANCED)
        self.words.setText("\n\n".join(summary_sentences(answer)))

    def _busy(self, busy: bool) -> None:
        self.button.setEnabled(not busy)
        self.bar.setRange(0, 0)
        self.bar.setVisible(busy)

    def _say(self, words: str) -> None:
        self.words.setText(words)

    def _show_progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)


class _News(QObject):
    """Carries what `enhance` says from its thread to the window's."""

    said = Signal(str)
    done = Signal(int, int)


def _enhanced(data: Any, options: dict[str, Any], news: Any) -> Any:
    """The enhanced map, or the sentence that says why there is none: an error that is returned would be raised."""
    from deeper_jax.enhancement.pipeline import enhance

    log, handler = logging.getLogger("deeper_jax"), logging.Handler()
    handler.emit = lambda record: news.said.emit(f"{record.getMessage()} ...")  # type: ignore[method-assign]
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        return enhance(data, progress=news.done.emit, **options)
    except InputError as error:
        return str(error)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
