"""Maps to HyperSpy's signals and back, with HyperSpy itself."""

import sys

import numpy as np
import pytest
from map_examples import ARRANGEMENTS, raster, rotated, stack_in_depth
from tiny_models import spectra_of_bands, tiny_denoiser

import deeper_jax
from deeper_jax.errors import InputError
from deeper_jax.maps import raman_map, read_map
from deeper_jax.maps.interop import as_map, from_hyperspy, to_hyperspy

hs = pytest.importorskip("hyperspy.api", reason="hyperspy is not installed: it comes with the extra [test]")


@pytest.mark.parametrize("arrangement", sorted(set(ARRANGEMENTS) - {"enhanced", "other_name"}))
def test_there_and_back(arrangement):
    data = ARRANGEMENTS[arrangement]()
    if np.isinf(data.values.astype(float)).any():
        data = data.where(np.isfinite(data)).fillna(0.0).assign_attrs(data.attrs)
    signal = to_hyperspy(data)
    assert type(signal) is hs.signals.Signal1D
    np.testing.assert_array_equal(signal.data, data.values)
    np.testing.assert_array_equal(signal.axes_manager.signal_axes[0].axis, data["wavenumber"])
    names = [axis.name for axis in sorted(signal.axes_manager.navigation_axes, key=lambda axis: axis.index_in_array)]
    assert names == [str(dim) for dim in data.dims[:-1]]
    assert from_hyperspy(signal, like=data).identical(data)
    alone = from_hyperspy(signal)
    assert alone.dims == data.dims
    np.testing.assert_array_equal(alone.values, data.values)
    for dim in ("y", "x", "z", "time", "distance"):
        if dim in data.dims:
            np.testing.assert_allclose(alone[dim], data[dim], rtol=1e-12, atol=1e-12)
    assert alone.attrs["units"] == "counts" and alone.attrs["instrument"] == "Example µ-Raman"


def test_their_axes_are_calibrated():
    data = raman_map(
        np.arange(4 * 3 * 50.0).reshape(4, 3, 50), np.linspace(500, 990, 50), y=np.arange(4) * 0.5, x=[1, 2, 3]
    )
    signal = to_hyperspy(data.assign_attrs(units="counts"))
    x, y = signal.axes_manager.navigation_axes
    assert (x.name, x.units, x.scale, x.offset) == ("x", "µm", 1.0, 1.0)
    assert (y.name, y.units, y.scale, y.offset) == ("y", "µm", 0.5, 0.0)
    axis = signal.axes_manager.signal_axes[0]
    assert (axis.name, axis.units, axis.scale, axis.offset) == ("wavenumber", "1/cm", 10.0, 500.0)
    assert signal.metadata.Signal.quantity == "Intensity (counts)"
    # What HyperSpy does by place and wavenumber is what xarray does.
    np.testing.assert_array_equal(signal.inav[2.0, 1.5].data, data.sel(x=2.0, y=1.5))
    cut = signal.isig[600.0:700.0]
    np.testing.assert_array_equal(from_hyperspy(cut)["wavenumber"], np.arange(600.0, 700.0, 10.0))
    np.testing.assert_array_equal(from_hyperspy(signal.inav[1:, :2]).values, data.values[:2, 1:])
    np.testing.assert_allclose(from_hyperspy(signal.inav[1:, :2])["x"], [2.0, 3.0])
    assert from_hyperspy(cut, like=data).dims == data.dims
    with pytest.raises(InputError, match=r"found \(2, 2\) spectra, but 'like' has \(4, 3\)"):
        from_hyperspy(signal.inav[1:, :2], like=data)


def test_signals_of_others():
    plain = from_hyperspy(hs.signals.Signal1D(np.ones((3, 4, 60))).isig[:])
    assert plain.dims == ("y", "x", "wavenumber") and plain["x"].attrs["units"] == "pixel"
    assert plain.attrs["units"] == "a.u."
    # As HyperSpy's reader of WiRE files names them; millimetres, falling wavenumbers.
    axes = [
        {"name": "Y", "units": "mm", "size": 2, "offset": 1.0, "scale": 0.001, "navigate": True},
        {"name": "X", "units": "mm", "size": 3, "offset": 0.0, "scale": 0.002, "navigate": True},
        {"name": "Wavenumber", "units": "cm^{-1}", "size": 40, "offset": 900.0, "scale": -5.0, "navigate": False},
    ]
    values = np.random.default_rng(0).random((2, 3, 40))
    signal = hs.signals.Signal1D(values, axes=axes)
    for given in (signal, signal.as_lazy()):
        found = from_hyperspy(given)
        np.testing.assert_allclose(found["y"], [1000, 1001])
        np.testing.assert_allclose(found["x"], [0, 2, 4])
        assert found["x"].attrs["units"] == "um"
        np.testing.assert_array_equal(found.values, values[..., ::-1])
    turned = signal.transpose(signal_axes=["Wavenumber"], navigation_axes=["Y", "X"])
    assert from_hyperspy(turned).sizes == {"x": 3, "y": 2, "wavenumber": 40}
    axes[-1] |= {"name": "Wavelength", "units": "nm", "offset": 540.0, "scale": 1.0}
    found = from_hyperspy(hs.signals.Signal1D(values, axes=axes), laser=532.0)
    np.testing.assert_allclose(found["wavenumber"][0], 1e7 / 532 - 1e7 / 540)


def test_what_is_no_spectrum():
    with pytest.raises(InputError, match="found a signal of 2 signal axes"):
        from_hyperspy(hs.signals.Signal2D(np.ones((3, 4, 60))))
    axis = {"name": "Wavelength", "units": "nm", "size": 60, "offset": 540.0, "scale": 1.0, "navigate": False}
    with pytest.raises(InputError, match="wavelengths"):
        from_hyperspy(hs.signals.Signal1D(np.ones(60), axes=[axis]))
    with pytest.raises(InputError, match="expected 1/cm, nm or eV"):
        from_hyperspy(hs.signals.Signal1D(np.ones(60), axes=[axis | {"units": "keV"}]))
    with pytest.raises(InputError, match="expected 'wavenumber' as the last"):
        to_hyperspy(raster().transpose("wavenumber", "y", "x"))


def test_a_file_of_theirs_is_the_signal(tmp_path):
    for data in (rotated(), stack_in_depth()):
        signal = to_hyperspy(data)
        signal.save(tmp_path / "signal.hspy", overwrite=True)
        found = read_map(tmp_path / "signal.hspy")
        assert found.dims == data.dims
        np.testing.assert_array_equal(found.values, data.values)
        np.testing.assert_array_equal(found["wavenumber"], data["wavenumber"])
        np.testing.assert_allclose(found["x"], data["x"])


def test_a_signal_is_enhanced_as_the_map_is():
    import ramanspy

    spectra, axis = spectra_of_bands(4, 5)
    data = raman_map(spectra, axis, y=np.arange(4.0), x=np.arange(5.0), units="counts")
    model = tiny_denoiser()
    expected = deeper_jax.enhance(data, model, use_map=False)
    found = deeper_jax.enhance(to_hyperspy(data), model, use_map=False)
    for name in ("intensity", "uncertainty", "flagged"):
        np.testing.assert_array_equal(found[name], expected[name])
    restored = to_hyperspy(found["intensity"])
    np.testing.assert_array_equal(restored.data, expected["intensity"])
    assert [each.units for each in restored.axes_manager.navigation_axes] == ["µm", "µm"]
    image = ramanspy.SpectralImage(spectra.swapaxes(0, 1), axis)
    np.testing.assert_array_equal(deeper_jax.enhance(image, model, use_map=False)["intensity"], expected["intensity"])
    assert as_map(data) is data


def test_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "hyperspy.api", None)
    with pytest.raises(InputError, match="pip install hyperspy"):
        to_hyperspy(raster())
