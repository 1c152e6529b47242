"""Draw docs/napari.png, the SIMULATED sample enhanced in napari: python docs/napari_picture.py [FILE.png].

Needs the extra [napari] and a display, such as `xvfb-run -s "-screen 0 1600x1000x24"` gives.
"""

import sys
import time
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

import deeper_jax
from deeper_jax.napari_plugin import show_map


def main(file: Path) -> None:
    """Open, enhance, choose a pixel and a band, and draw the window."""
    viewer = napari.Viewer()
    viewer.window.resize(1500, 900)
    show_map(deeper_jax.sample_map(), viewer)
    panels = {name: viewer.window.dock_widgets[name] for name in ("Enhance", "Spectrum")}
    panels["Enhance"].scale.setCurrentIndex(1)
    ended: list[bool] = []
    panels["Enhance"].enhance().finished.connect(lambda: ended.append(True))
    wait_until(lambda: bool(ended))
    panels["Spectrum"].show_at((1000.0, 5.0, 5.0))
    panels["Spectrum"].show_wavenumber(1450.0)
    panels["Spectrum"].show_band(1400.0, 1500.0)
    viewer.layers["SIMULATED cell cosmic rays"].visible = False
    later = time.monotonic() + 1
    wait_until(lambda: time.monotonic() > later)
    viewer.screenshot(str(file), canvas_only=False, flash=False)
    viewer.close()


def wait_until(true) -> None:
    """Let the window go on meanwhile."""
    while not true():
        QApplication.processEvents()
        time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("napari.png"))
