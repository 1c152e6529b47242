"""HDF5 files that would read other files are refused wherever HDF5 is read; links within a file are followed."""

import shutil

import h5py
import numpy as np
import pytest
from map_examples import enhanced

from deeper_jax.data.files import read_pairs
from deeper_jax.data.image_files import read_images
from deeper_jax.errors import InputError
from deeper_jax.maps import read_data_set, read_map, write_map

CUBE = np.random.default_rng(0).normal(100, 10, (3, 4, 6)).astype(np.float32)
AXIS = np.linspace(1700.0, 700.0, 6)
SECRET = np.arange(CUBE.size, dtype="f4").reshape(CUBE.shape)


def external(file, secret):
    file.create_dataset("cube", CUBE.shape, "f4", external=[(str(secret), 0, SECRET.nbytes)])


def link(file, secret):
    file["cube"] = h5py.ExternalLink(str(secret.with_name("secret.h5")), "/cube")


def virtual(file, secret):
    layout = h5py.VirtualLayout(CUBE.shape, "f4")
    layout[:] = h5py.VirtualSource(str(secret.with_name("secret.h5")), "cube", CUBE.shape)
    file.create_virtual_dataset("cube", layout)


def virtual_upwards(file, secret):
    layout = h5py.VirtualLayout(CUBE.shape, "f4")
    layout[:] = h5py.VirtualSource("../private/secret.h5", "cube", CUBE.shape)
    file.create_virtual_dataset("cube", layout)


def referred(file, secret):
    """A cell as MATLAB writes it, whose element hangs in no group."""
    hidden = file.create_dataset(None, CUBE.shape, "f4", external=[(str(secret), 0, SECRET.nbytes)])
    # Only what is linked outlives the file: a second, plain one keeps the group of references.
    file["#refs#/a"] = hidden
    file.create_dataset("cell", (1, 1), h5py.ref_dtype)[0, 0] = hidden.ref


ELSEWHERE = [external, link, virtual, virtual_upwards, referred]


@pytest.fixture
def secret(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "secret").write_bytes(SECRET.tobytes())
    with h5py.File(folder / "secret.h5", "w") as file:
        file["cube"] = SECRET
    return folder / "secret"


def matlab(path):
    if path.suffix == ".mat":
        with open(path, "r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def crafted(tmp_path, name, make, secret):
    (tmp_path / "data").mkdir(exist_ok=True)
    path = tmp_path / "data" / name
    with h5py.File(path, "w", userblock_size=512 if path.suffix == ".mat" else 0) as file:
        file["wavenumbers"] = AXIS
        file["low"], file["high"] = np.ones((2, 6, 6))
        make(file.create_group("deep/down"), secret)
    return matlab(path)


@pytest.mark.parametrize("make", ELSEWHERE)
@pytest.mark.parametrize("name", ["map.h5", "map.hdf5", "map.nc", "map.nxs", "map.hspy", "map.mat", "map"])
def test_maps_are_not_read_from_other_files(tmp_path, secret, make, name):
    path = crafted(tmp_path, name, make, secret)
    with pytest.raises(InputError, match=f"{name}: found .*another file, .*secret.*not opened"):
        read_map(path)


@pytest.mark.parametrize("make", ELSEWHERE)
@pytest.mark.parametrize(("read", "name"), [(read_images, "map.h5"), (read_images, "map.mat"), (read_pairs, "map.mat")])
def test_training_data_are_not_read_from_other_files(tmp_path, secret, make, read, name):
    with pytest.raises(InputError, match=f"{name}: found .*another file"):
        read(crafted(tmp_path, name, make, secret))


@pytest.mark.parametrize("suffix", [".h5", ".nc"])
def test_a_map_of_our_own_is_checked_too(tmp_path, secret, suffix):
    path = tmp_path / f"map{suffix}"
    write_map(enhanced(), path)
    with h5py.File(path, "a") as file:
        shape = file["uncertainty"].shape
        del file["uncertainty"]
        file.create_dataset("uncertainty", shape, "f4", external=[("/etc/passwd", 0, 1 << 20)])
    for read in (read_map, read_data_set):
        with pytest.raises(InputError, match="/etc/passwd.*not opened"):
            read(path)


def test_a_virtual_data_set_of_files_beside_it_is_read_and_these_are_checked(tmp_path, secret):
    path = tmp_path / "map.h5"
    layout = h5py.VirtualLayout(CUBE.shape, "f4")
    layout[:] = h5py.VirtualSource("part.h5", "cube", CUBE.shape)
    with h5py.File(path, "w") as file:
        file["wavenumbers"] = AXIS
        file.create_virtual_dataset("cube", layout)
    with pytest.raises(InputError, match="part.h5"):
        read_map(path)
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["cube"] = CUBE
    np.testing.assert_array_equal(read_map(path).values, CUBE[..., ::-1])
    with h5py.File(tmp_path / "part.h5", "w") as file:
        external(file, secret)
    with pytest.raises(InputError, match="part.h5: found the array '/cube' whose data"):
        read_map(path)
    (tmp_path / "part.h5").unlink()
    (tmp_path / "part.h5").symlink_to(secret.with_name("secret.h5"))
    with pytest.raises(InputError, match="map.h5: found the virtual array"):
        read_map(path)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["map.h5", "map.mat"])
def test_links_within_the_file_may_lead_anywhere(tmp_path, name):
    path = tmp_path / name
    with h5py.File(path, "w", userblock_size=512) as file:
        values, axis = (CUBE.T, AXIS[:, None]) if name == "map.mat" else (CUBE, AXIS)
        file["scan/cube"], file["scan/wavenumbers"] = values, axis
        file["scan/up"] = file["/"]
        file["shortcut"], file["again"] = h5py.SoftLink("/scan/cube"), file["scan/cube"]
        file["nowhere"] = h5py.SoftLink("/absent")
        file["round"], file["about"] = h5py.SoftLink("/about"), h5py.SoftLink("/round")
        cell = file.create_dataset("cell", (20,), h5py.ref_dtype)
        cell[...] = [cell.ref] * 20
    np.testing.assert_array_equal(read_map(matlab(path)).values, CUBE[..., ::-1])


def test_nexus_signals_that_are_links_keep_their_axes(tmp_path):
    with h5py.File(tmp_path / "map.nxs", "w") as file:
        file["entry/instrument/detector/data"] = np.moveaxis(CUBE, -1, 0)
        data = file.create_group("entry/data")
        data["data"] = h5py.SoftLink("/entry/instrument/detector/data")
        data["raman_shift"], data["x"], data["y"] = AXIS, np.arange(4.0), np.arange(3.0)
        data.attrs["signal"], data.attrs["axes"] = "data", ["raman_shift", "y", "x"]
    found = read_map(tmp_path / "map.nxs")
    assert found.dims == ("y", "x", "wavenumber")
    np.testing.assert_array_equal(found.values, CUBE[..., ::-1])


def test_an_array_that_the_file_cannot_hold(tmp_path):
    with h5py.File(tmp_path / "map.h5", "w") as file:
        file["wavenumbers"] = AXIS
        file.create_dataset("cube", (100_000, 100_000, 6), "f4", chunks=(10, 10, 6))
    with pytest.raises(InputError, match="'/cube' of .100000, 100000, 6. values in a file of .* bytes"):
        read_map(tmp_path / "map.h5")
    shutil.copy(tmp_path / "map.h5", tmp_path / "map.mat")
    with pytest.raises(InputError, match="cannot hold"):
        read_images(tmp_path / "map.mat")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("suffix", [".h5", ".nc"])
def test_a_heap_of_texts_that_does_not_end(tmp_path, suffix):
    path = tmp_path / f"map{suffix}"
    write_map(enhanced(), path)
    content = bytearray(path.read_bytes())
    place = content.index(b"GCOL") + 16
    content[place : place + 16] = bytes(16)
    path.write_bytes(content)
    with pytest.raises(InputError, match="found texts whose list does not end"):
        read_map(path)
