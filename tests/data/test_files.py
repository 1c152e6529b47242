"""Reading and writing paired spectra in every layout, and the errors that bad files give."""

import json

import h5py
import numpy as np
import pytest
import scipy.io
from paths import SHARED

from deeper_jax.data.files import SpectralPairs, read_pairs
from deeper_jax.data.writing import write_pairs
from deeper_jax.errors import InputError

LENGTH = 12
AXIS = np.linspace(500.25, 1800.0, LENGTH)


def spectra(rows, seed=0, length=LENGTH):
    return np.random.default_rng(seed).normal(10, 2, (rows, length)).astype(np.float32)


def save_v73(path, key, array):
    """As MATLAB's -v7.3 does: HDF5 behind a 512-byte header, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset(key, data=np.asarray(array).T).attrs["MATLAB_class"] = np.bytes_("double")
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def write_deeper(folder, names=("Train", "Test"), *, key="{split}_{kind}", axis=AXIS, save=None, cast=np.float64):
    """A folder as the DeepeR authors distribute it; returns {(split, kind): array}."""
    folder.mkdir(exist_ok=True)
    arrays = {}
    for number, split in enumerate(names):
        for kind in ("Inputs", "Outputs"):
            array = spectra(6 + number, seed=2 * number + (kind == "Outputs")).astype(cast)
            path, name = folder / f"{split}_{kind}.mat", key.format(split=split, kind=kind)
            (save or (lambda p, k, a: scipy.io.savemat(p, {k: a})))(path, name, array)
            arrays[split.lower(), kind] = array.astype(np.float32)
    if axis is not None:
        np.savetxt(folder / "axis.txt", axis)
    return arrays


def assert_same(pairs, arrays, split):
    np.testing.assert_array_equal(pairs.noisy, arrays[split, "Inputs"])
    np.testing.assert_array_equal(pairs.target, arrays[split, "Outputs"])
    assert pairs.noisy.dtype == pairs.target.dtype == np.float32


@pytest.mark.parametrize("key", ["{split}_{kind}", "{kind}", "data", "DATA", "{split}{kind}", "something_else"])
@pytest.mark.parametrize("save", [None, save_v73])
def test_deeper_folder_with_any_key_and_mat_version(tmp_path, key, save):
    arrays = write_deeper(tmp_path / "d", key=key, save=save)
    splits = read_pairs(tmp_path / "d")
    assert list(splits) == ["train", "test"]
    for name, pairs in splits.items():
        assert_same(pairs, arrays, name)
        np.testing.assert_allclose(pairs.wavenumbers, AXIS)
        assert pairs.cell_names == (name,) and not pairs.cell.any()
        assert pairs.truth is None and not pairs.simulated and pairs.image_shapes == {}


@pytest.mark.parametrize("cast", [np.uint16, np.int32, np.float32, np.float64])
def test_any_number_type_is_read(tmp_path, cast):
    arrays = write_deeper(tmp_path / "d", cast=cast)
    assert_same(read_pairs(tmp_path / "d")["test"], arrays, "test")


@pytest.mark.parametrize("only", ["Train", "Test"])
def test_one_split_alone_and_no_axis(tmp_path, only):
    arrays = write_deeper(tmp_path / "d", names=(only,), axis=None)
    splits = read_pairs(tmp_path / "d")
    assert list(splits) == [only.lower()]
    assert splits[only.lower()].wavenumbers is None
    assert_same(splits[only.lower()], arrays, only.lower())


def test_cell_sizes_and_image_shape(tmp_path):
    write_deeper(tmp_path / "d", names=("Train",))
    pairs = read_pairs(tmp_path / "d", cell_sizes={"train": [4, 2]})["train"]
    assert pairs.cell_names == ("train-01", "train-02")
    assert pairs.cell.tolist() == [0, 0, 0, 0, 1, 1]
    pairs = read_pairs(tmp_path / "d", image_shape=(2, 3))["train"]
    assert pairs.image_shapes == {"train": (2, 3)}


def test_descending_axis_is_reversed_with_its_spectra(tmp_path):
    arrays = write_deeper(tmp_path / "d", axis=AXIS[::-1])
    pairs = read_pairs(tmp_path / "d")["train"]
    np.testing.assert_allclose(pairs.wavenumbers, AXIS)
    np.testing.assert_array_equal(pairs.noisy, arrays["train", "Inputs"][:, ::-1])
    np.testing.assert_array_equal(pairs.target, arrays["train", "Outputs"][:, ::-1])


@pytest.mark.parametrize("keys", [("low", "high"), ("noisy", "target"), ("Inputs", "Outputs")])
@pytest.mark.parametrize("axis_key", ["wavenumbers", "axis", "wavenumber"])
@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_one_file_of_pairs(tmp_path, keys, axis_key, suffix):
    path = tmp_path / f"cell_7{suffix}"
    noisy, target = spectra(6).reshape(2, 3, LENGTH), spectra(6, 1).reshape(2, 3, LENGTH)
    content = {keys[0]: noisy, keys[1]: target, axis_key: AXIS}
    np.savez(path, **content) if suffix == ".npz" else scipy.io.savemat(path, content)
    pairs = read_pairs(path)["all"]
    np.testing.assert_array_equal(pairs.noisy, noisy.reshape(6, LENGTH))
    np.testing.assert_array_equal(pairs.target, target.reshape(6, LENGTH))
    np.testing.assert_array_equal(pairs.wavenumbers, AXIS)
    assert pairs.cell_names == ("cell_7",) and pairs.image_shapes == {"cell_7": (2, 3)}


def test_v73_file_of_pairs_keeps_the_image_axes(tmp_path):
    path = tmp_path / "cell.mat"
    noisy, target = spectra(6).reshape(2, 3, LENGTH), spectra(6, 1).reshape(2, 3, LENGTH)
    with h5py.File(path, "w") as file:
        file["low"], file["high"], file["axis"] = noisy.T, target.T, AXIS[:, np.newaxis]
    pairs = read_pairs(path)["all"]
    np.testing.assert_array_equal(pairs.noisy.reshape(2, 3, LENGTH), noisy)
    np.testing.assert_array_equal(pairs.wavenumbers, AXIS)


def test_file_with_cells_truth_and_image_shape(tmp_path):
    truth = spectra(4, 5)
    np.savez(tmp_path / "a.npz", low=spectra(4), high=spectra(4, 1), truth=truth, cell=["y", "x", "y", "x"])
    pairs = read_pairs(tmp_path / "a.npz")["all"]
    assert [pairs.cell_names[i] for i in pairs.cell] == ["y", "x", "y", "x"]
    np.testing.assert_array_equal(pairs.of_cell("y").truth, truth[[0, 2]])
    np.savez(tmp_path / "b.npz", low=spectra(4), high=spectra(4, 1), image_shape=(1, 4))
    assert read_pairs(tmp_path / "b.npz")["all"].image_shapes == {"b": (1, 4)}


def test_folder_of_one_file_a_cell(tmp_path):
    first, second = spectra(6).reshape(2, 3, LENGTH), spectra(5, 1)
    np.savez(tmp_path / "b.npz", low=second, high=second, wavenumbers=AXIS)
    scipy.io.savemat(tmp_path / "a.mat", {"noisy": first, "target": first, "axis": AXIS})
    pairs = read_pairs(tmp_path)["all"]
    assert pairs.cell_names == ("a", "b") and pairs.image_shapes == {"a": (2, 3)}
    np.testing.assert_array_equal(pairs.noisy, np.concatenate([first.reshape(6, LENGTH), second]))
    np.testing.assert_array_equal(pairs.of_cell("b").noisy, second)


def simulated_pairs(rows_by_cell, shapes, seed=0):
    rows = sum(rows_by_cell.values())
    return SpectralPairs(
        noisy=spectra(rows, seed),
        target=spectra(rows, seed + 1),
        truth=spectra(rows, seed + 2),
        wavenumbers=AXIS,
        cell=np.repeat(np.arange(len(rows_by_cell), dtype=np.int32), list(rows_by_cell.values())),
        cell_names=tuple(rows_by_cell),
        image_shapes=shapes,
        source="simulated with seed 4",
        simulated=True,
        steps=({"name": "crop", "low": 500.0}, {"name": "normalise", "cell": next(iter(rows_by_cell))}),
    )


def test_write_then_read_gives_back_everything(tmp_path):
    splits = {
        "train": simulated_pairs({"p": 6, "q": 2}, {"p": (3, 2)}),
        "validation": simulated_pairs({"s": 3}, {}, seed=10),
        "test": simulated_pairs({"r": 4}, {"r": (2, 2)}, seed=20),
    }
    write_pairs(tmp_path / "set", splits, seed=4)
    found = read_pairs(tmp_path / "set")
    assert list(found) == ["train", "validation", "test"]
    for name, pairs in splits.items():
        for field in ("noisy", "target", "truth", "wavenumbers", "cell"):
            np.testing.assert_array_equal(getattr(found[name], field), getattr(pairs, field), err_msg=field)
        for field in ("cell_names", "image_shapes", "simulated", "steps"):
            assert getattr(found[name], field) == getattr(pairs, field)
    record = json.loads((tmp_path / "set" / "cells.json").read_text())
    assert record["seed"] == 4 and record["splits"]["train"]["cells"][1]["first_row"] == 6
    assert sorted(item.name for item in tmp_path.iterdir()) == ["set"]
    # The plain layout is DeepeR's own.
    saved = scipy.io.loadmat(tmp_path / "set" / "Train_Inputs.mat")["Train_Inputs"]
    np.testing.assert_array_equal(saved, splits["train"].noisy)


def test_writing_groups_the_rows_by_cell(tmp_path):
    pairs = simulated_pairs({"p": 2, "q": 2}, {}).take(np.array([2, 0, 3, 1]))
    write_pairs(tmp_path / "set", {"train": pairs}, seed=0)
    found = read_pairs(tmp_path / "set")["train"]
    for name in ("p", "q"):
        np.testing.assert_array_equal(found.of_cell(name).noisy, pairs.of_cell(name).noisy)


def test_writing_never_touches_existing_content(tmp_path):
    (tmp_path / "set").mkdir()
    pairs = {"train": simulated_pairs({"p": 2}, {})}
    write_pairs(tmp_path / "set", pairs, seed=0)
    before = sorted((item.name, item.stat().st_mtime_ns) for item in (tmp_path / "set").iterdir())
    with pytest.raises(InputError, match="empty folder"):
        write_pairs(tmp_path / "set", pairs, seed=0)
    assert sorted((item.name, item.stat().st_mtime_ns) for item in (tmp_path / "set").iterdir()) == before


def test_a_failed_writing_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(scipy.io, "savemat", fail)
    with pytest.raises(OSError, match="disk full"):
        write_pairs(tmp_path / "set", {"train": simulated_pairs({"p": 2}, {})}, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_select_take_and_of_cell():
    pairs = simulated_pairs({"p": 4, "q": 2, "r": 3}, {"p": (2, 2), "q": (1, 2)})
    both = pairs.select(["r", "p"])
    assert both.cell_names == ("p", "r") and both.image_shapes == {"p": (2, 2)} and len(both) == 7
    np.testing.assert_array_equal(both.truth, np.concatenate([pairs.truth[:4], pairs.truth[6:]]))
    assert both.cell.tolist() == [0] * 4 + [1] * 3
    assert [step["name"] for step in pairs.of_cell("q").steps] == ["crop"]
    assert pairs.take(np.arange(3)).image_shapes == {}
    assert pairs.take(np.array([1, 0, 2, 3])).image_shapes == {}
    with pytest.raises(InputError, match="'z'"):
        pairs.of_cell("z")


def overwrite(path, **arrays):
    scipy.io.savemat(path, arrays)


def bad_shape(folder):
    overwrite(folder / "Train_Outputs.mat", Train_Outputs=spectra(5))


def bad_value(folder):
    array = spectra(6).astype(np.float64)
    array[3, 2], array[4, 1] = np.nan, np.inf
    overwrite(folder / "Train_Inputs.mat", Train_Inputs=array)


def bad_keys(folder):
    overwrite(folder / "Train_Inputs.mat", apples=spectra(6), pears=spectra(6))


def bad_dimensions(folder):
    overwrite(folder / "Train_Inputs.mat", Train_Inputs=np.zeros((2, 2, 3, LENGTH)))
    overwrite(folder / "Train_Outputs.mat", Train_Outputs=np.zeros((2, 2, 3, LENGTH)))


def empty(folder):
    overwrite(folder / "Train_Inputs.mat", Train_Inputs=np.zeros((0, LENGTH)))
    overwrite(folder / "Train_Outputs.mat", Train_Outputs=np.zeros((0, LENGTH)))


def complex_values(folder):
    overwrite(folder / "Train_Inputs.mat", Train_Inputs=spectra(6) * 1j)


def truncated(folder):
    content = (folder / "Train_Inputs.mat").read_bytes()
    (folder / "Train_Inputs.mat").write_bytes(content[: len(content) // 2])


def truncated_v73(folder):
    save_v73(folder / "Train_Inputs.mat", "Train_Inputs", spectra(600))
    truncated(folder)


def not_a_mat(folder):
    (folder / "Train_Inputs.mat").write_text("no numbers at all")


def missing_partner(folder):
    (folder / "Train_Outputs.mat").unlink()


def other_axis_length(folder):
    np.savetxt(folder / "axis.txt", AXIS[:-1])


def axis_turning_back(folder):
    np.savetxt(folder / "axis.txt", np.r_[AXIS[:5], AXIS[4:-1]])


def axis_of_words(folder):
    (folder / "axis.txt").write_text("wavenumbers\n1\n2\n")


def other_length_in_test(folder):
    (folder / "axis.txt").unlink()
    overwrite(folder / "Test_Inputs.mat", Test_Inputs=spectra(4, length=9))
    overwrite(folder / "Test_Outputs.mat", Test_Outputs=spectra(4, length=9))


def damaged_cell_list(folder):
    (folder / "cells.json").write_text('{"splits": ')


def wrong_cell_list(folder):
    cells = [{"name": "a", "first_row": 0, "rows": 4, "image_shape": None}]
    (folder / "cells.json").write_text(json.dumps({"splits": {"train": {"cells": cells}}}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (bad_shape, r"Train_Inputs.*\(5, 12\).*\(6, 12\)"),
        (bad_value, r"Train_Inputs.*2 noisy values.*row 3"),
        (bad_keys, r"Train_Inputs.*'apples', 'pears'.*expected one of"),
        (bad_dimensions, r"Train_Inputs.*\(2, 2, 3, 12\).*\[N, L\]"),
        (empty, r"Train_Inputs.*empty.*\(0, 12\)"),
        (complex_values, r"Train_Inputs.*complex"),
        (truncated, r"Train_Inputs.*cannot be read.*cut short"),
        (truncated_v73, r"Train_Inputs.*cannot be read.*cut short"),
        (not_a_mat, r"Train_Inputs.*cannot be read"),
        (missing_partner, r"Train_Inputs\.mat.*Train_Outputs\.mat.*add"),
        (other_axis_length, r"axis\.txt.*12 spectral channels and 11 wavenumbers"),
        (axis_turning_back, r"axis\.txt.*turn back.*entry 5"),
        (axis_of_words, r"axis\.txt.*wavenumbers"),
        (other_length_in_test, r"\[9, 12\] channels"),
        (damaged_cell_list, r"cells\.json.*damaged"),
        (wrong_cell_list, r"cells\.json.*4 rows.*6 spectra"),
    ],
)
def test_bad_files_give_one_clear_error(tmp_path, spoil, message):
    write_deeper(tmp_path / "d")
    spoil(tmp_path / "d")
    with pytest.raises(InputError, match=message) as caught:
        read_pairs(tmp_path / "d")
    assert "\n" not in str(caught.value) and "expected" in str(caught.value)


def test_missing_and_unfit_paths(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*no such file"):
        read_pairs(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no \.mat or \.npz file"):
        read_pairs(tmp_path)
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(InputError, match=r"'\.csv'"):
        read_pairs(tmp_path / "a.csv")
    np.savez(tmp_path / "a.npz", low=spectra(3))
    with pytest.raises(InputError, match=r"'low'.*'target'"):
        read_pairs(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_shape": (4, 2)}, r"6 spectra in cell 'train'.*4 x 2"),
        ({"cell_sizes": {"train": [4, 4]}}, r"adding up to 8.*6 spectra"),
        ({"cell_sizes": {"all": [6]}}, r"\['all'\]"),
    ],
)
def test_settings_that_do_not_fit_the_files(tmp_path, settings, message):
    write_deeper(tmp_path / "d", names=("Train",))
    with pytest.raises(InputError, match=message):
        read_pairs(tmp_path / "d", **settings)


def test_cells_with_different_axes_do_not_mix(tmp_path):
    np.savez(tmp_path / "a.npz", low=spectra(3), high=spectra(3), wavenumbers=AXIS)
    np.savez(tmp_path / "b.npz", low=spectra(3), high=spectra(3), wavenumbers=AXIS + 50)
    with pytest.raises(InputError, match=r"b\.npz.*a\.npz"):
        read_pairs(tmp_path)


def test_real_cell():
    path = SHARED / "data" / "cell_pairs_real.npz"
    if not path.is_file():
        pytest.skip("the real cell pairs are not here")
    pairs = read_pairs(path, image_shape=(8, 84))["all"]
    raw = np.load(path)
    np.testing.assert_array_equal(pairs.noisy, raw["low"])
    np.testing.assert_array_equal(pairs.target, raw["high"])
    assert pairs.noisy.dtype == np.float32 and pairs.image_shapes == {"cell_pairs_real": (8, 84)}
