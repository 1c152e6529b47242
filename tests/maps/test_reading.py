"""Choosing the reader, the errors of files that are not what they seem, and the arrangement by positions."""

import json
import subprocess
import sys

import numpy as np
import pytest
from maps_wdf import wdf_bytes

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map
from deeper_jax.maps.grid import arrange
from deeper_jax.maps.registry import FORMATS

SPECTRUM = wdf_bytes(np.ones((1, 4)), np.arange(4.0) + 500, kind=1)


def test_files_that_are_missing_empty_or_folders(tmp_path):
    with pytest.raises(InputError, match="none.wdf: no such file"):
        read_map(tmp_path / "none.wdf")
    with pytest.raises(InputError, match="found a folder"):
        read_map(tmp_path)
    (tmp_path / "empty.wip").touch()
    with pytest.raises(InputError, match="empty.wip: found an empty file"):
        read_map(tmp_path / "empty.wip")


def test_misnamed_files_are_named(tmp_path):
    for suffix in (".wip", ".txt", ".npz", ".spc"):
        (tmp_path / f"file{suffix}").write_bytes(SPECTRUM)
        with pytest.raises(InputError, match=f"file{suffix}: found a Renishaw WiRE file.*rename it to .wdf"):
            read_map(tmp_path / f"file{suffix}")
    (tmp_path / "file.wdf").write_text("100\t1\n200\t2\n", encoding="utf-8")
    with pytest.raises(InputError, match="found a text file by its content, expected Renishaw WiRE"):
        read_map(tmp_path / "file.wdf")
    # A suffix that says nothing leaves the content to decide.
    for name in ("file", "file.measured"):
        (tmp_path / name).write_bytes(SPECTRUM)
        assert read_map(tmp_path / name).dims == ("wavenumber",)


def test_unknown_files(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputError, match="'.png' file of an unknown kind.*\\.wdf"):
        read_map(tmp_path / "picture.png")
    (tmp_path / "noise.wdf").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(InputError, match="content is not Renishaw WiRE"):
        read_map(tmp_path / "noise.wdf")
    (tmp_path / "page.xml").write_text("<html><body>no spectra</body></html>", encoding="utf-8")
    with pytest.raises(InputError, match="page.xml"):
        read_map(tmp_path / "page.xml")


# No fixed first bytes; and of TIFF only those of `write_map` are read, which test_map_writing breaks.
_NO_START = ("text", "ENVI", "GRAMS .spc", "LabSpec XML", "OME-TIFF")


@pytest.mark.parametrize("form", [form for form in FORMATS if form.name not in _NO_START])
def test_a_beginning_alone_is_a_damaged_file_of_every_kind(tmp_path, form):
    """The first bytes of each format and then noise: an error that names the file, and nothing else."""
    starts = [b"WDF1", b"WIT_PR06", b"\n\n\xfe\xfe", b"\x93NUMPY", b"PK\x03\x04", b"MATLAB 5.0", b"\x89HDF", b"CDF\x01"]
    (start,) = [start for start in starts if form.looks(start)]
    noise = np.random.default_rng(0).integers(0, 256, 3000, np.uint8).tobytes()
    for rest in (b"", bytes(600), noise):
        path = tmp_path / f"file{form.suffixes[0]}"
        path.write_bytes(start + rest)
        with pytest.raises(InputError, match=f"file{form.suffixes[0]}"):
            read_map(path)


def test_entry_of_a_file_with_one_measurement(tmp_path):
    (tmp_path / "one.wdf").write_bytes(SPECTRUM)
    assert read_map(tmp_path / "one.wdf", entry=0).dims == ("wavenumber",)
    with pytest.raises(InputError, match="no measurement 'second'"):
        read_map(tmp_path / "one.wdf", entry="second")


def test_a_missing_library_is_not_the_files_fault(tmp_path, monkeypatch):
    (tmp_path / "one.wdf").write_bytes(SPECTRUM)
    monkeypatch.setitem(sys.modules, "wdf", None)
    with pytest.raises(InputError, match="one.wdf.*library wdf.*pip install"):
        read_map(tmp_path / "one.wdf")


def test_importing_the_package_needs_no_library():
    libraries = "{'xarray', 'wdf', 'witio', 'spc_io', 'brukeropus', 'h5py', 'scipy.io', 'pandas'}"
    code = f"import sys, deeper_jax.maps; print({libraries} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr


def test_attributes_can_be_stored(tmp_path):
    (tmp_path / "one.wdf").write_bytes(SPECTRUM)
    found = read_map(tmp_path / "one.wdf")
    assert {type(value) for value in found.attrs.values()} <= {str, int, float}
    assert isinstance(json.loads(found.attrs["metadata"]), dict)
    found.to_netcdf(tmp_path / "stored.nc", engine="h5netcdf")
    np.testing.assert_array_equal(read_map(tmp_path / "stored.nc").values, found.values)


GRID_X, GRID_Y = np.meshgrid(np.arange(6) * 0.5, np.arange(5) * 2.0)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_positions_of_a_map_in_any_order(noise):
    random = np.random.default_rng(3)
    order = random.permutation(30)
    scatter = noise * random.uniform(-1, 1, (2, 30))
    places = {"x": GRID_X.ravel()[order] + scatter[0], "y": GRID_Y.ravel()[order] + scatter[1]}
    found = arrange(30, places)
    assert found.dims == ("y", "x") and found.shape == (5, 6)
    placed = found.place(order[:, None].astype(float))[..., 0]
    rows = slice(None) if found.coords["y"][0] < found.coords["y"][-1] else slice(None, None, -1)
    columns = slice(None) if found.coords["x"][0] < found.coords["x"][-1] else slice(None, None, -1)
    np.testing.assert_array_equal(placed[rows, columns], np.arange(30).reshape(5, 6))
    np.testing.assert_allclose(np.sort(found.coords["x"]), np.arange(6) * 0.5, atol=0.011)


def test_positions_of_other_scans():
    x, y = GRID_X.ravel(), GRID_Y.ravel()
    twice = arrange(60, {"x": np.tile(x, 2), "y": np.tile(y, 2), "time": np.arange(60.0)})
    assert twice.dims == ("time", "y", "x") and twice.shape == (2, 5, 6)
    np.testing.assert_array_equal(twice.coords["time"], [0, 30])
    assert twice.place(np.arange(60)[:, None])[1, 0, 2, 0] == 32
    scattered = arrange(40, dict(zip("xy", np.random.default_rng(0).uniform(0, 9, (2, 40)), strict=True)))
    assert scattered.dims == ("spectrum",) and set(scattered.coords) == {"x", "y"}
    assert arrange(4, {"x": np.zeros(4), "y": np.zeros(4)}).dims == ("spectrum",)
    diagonal = arrange(4, {"x": np.arange(4.0), "y": np.arange(4.0)})
    assert diagonal.dims == ("distance",)
    np.testing.assert_allclose(diagonal.coords["distance"], np.sqrt(2) * np.arange(4))
    # Two columns of many pixels are a map, however narrow.
    narrow = arrange(200, {"x": np.tile([0.0, 0.5], 100), "y": np.repeat(np.arange(100.0), 2)})
    assert narrow.dims == ("y", "x") and narrow.shape == (100, 2)


def test_integers_stay_integers_unless_spectra_are_missing():
    spectra = np.arange(30, dtype=np.uint16)[:, None]
    whole = arrange(30, {"x": GRID_X.ravel(), "y": GRID_Y.ravel()})
    assert whole.place(spectra).dtype == np.uint16
    part = arrange(20, {"x": GRID_X.ravel()[:20], "y": GRID_Y.ravel()[:20]})
    placed = part.place(spectra[:20])
    assert placed.dtype.kind == "f" and int(np.isnan(placed).sum()) == 4
