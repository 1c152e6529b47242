"""Arrays in HDF5 files, unpacked chunk by chunk on all cores, against h5py's own reading."""

import copy
import pickle
import shutil

import h5py
import numpy as np
import pytest

from deeper_jax.errors import InputError
from deeper_jax.maps import raman_map, read_data_set, read_map, write_map
from deeper_jax.maps.formats import hdf5, hdf5_lazy
from deeper_jax.maps.formats.hdf5_chunks import is_packed, packed_chunk

CUBE = np.random.default_rng(0).poisson(30, (23, 31, 600)).astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A map of several chunks, none of which its lines fill; its gaps are NaN."""
    cube = CUBE.copy()
    cube[20:, 7:] = np.nan
    file = tmp_path_factory.mktemp("map") / "map.h5"
    write_map(raman_map(cube, np.linspace(600, 1800, 600)), file)
    return file


@pytest.fixture
def expected(path):
    with h5py.File(path) as file:
        assert is_packed(file["intensity"]) and file["intensity"].nbytes > hdf5._SMALL
        return file["intensity"][()]


PARTS = {
    "all": (slice(None), slice(None), slice(None)),
    "some lines": (slice(3, 9), slice(None), slice(None)),
    "a corner": (slice(21, None), slice(25, 31), slice(590, None)),
    "one spectrum": (4, 30, slice(None)),
    "one number": (22, 0, 599),
    "backwards": (slice(None), slice(None), slice(None, None, -1)),
    "every other": (slice(None, None, 2), slice(1, None, 3), slice(None)),
    "a list": (slice(None), [3, 7, 8], slice(None)),
    "nothing": (slice(5, 5), slice(None), slice(None)),
}


@pytest.mark.parametrize("part", PARTS)
def test_parts_are_those_that_h5py_reads(path, expected, part):
    unloaded = read_map(path, lazy=True)
    assert not unloaded.variable._in_memory
    np.testing.assert_array_equal(unloaded[PARTS[part]].values, expected[PARTS[part]], strict=True)


def test_only_the_chunks_of_a_part_are_unpacked(path, expected, monkeypatch):
    corners = []
    plain = hdf5_lazy.unpacked_chunk
    monkeypatch.setattr(hdf5_lazy, "unpacked_chunk", lambda *given: corners.append(given[1]) or plain(*given))
    np.testing.assert_array_equal(read_map(path, lazy=True)[5, 7].values, expected[5, 7])
    assert len(corners) == 1
    with h5py.File(path) as file:
        assert corners == [file["intensity"].chunks]


def test_a_chunk_without_filters_is_read_too(path, expected, tmp_path):
    shutil.copy(path, tmp_path / "map.h5")
    with h5py.File(tmp_path / "map.h5", "r+") as file:
        data = file["intensity"]
        chunk = np.zeros(data.chunks, np.float32)
        inside = data[: data.chunks[0], : data.chunks[1]]
        chunk[: inside.shape[0], : inside.shape[1]] = inside
        # Both filters skipped.
        data.id.write_direct_chunk((0, 0, 0), chunk.tobytes(), filter_mask=3)
    np.testing.assert_array_equal(read_map(tmp_path / "map.h5").values, expected)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("damage", ["a byte", "another chunk", "no stream"])
def test_a_damaged_chunk_is_one_sentence(path, tmp_path, damage, lazy):
    shutil.copy(path, tmp_path / "map.h5")
    with h5py.File(tmp_path / "map.h5", "r+") as file:
        data = file["intensity"]
        content = bytearray(data.id.read_direct_chunk((0, 0, 0))[1])
        if damage == "a byte":
            content[len(content) // 2] ^= 1
        content = {"a byte": bytes(content), "another chunk": packed_chunk(CUBE[:2, :5]), "no stream": b"no"}[damage]
        data.id.write_direct_chunk((0, 0, 0), content)
    with pytest.raises(InputError, match=r"map.h5: found .*, expected the file as it was written; .*copy it again"):
        read_map(tmp_path / "map.h5", lazy=lazy).load()


def test_marks_and_whole_numbers_are_unpacked_as_what_they_are(tmp_path, monkeypatch):
    cube = raman_map(CUBE, np.linspace(600, 1800, 600))
    marks = {"flagged": np.random.default_rng(1).random(CUBE.shape) < 0.01, "counts": CUBE.astype(np.int32)}
    marks = {name: np.tile(each, (3, 1, 1)) for name, each in marks.items()}
    many = cube.isel(y=np.tile(np.arange(len(CUBE)), 3)).drop_vars("y", errors="ignore").to_dataset()
    write_map(many.assign({name: (cube.dims, each) for name, each in marks.items()}), tmp_path / "map.h5")
    dtypes = []
    plain = hdf5_lazy.unpacked_chunk
    monkeypatch.setattr(hdf5_lazy, "unpacked_chunk", lambda *given: dtypes.append(given[2]) or plain(*given))
    found = read_data_set(tmp_path / "map.h5", lazy=True)
    for name, expected in marks.items():
        assert found[name].nbytes > hdf5._SMALL
        np.testing.assert_array_equal(found[name][2:60].values, expected[2:60], strict=True)
    assert set(dtypes) == {np.dtype(np.int8), np.dtype(np.int32)}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies_read_the_file_too(path, expected, copied):
    found = copied(read_map(path, lazy=True))
    assert not found.variable._in_memory
    np.testing.assert_array_equal(found.values, expected)
