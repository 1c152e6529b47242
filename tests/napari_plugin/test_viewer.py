"""The panels in napari, without a window: enhancing the sample, clicking its pixels, mistakes."""

import os
import time
from types import SimpleNamespace

import numpy as np
import pytest

napari = pytest.importorskip("napari", reason="napari is not installed: make test-napari installs it and runs these")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import deeper_jax  # noqa: E402
from deeper_jax.maps import raman_map, write_map  # noqa: E402
from deeper_jax.spectra.raster import finer_coordinates  # noqa: E402


@pytest.fixture(scope="module")
def application():
    from qtpy.QtWidgets import QApplication

    return QApplication.instance() or QApplication([])


@pytest.fixture
def viewer(application):
    from napari.components import ViewerModel
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    return ViewerModel()


def sentences():
    from napari.utils.notifications import notification_manager

    return [str(each.message) for each in notification_manager.records]


def sample_in(viewer, **sizes):
    """The sample, moved to another place of the stage and with y falling."""
    from napari.layers import Layer

    from deeper_jax.napari_plugin.layers import map_layers

    scan = deeper_jax.sample_map(**sizes)
    scan = scan.assign_coords(
        y=("y", 7 - scan["y"].values, scan["y"].attrs), x=("x", 3 + scan["x"].values, {"units": "um"})
    )
    (layer,) = map_layers(scan)
    viewer.add_layer(Layer.create(*layer))
    return scan


def enhanced_by(panel, application):
    """Press the button and wait; the window's events go on meanwhile. How often the bar and the words changed."""
    worker, ended, seen = panel.enhance(), [], set()
    worker.finished.connect(lambda: ended.append(True))
    until = time.monotonic() + 300
    while not ended and time.monotonic() < until:
        application.processEvents()
        seen |= {panel.words.text(), (panel.bar.value(), panel.bar.maximum())}
        assert not panel.button.isEnabled() or ended
        time.sleep(0.01)
    application.processEvents()
    assert ended and panel.button.isEnabled()
    return seen


def click(viewer, *position):
    for callback in list(viewer.mouse_drag_callbacks):
        callback(viewer, SimpleNamespace(type="mouse_press", position=position))


@pytest.mark.parametrize("scale", [1, 2])
def test_the_panel_enhances_and_a_click_shows_the_pixel(viewer, application, scale):
    from deeper_jax.napari_plugin.enhance_panel import EnhancePanel
    from deeper_jax.napari_plugin.spectrum_panel import SpectrumPanel

    scan = sample_in(viewer, height=12, width=10)
    enhance, spectrum = EnhancePanel(viewer), SpectrumPanel(viewer)
    enhance.scale.setCurrentIndex(scale - 1)
    seen = enhanced_by(enhance, application)
    assert (120, 120) in seen and any("denoising" in str(each) for each in seen)
    assert "Noise of the measurement" in enhance.words.text()

    layers = {each.name.removeprefix("SIMULATED cell").strip(): each for each in viewer.layers}
    assert list(layers) == ["", "uncertainty", "restored", "flagged", "cosmic rays"]
    expected = deeper_jax.enhance(scan.isel(y=slice(None, None, -1)), scale=scale)
    steps = (0.5 / scale, 0.5 / scale)
    corner = [
        finer_coordinates(scan[dim].values[::turn], scale, int(scale > 1))[0] for dim, turn in (("y", -1), ("x", 1))
    ]
    for name, variable in (("restored", "intensity"), ("uncertainty", "uncertainty")):
        layer = layers[name]
        np.testing.assert_array_equal(np.moveaxis(layer.data, 0, -1), expected[variable].values)
        np.testing.assert_allclose(layer.scale[1:], steps)
        np.testing.assert_allclose(layer.translate[1:], corner)
        assert [str(each) for each in layer.units] == ["1 / centimeter", "micrometer", "micrometer"]
    for name in ("flagged", "cosmic rays"):
        np.testing.assert_allclose(layers[name].scale, (0.5, 0.5))
        np.testing.assert_allclose(layers[name].translate, (1.5, 3.0))
    # Measured pixels lie on pixels of the finer grid.
    world = layers[""].data_to_world((0, 3, 4))
    assert np.allclose(np.round(layers["restored"].world_to_data(world)), layers["restored"].world_to_data(world))
    assert viewer.layers.units is not None

    viewer.layers.selection.active = layers["flagged"]
    for row, column in ((0, 0), (3, 4), (11, 9)):
        y, x = 1.5 + 0.5 * row, 3 + 0.5 * column
        click(viewer, 1000.0, y + 0.05, x - 0.05)
        found = spectrum.spectrum
        own = {"y_measured": row, "x_measured": column} if scale > 1 else {"y": row, "x": column}
        np.testing.assert_array_equal(found.measured, scan.sel(y=y, x=x).values)
        np.testing.assert_array_equal(found.measured, expected["measured"].isel(own).values)
        np.testing.assert_array_equal(found.restored, expected["intensity"].sel(y=y, x=x).values)
        np.testing.assert_array_equal(found.std, expected["uncertainty"].sel(y=y, x=x).values)
        np.testing.assert_array_equal(found.flagged, expected["flagged"].isel(own).values)
        curves = {line.get_label(): line.get_ydata() for line in spectrum.axes.lines}
        np.testing.assert_array_equal(curves["measured"], found.measured)
        np.testing.assert_array_equal(curves["denoised"], found.restored)
    before = spectrum.spectrum
    click(viewer, 1000.0, -50.0, 3.0)
    np.testing.assert_array_equal(spectrum.spectrum.measured, before.measured)

    axis = scan["wavenumber"].values
    spectrum._chosen(axis[200], axis[200])
    assert viewer.dims.current_step[0] == 200
    spectrum._chosen(1400.0, 1500.0)
    band = viewer.layers[-1]
    assert band.name == "SIMULATED cell band 1400–1500 cm⁻¹"
    np.testing.assert_allclose((*band.scale, *band.translate), (*steps, *corner))
    spectrum._chosen(1000.0, 1100.0)
    assert [each.name for each in viewer.layers if "band" in each.name] == ["SIMULATED cell band 1000–1100 cm⁻¹"]
    assert not sentences()


def test_mistakes_are_one_sentence(viewer, application, tmp_path):
    from napari.layers import Layer

    from deeper_jax.napari_plugin.enhance_panel import EnhancePanel
    from deeper_jax.napari_plugin.layers import map_layers
    from deeper_jax.napari_plugin.reader import get_reader

    panel = EnhancePanel(viewer)
    viewer.add_image(np.ones((5, 6)), name="photo")
    assert panel.layer.count() == 0 and panel.enhance() is None
    spectra = raman_map(np.random.default_rng(0).poisson(50.0, (3, 64)), np.linspace(500, 1800, 64))
    (layer,) = map_layers(spectra)
    viewer.add_layer(Layer.create(*layer))
    panel.scale.setCurrentIndex(1)
    enhanced_by(panel, application)
    assert len(viewer.layers) == 2
    (tmp_path / "scan.wdf").write_bytes(b"WDF1 and no more")
    assert get_reader(str(tmp_path / "scan.wdf"))(str(tmp_path / "scan.wdf")) == [(None,)]
    said = sentences()
    assert "There is no Raman map" in said[0] and "Only a map (y, x) can be made finer" in said[1]
    assert "scan.wdf" in said[2] and len(said) == 3
    assert not any("Traceback" in each or "\n" in each for each in said)


def test_spectra_that_are_no_map_and_pixels_not_measured(viewer, application):
    from napari.layers import Layer

    from deeper_jax.napari_plugin.layers import map_layers
    from deeper_jax.napari_plugin.spectrum_panel import SpectrumPanel

    panel = SpectrumPanel(viewer)
    assert panel.spectrum is None
    spectra = raman_map(np.random.default_rng(0).normal(50, 1, (3, 64)), np.linspace(500, 1800, 64), units="counts")
    spectra[1] = np.nan
    (layer,) = map_layers(spectra)
    shown = viewer.add_layer(Layer.create(*layer))
    for row in (0, 2):
        click(viewer, shown.scale[0] * row, 5.0)
        np.testing.assert_array_equal(panel.spectrum.measured, spectra[row])
    click(viewer, shown.scale[0], 5.0)
    assert "not measured" in panel.title.text()
    panel._chosen(600.0, 800.0)
    assert len(viewer.layers) == 1


def test_a_closed_panel_listens_no_more(viewer, application):
    from qtpy.QtCore import QEvent

    from deeper_jax.napari_plugin.enhance_panel import EnhancePanel
    from deeper_jax.napari_plugin.spectrum_panel import SpectrumPanel

    before = list(viewer.mouse_drag_callbacks)
    for kind in (EnhancePanel, SpectrumPanel):
        panel = kind(viewer)
        panel.deleteLater()
        application.sendPostedEvents(panel, QEvent.Type.DeferredDelete)
    assert viewer.mouse_drag_callbacks == before
    sample_in(viewer, height=4, width=4)
    click(viewer, 1000.0, 2.0, 3.0)


def test_the_manifest_and_what_it_names(application, tmp_path):
    import npe2

    manager = npe2.PluginManager.instance()
    manager.discover(include_npe1=False)
    manifest = manager.get_manifest("deeper-jax")
    manifest.validate_imports()
    assert [each.display_name for each in manifest.contributions.widgets] == ["Enhance", "Spectrum"]
    scan = deeper_jax.sample_map(4, 5)
    write_map(scan, tmp_path / "SCAN.H5")
    ((values, settings, kind),) = npe2.read([str(tmp_path / "SCAN.H5")], stack=False, plugin_name="deeper-jax")
    assert kind == "image" and settings["metadata"]["measured"].equals(scan)
    np.testing.assert_array_equal(values, np.moveaxis(scan.values, -1, 0))
    (sample,) = manager.get_manifest("deeper-jax").contributions.sample_data
    ((values, _, _),) = sample.open()
    assert values.shape == (500, 30, 30)
