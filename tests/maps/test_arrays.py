"""Reading maps from array files: .npz, .mat of every version, .npy, HDF5 and NetCDF."""

import h5py
import numpy as np
import pytest
import scipy.io
import xarray
from paths import SHARED

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map

FILES = SHARED / "data"
real = pytest.mark.skipif(not FILES.is_dir(), reason="the folder of real data is absent")
CUBE = np.random.default_rng(0).normal(100, 10, (3, 4, 6)).astype(np.float32)
AXIS = np.linspace(1700.0, 700.0, 6)
X, Y = np.array([0.0, 2.0, 4.0, 6.0]), np.array([9.0, 8.0, 7.0])
ARRAYS = {"cube": CUBE, "Wavenumbers": AXIS, "x": X, "y": Y}


def save_v73(path, arrays):
    """As MATLAB's -v7.3 does: HDF5 behind a 512-byte header, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, array in arrays.items():
            file.create_dataset(key, data=np.atleast_2d(array).T)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def save_h5(path, arrays):
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file.create_dataset(f"measurement/{key}", data=array)


SAVERS = {
    "npz": lambda path, arrays: np.savez(path, **arrays),
    "v5.mat": lambda path, arrays: scipy.io.savemat(path, arrays),
    "v73.mat": save_v73,
    "h5": save_h5,
    "hdf5": save_h5,
}


def save(folder, kind, arrays):
    path = folder / f"file.{kind}"
    SAVERS[kind](path, arrays)
    return path


@pytest.mark.parametrize("kind", SAVERS)
def test_cube_with_coordinates(tmp_path, kind):
    found = read_map(save(tmp_path, kind, ARRAYS))
    assert found.dims == ("y", "x", "wavenumber") and found.name == "intensity"
    np.testing.assert_array_equal(found.values, CUBE[..., ::-1])
    np.testing.assert_array_equal(found.wavenumber, AXIS[::-1])
    np.testing.assert_array_equal(found.x, X)
    np.testing.assert_array_equal(found.y, Y)
    assert found.x.attrs["units"] == "um" and found.attrs["source_file"] == f"file.{kind}"


@pytest.mark.parametrize("kind", ["npz", "v5.mat", "v73.mat", "h5"])
def test_lists_of_spectra_and_one_spectrum(tmp_path, kind):
    rows, columns = np.repeat(Y, 4), np.tile(X, 3)
    order = np.random.default_rng(1).permutation(12)
    flat = {"spectra": CUBE.reshape(12, 6)[order], "shift": AXIS, "x": columns[order], "y": rows[order]}
    found = read_map(save(tmp_path, kind, flat))
    assert found.dims == ("y", "x", "wavenumber")
    for n in range(12):
        np.testing.assert_array_equal(found.sel(x=columns[n], y=rows[n]).values, CUBE.reshape(12, 6)[n, ::-1])
    listed = read_map(save(tmp_path, kind, {"spectra": CUBE.reshape(12, 6), "wn": AXIS}))
    assert listed.dims == ("spectrum", "wavenumber")
    np.testing.assert_array_equal(listed.values, CUBE.reshape(12, 6)[:, ::-1])
    shaped = {"spectra": CUBE.reshape(12, 6), "wn": AXIS, "image_shape": np.array([3, 4])}
    assert read_map(save(tmp_path, kind, shaped)).shape == (3, 4, 6)
    one = read_map(save(tmp_path, kind, {"spectrum": CUBE[0, 0], "wn": AXIS}))
    assert one.dims == ("wavenumber",)
    np.testing.assert_array_equal(one.values, CUBE[0, 0, ::-1])


def test_spectral_axis_first_pixels_and_wavelengths(tmp_path):
    turned = {"data": np.moveaxis(CUBE, -1, 0), "wavelength": 1 / (1 / 785.0 - AXIS * 1e-7), "laser_nm": 785.0}
    found = read_map(save(tmp_path, "npz", turned))
    np.testing.assert_allclose(found.wavenumber, AXIS[::-1])
    np.testing.assert_array_equal(found.values, CUBE[..., ::-1])
    assert found.x.attrs["units"] == "pixel" and found.x.values.tolist() == [0, 1, 2, 3]
    turned.pop("laser_nm")
    with pytest.raises(InputError, match="no laser wavelength"):
        read_map(save(tmp_path, "npz", turned))


@real
def test_real_files():
    content = np.load(FILES / "cartilage_map_real.npz")
    found = read_map(FILES / "cartilage_map_real.npz")
    assert found.dims == ("y", "x", "wavenumber") and found.shape == (25, 35, 300)
    for name in ("x", "y", "wavenumber"):
        np.testing.assert_array_equal(found[name], content[name])
    np.testing.assert_array_equal(found.values, content["cube"])
    pairs = np.load(FILES / "cell_pairs_real.npz")
    with pytest.raises(InputError, match="'low'.*'high'.*say which entry"):
        read_map(FILES / "cell_pairs_real.npz")
    low = read_map(FILES / "cell_pairs_real.npz", entry="low")
    assert low.dims == ("spectrum", "wavenumber") and low.dtype == np.uint16
    np.testing.assert_array_equal(low.values, pairs["low"])
    np.testing.assert_array_equal(read_map(FILES / "cell_pairs_real.npz", entry=1).values, pairs["high"])


def test_entry_and_other_arrays_of_a_file(tmp_path):
    more = ARRAYS | {"mean": CUBE.mean((0, 1)), "mask": np.ones((3, 4), bool), "label": np.array("tissue")}
    assert read_map(save(tmp_path, "npz", more)).attrs["title"] == "cube"
    path = save(tmp_path, "npz", more | {"raw": CUBE + 1})
    with pytest.raises(InputError, match="'cube'.*'raw'"):
        read_map(path)
    np.testing.assert_array_equal(read_map(path, entry="raw").values, (CUBE + 1)[..., ::-1])
    assert read_map(path, entry="mean").dims == ("wavenumber",)
    with pytest.raises(InputError, match="no measurement 'nothing'"):
        read_map(path, entry="nothing")


def test_axis_from_elsewhere(tmp_path):
    np.save(tmp_path / "cube.npy", CUBE)
    with pytest.raises(InputError, match="no spectral axis.*wavenumbers=.*axis.txt"):
        read_map(tmp_path / "cube.npy")
    by_array = read_map(tmp_path / "cube.npy", wavenumbers=AXIS)
    np.testing.assert_array_equal(by_array.values, CUBE[..., ::-1])
    np.savetxt(tmp_path / "shifts.txt", AXIS)
    xarray.testing.assert_identical(read_map(tmp_path / "cube.npy", wavenumbers=tmp_path / "shifts.txt"), by_array)
    np.savetxt(tmp_path / "axis.txt", AXIS)
    xarray.testing.assert_identical(read_map(tmp_path / "cube.npy"), by_array)
    with pytest.raises(InputError, match="spectra of 5 channels"):
        read_map(tmp_path / "cube.npy", wavenumbers=AXIS[:5])
    with pytest.raises(InputError, match="none.txt: no such file"):
        read_map(tmp_path / "cube.npy", wavenumbers=tmp_path / "none.txt")
    # What the caller gives counts first, then the file's own axis, then the one beside it.
    np.testing.assert_array_equal(
        read_map(save(tmp_path, "npz", ARRAYS), wavenumbers=AXIS + 1).wavenumber, AXIS[::-1] + 1
    )
    np.savetxt(tmp_path / "axis.txt", AXIS + 2)
    np.testing.assert_array_equal(read_map(save(tmp_path, "npz", ARRAYS)).wavenumber, AXIS[::-1])


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize("dims", [("y", "x", "wavenumber"), ("wavenumber", "x", "y")])
def test_netcdf_keeps_its_own_dimensions(tmp_path, engine, dims):
    array = xarray.DataArray(CUBE, {"y": Y, "x": X, "wavenumber": AXIS}, ("y", "x", "wavenumber"), name="intensity")
    array.transpose(*dims).to_netcdf(tmp_path / "map.nc", engine=engine)
    found = read_map(tmp_path / "map.nc")
    assert found.dims == ("y", "x", "wavenumber")
    np.testing.assert_array_equal(found.values, CUBE[..., ::-1])
    np.testing.assert_array_equal(found.y, Y)


def test_axes_that_cannot_be_used(tmp_path):
    for axis, message in (
        (np.where(AXIS > 1600, np.nan, AXIS), "1 wavenumbers that are missing or no numbers"),
        (np.where(AXIS > 1200, 1500.0, AXIS), "1500 cm.* 3 times"),
    ):
        with pytest.raises(InputError, match=message):
            read_map(save(tmp_path, "npz", {"cube": CUBE, "wavenumber": axis}))
    with pytest.raises(InputError, match="'cube' .3, 4, 6., .*expected spectra of 5"):
        read_map(save(tmp_path, "npz", {"cube": CUBE, "wavenumber": AXIS[:5]}))
    with pytest.raises(InputError, match="expected spectra"):
        read_map(save(tmp_path, "npz", {"label": np.array("nothing")}))
    mixed = AXIS[[0, 2, 1, 3, 5, 4]]
    found = read_map(save(tmp_path, "npz", {"cube": CUBE, "wavenumber": mixed}))
    np.testing.assert_array_equal(found.wavenumber, AXIS[::-1])
    np.testing.assert_array_equal(found.sel(wavenumber=AXIS[1]).values, CUBE[..., 2])


def test_interrupted_list_of_places(tmp_path):
    flat = {"spectra": CUBE.reshape(12, 6)[:9], "shift": AXIS, "x": np.tile(X, 3)[:9], "y": np.repeat(Y, 4)[:9]}
    found = read_map(save(tmp_path, "npz", flat))
    assert found.shape == (3, 4, 6) and found.attrs["missing_spectra"] == 3
