import zlib

import h5py
import numpy as np
import pytest

from deeper_jax.maps.formats.hdf5_chunks import packed_chunk

_RNG = np.random.default_rng(0)
_CASES = {
    "noise": _RNG.normal(100, 1, (131, 500)).astype(np.float32),
    "noise of doubles": _RNG.normal(100, 1, (13, 500)),
    "counts": _RNG.poisson(30, (131, 500)).astype(np.float32),
    "nothing measured": np.full((131, 500), np.nan, np.float32),
    "marks": _RNG.random((131, 500)) < 0.001,
    "random bytes": _RNG.integers(0, 256, (131, 500)).astype(np.uint8),
    "repeated spectra": np.tile(_RNG.random((1, 500)), (131, 1)),
    "one number": np.ones((1, 1)),
    "every other channel": _RNG.normal(size=(7, 40))[:, ::2],
}


def _stored(path, values, content):
    """The values, with the content as their only chunk."""
    with h5py.File(path, "w") as file:
        settings = {"chunks": values.shape, "shuffle": True, "compression": "gzip"}
        data = file.create_dataset("data", values.shape, values.dtype, **settings)
        data.id.write_direct_chunk((0, 0), content)
    with h5py.File(path) as file:
        return file["data"][()]


@pytest.mark.parametrize("name", _CASES)
def test_chunk_is_what_hdf5_reads_with_its_own_filters(tmp_path, name):
    values = _CASES[name]
    np.testing.assert_array_equal(_stored(tmp_path / "chunk.h5", values, packed_chunk(values)), values, strict=True)


def test_chunk_carries_a_checksum_that_hdf5_looks_at(tmp_path):
    content = bytearray(packed_chunk(_CASES["noise"]))
    content[-1] ^= 1
    with pytest.raises(OSError):
        _stored(tmp_path / "chunk.h5", _CASES["noise"], bytes(content))


@pytest.mark.parametrize("name", ["noise", "noise of doubles", "counts", "nothing measured", "marks"])
def test_chunk_is_no_larger_than_gzip_alone_makes_it(name):
    values = _CASES[name]
    planes = np.ascontiguousarray(values.view(np.uint8).reshape(-1, values.dtype.itemsize).T)
    assert len(packed_chunk(values)) <= 1.05 * len(zlib.compress(planes.data, 1)) + 64
