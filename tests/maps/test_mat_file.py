"""Types of parts that SciPy's reader of MATLAB files crashes on."""

import numpy as np
import pytest
import scipy.io

from deeper_jax.errors import InputError
from deeper_jax.maps.formats.mat_file import load_mat

CELL = np.empty((2, 1), object)
CELL[0, 0], CELL[1, 0] = np.arange(3.0), "text"
CONTENT = {
    **{"a": np.arange(6.0).reshape(2, 3), "b": "some text", "c": CELL, "d": {"e": np.arange(3), "f": {"g": "µ"}}},
    **{"h": np.zeros((0, 0)), "i": np.array([1 + 2j]), "j": scipy.sparse.csc_array(np.eye(3)), "k": np.uint8(1)},
}


@pytest.mark.parametrize("packed", [False, True])
def test_whole_files_are_loaded(tmp_path, packed):
    scipy.io.savemat(tmp_path / "file.mat", CONTENT, do_compression=packed)
    assert set(CONTENT) <= set(load_mat(tmp_path / "file.mat"))
    np.testing.assert_array_equal(load_mat(tmp_path / "file.mat", ["a"])["a"], CONTENT["a"])
    scipy.io.savemat(tmp_path / "four.mat", {"a": CONTENT["a"]}, format="4")
    np.testing.assert_array_equal(load_mat(tmp_path / "four.mat")["a"], CONTENT["a"])


@pytest.mark.parametrize(("position", "value"), [(145, 8), (180, 200), (132, 60)])
def test_a_matrix_without_all_of_its_numbers_is_refused(tmp_path, position, value):
    """SciPy crashes: it takes the next variable for imaginary parts, or what follows too long an array for one."""
    scipy.io.savemat(tmp_path / "file.mat", {"a": np.arange(20.0), "b": np.arange(20.0)})
    content = bytearray((tmp_path / "file.mat").read_bytes())
    assert content[145] == 0 and content[180] == 160 and content[132] == 208  # flags, and two sizes
    content[position] = value
    (tmp_path / "file.mat").write_bytes(content)
    with pytest.raises(InputError, match="ends before its numbers do|a part of type"):
        load_mat(tmp_path / "file.mat")


@pytest.mark.parametrize(("position", "kind"), [(128, 0), (128, 99), (176, 0x49), (176, 14), (176, 0)])
def test_parts_of_unknown_types_are_refused(tmp_path, position, kind):
    scipy.io.savemat(tmp_path / "file.mat", {"a": np.arange(600.0)})
    content = bytearray((tmp_path / "file.mat").read_bytes())
    assert content[128] == 14 and content[176] == 9  # the matrix and its numbers
    content[position] = kind
    (tmp_path / "file.mat").write_bytes(content)
    with pytest.raises(InputError, match=f"file.mat: found a part of type {kind}"):
        load_mat(tmp_path / "file.mat")
