"""Maps that are read and written in pieces: the answer is, bit for bit, that of the same map in memory."""

import re

import h5py
import numpy as np
import pytest
import xarray
from numpy.testing import assert_array_equal
from tiny_models import fixed_denoiser, spectra_of_bands, tiny_denoiser

import deeper_jax
from deeper_jax.enhancement import memory_check, pipeline, unloaded_spectra
from deeper_jax.enhancement.report import bands, comparison, cubes, embedded_spectra, page, pictured, write_page
from deeper_jax.enhancement.unloaded_spectra import UnloadedSpectra, is_loaded
from deeper_jax.errors import InputError
from deeper_jax.maps import raman_map, read_data_set, read_map, write_map
from deeper_jax.maps.formats import hdf5


@pytest.fixture(autouse=True)
def tiny_pieces(monkeypatch):
    """Small maps are read in pieces, too."""
    monkeypatch.setattr(pipeline, "SMALL", 0)
    monkeypatch.setattr(hdf5, "_SMALL", 0)
    monkeypatch.setattr(hdf5, "_CHUNK", 700)
    monkeypatch.setattr(unloaded_spectra, "_TOGETHER", 2000)


def interrupted():
    """A map with a cosmic ray, a place that was not measured, and an end that was not reached."""
    values, axis = spectra_of_bands(24, 9)
    values[4, 5, 30] += 900.0
    values[10, 2:5] = np.nan
    values[23, 5:] = np.nan
    return raman_map(values, axis, y=np.arange(24) * 0.5, x=np.arange(9) * 0.5, units="counts")


def line():
    values, axis = spectra_of_bands(1, 40)
    return raman_map(values.astype(np.float32), axis)


def spectrum():
    values, axis = spectra_of_bands()
    return raman_map(values, axis)


def listed():
    values, axis = spectra_of_bands(90)
    return raman_map(np.rint(values).astype(np.uint16), axis)


def stack():
    values, axis = spectra_of_bands(3, 8, 7)
    values[2, 7] = np.nan
    return xarray.DataArray(
        values.astype(np.float32),
        dims=("z", "y", "x", "wavenumber"),
        coords={"wavenumber": axis, "z": np.arange(3.0), "place": (("y", "x"), np.arange(56).reshape(8, 7))},
        attrs={"units": "counts", "source_file": "stack"},
        name="intensity",
    )


def falling():
    return interrupted().astype(np.float32).isel(wavenumber=slice(None, None, -1))


@pytest.mark.parametrize("make", [interrupted, line, spectrum, listed, stack, falling])
def test_a_map_in_pieces_is_enhanced_as_in_memory(make, tmp_path):
    given, model = make(), tiny_denoiser()
    write_map(given, tmp_path / "in.h5")
    unloaded = read_map(tmp_path / "in.h5", lazy=True)
    assert not is_loaded(unloaded)
    expected = deeper_jax.enhance(given, model)
    found = deeper_jax.enhance(unloaded, model, output=tmp_path / "out.h5")
    assert not is_loaded(unloaded) and not is_loaded(found["intensity"])
    xarray.testing.assert_identical(found.load(), expected)
    assert list(found.data_vars) == list(expected.data_vars)
    # The same file, as far as readers of NetCDF and HDF5 see.
    write_map(expected, tmp_path / "at_once.h5")
    with h5py.File(tmp_path / "out.h5") as pieces, h5py.File(tmp_path / "at_once.h5") as whole:
        assert set(pieces) == set(whole) and dict(pieces.attrs).keys() == dict(whole.attrs).keys()
        for name, array in whole.items():
            same = ("dtype", "shape", "chunks", "compression", "compression_opts", "shuffle")
            assert [getattr(pieces[name], each) for each in same] == [getattr(array, each) for each in same]
            assert dict(pieces[name].attrs).keys() == dict(array.attrs).keys()
            assert_array_equal(pieces[name][()], array[()])
    again = deeper_jax.enhance(tmp_path / "in.h5", model)
    assert_array_equal(again["intensity"], expected["intensity"])


@pytest.mark.parametrize("make", [interrupted, listed, stack, falling])
def test_a_small_answer_stays_in_memory_beside_its_file(make, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "SMALL", 1 << 29)
    given, model = make(), tiny_denoiser()
    found = deeper_jax.enhance(given, model, output=tmp_path / "out.h5", made_from="a test")
    assert is_loaded(found["intensity"])
    xarray.testing.assert_identical(read_data_set(tmp_path / "out.h5"), found)
    monkeypatch.setattr(pipeline, "SMALL", found.nbytes // 4)
    assert not is_loaded(deeper_jax.enhance(given, model, output=tmp_path / "lies.h5")["intensity"])


def test_channels_that_are_left_out_and_networks_of_one_axis(tmp_path):
    given = interrupted()
    model = fixed_denoiser(given["wavenumber"].values[8:56])
    write_map(given, tmp_path / "in.nc")
    unloaded = read_map(tmp_path / "in.nc", lazy=True)
    settings = {"outside": "drop", "made_from": "a test"}
    expected = deeper_jax.enhance(given, model, **settings)
    found = deeper_jax.enhance(unloaded, model, output=tmp_path / "out.nc", **settings)
    xarray.testing.assert_identical(found.load(), expected)
    assert found.attrs["made_from"] == "a test" and 48 <= found.sizes["wavenumber"] < 64


@pytest.mark.parametrize("chunks", [(5, 4, 13), (24, 9, 64), (1, 9, 7), (-1, 2, -1)])
def test_maps_with_dask(chunks, tmp_path):
    pytest.importorskip("dask.array")
    given, model = interrupted(), tiny_denoiser()
    found = deeper_jax.enhance(given.chunk(dict(zip(given.dims, chunks, strict=True))), model, output=tmp_path / "o.h5")
    xarray.testing.assert_identical(found.load(), deeper_jax.enhance(given, model))


def test_maps_in_zarr(tmp_path):
    pytest.importorskip("dask.array")
    pytest.importorskip("zarr")
    given, model = interrupted(), tiny_denoiser()
    given.to_dataset().to_zarr(tmp_path / "map.zarr")
    unloaded = xarray.open_zarr(tmp_path / "map.zarr")["intensity"]
    expected = deeper_jax.enhance(given, model)
    assert_array_equal(
        deeper_jax.enhance(unloaded, model, output=tmp_path / "out.h5")["intensity"], expected["intensity"]
    )


def shown_on(page):
    """What a page tells its script: numbers, and words around them."""
    text = page.read_text()
    numbers = re.findall(r'<script type="(?:text/plain|application/json)" id="[a-z-]+">(.*?)</script>', text, re.S)
    return numbers, re.findall(r"<(?:p|li|td|button)[ >].*?</(?:p|li|td|button)>", text, re.S)


@pytest.mark.parametrize(
    ("make", "binned"), [(interrupted, True), (listed, True), (stack, True), (line, False), (spectrum, False)]
)
def test_the_page_of_a_map_in_pieces_is_that_of_the_map_in_memory(make, binned, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "_AT_ONCE", 0)
    monkeypatch.setattr(bands, "_LOOKED_AT", 3000)
    monkeypatch.setattr(page, "_ASKED", 3000)
    monkeypatch.setattr(pictured, "ROWS", 20)
    if binned:
        monkeypatch.setattr(embedded_spectra, "_PAGE", embedded_spectra.LARGEST_PAGE - 8000)
    whole = deeper_jax.enhance(make(), tiny_denoiser(), cosmic_rays="mark")
    write_map(whole, tmp_path / "result.h5")
    write_page(tmp_path / "whole.html", whole)
    monkeypatch.setattr(cubes, "_TOGETHER", 3000)
    write_page(tmp_path / "pieces.html", read_data_set(tmp_path / "result.h5", lazy=True))
    assert shown_on(tmp_path / "pieces.html") == shown_on(tmp_path / "whole.html")
    assert (tmp_path / "pieces.png").read_bytes() == (tmp_path / "whole.png").read_bytes()


def test_other_formats_and_finer_maps_are_written_at_once(tmp_path):
    given, model = interrupted(), tiny_denoiser()
    found = deeper_jax.enhance(given, model, output=tmp_path / "out.npz")
    xarray.testing.assert_identical(read_data_set(tmp_path / "out.npz"), found)
    finer = deeper_jax.enhance(given, model, scale=2, output=tmp_path / "finer.h5")
    assert finer["intensity"].shape == (48, 18, 64)
    xarray.testing.assert_identical(read_data_set(tmp_path / "finer.h5"), finer)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_computed(tmp_path, monkeypatch, caplog):
    given, model = interrupted(), tiny_denoiser()
    monkeypatch.setattr(memory_check, "_TOLD", 1e5)
    with caplog.at_level("INFO", "deeper_jax"):
        deeper_jax.enhance(given, model, use_map=False)
    assert "The enhanced map takes about 0 GB of memory" in caplog.text
    monkeypatch.setattr(memory_check, "machine_memory", lambda: 1e5)
    with pytest.raises(InputError, match=r"this machine has 0 GB: write it to a file in pieces, with output='NAME.h5'"):
        deeper_jax.enhance(given, model)
    with pytest.raises(InputError, match="A finer map takes about"):
        deeper_jax.enhance(given, model, scale=2, output=tmp_path / "out.h5")
    assert deeper_jax.enhance(given, model, use_map=False, output=tmp_path / "out.h5").sizes["y"] == 24


def test_a_file_appears_when_it_is_complete(tmp_path, monkeypatch):
    given, model, path = interrupted(), tiny_denoiser(), tmp_path / "out.h5"
    path.write_text("before")
    with pytest.raises(InputError, match="found an existing file"):
        deeper_jax.enhance(given, model, output=path)
    with pytest.raises(InputError, match="expected one of .h5"):
        deeper_jax.enhance(given, model, output=tmp_path / "out.xyz")

    def fail(*_: object) -> None:
        assert len(list(tmp_path.glob(".out-*"))) == 1
        raise OSError("no space left")

    monkeypatch.setattr(pipeline.EnhancedMap, "finished", fail)
    with pytest.raises(OSError, match="no space left"):
        deeper_jax.enhance(given, model, output=path, overwrite=True)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
    odd = given.assign_attrs(history=["a", "list"])
    with pytest.raises(InputError, match="'history' of type list"):
        deeper_jax.enhance(odd, model, output=path, overwrite=True)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("chunk", [700, 6, 4000, 1 << 16])
def test_rows_of_a_file_are_those_of_the_array(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_CHUNK", chunk)
    given = stack()
    write_map(given, tmp_path / "in.h5")
    rows = UnloadedSpectra(read_map(tmp_path / "in.h5", lazy=True))
    flat = given.values.reshape(-1, 64)
    assert rows.shape == flat.shape and rows.dtype == flat.dtype
    for part in (slice(0, 168), slice(3, 5), slice(55, 130), slice(160, 999), np.array([167, 3, 3, 90, 0, 91, 92])):
        assert_array_equal(rows[part], flat[part])
