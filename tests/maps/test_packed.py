"""Small files that unpack to a great deal are refused before they fill the memory, and sound ones are read."""

import numpy as np
import pytest
import scipy.io

import deeper_jax
from deeper_jax.data.files import read_pairs
from deeper_jax.errors import InputError
from deeper_jax.maps import packed, read_map
from deeper_jax.maps.formats.mat_file import load_mat

AXIS = np.linspace(400.0, 1800.0, 64)
WORDS = "file.*: found packed arrays of more than 1 MiB, expected at most 100 times the packed file"


@pytest.fixture(autouse=True)
def low_limit(monkeypatch):
    monkeypatch.setattr(packed, "_SURELY_FINE", 1 << 20)


def write(path, noisy):
    arrays = {"noisy": noisy, "target": noisy, "wavenumbers": AXIS}
    if path.suffix == ".npz":
        np.savez_compressed(path, **arrays)
    else:
        scipy.io.savemat(path, arrays, do_compression=True)


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_spectra_of_nothing_but_zeros_are_refused_beyond_the_limit(tmp_path, suffix):
    path = tmp_path / f"file{suffix}"
    # Each array alone is within it.
    write(path, np.zeros((1500, 64)))
    for read in (
        lambda path: read_map(path, entry="noisy"),
        read_pairs,
        *([deeper_jax.load] if suffix == ".npz" else []),
    ):
        with pytest.raises(InputError, match=WORDS):
            read(path)
    write(path, np.zeros((500, 64)))
    assert read_map(path, entry="noisy").shape == (500, 64)


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_measured_spectra_are_read_however_many(tmp_path, suffix):
    spectra = np.random.default_rng(0).poisson(300.0, (4000, 64))
    write(tmp_path / f"file{suffix}", spectra)
    np.testing.assert_array_equal(read_map(tmp_path / f"file{suffix}", entry="noisy"), spectra)


def test_a_packed_part_that_is_cut_short_is_left_to_the_reader(tmp_path):
    write(tmp_path / "file.mat", np.zeros((8, 64)))
    content = (tmp_path / "file.mat").read_bytes()
    (tmp_path / "file.mat").write_bytes(content[:-20])
    with pytest.raises(InputError, match="cannot be read|ends before its numbers do"):
        read_map(tmp_path / "file.mat")
    write(tmp_path / "file.mat", np.zeros((8, 64)))
    assert load_mat(tmp_path / "file.mat", ["noisy"])["noisy"].shape == (8, 64)
