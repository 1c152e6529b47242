"""Reading, writing and splitting folders of hyperspectral images, and the errors that bad ones give."""

import json
import os

import h5py
import numpy as np
import pytest
import scipy.io
from paths import SHARED

from deeper_jax.data.image_files import HyperspectralImages, read_images, split_images
from deeper_jax.data.simulated_data import write_simulated_images
from deeper_jax.data.writing import write_images
from deeper_jax.errors import InputError

LENGTH = 6
AXIS = np.linspace(500.25, 1800.0, LENGTH)


def cube(seed, shape=(4, 5)):
    return np.random.default_rng(seed).normal(10, 2, (*shape, LENGTH)).astype(np.float32)


def save_v5(path, **arrays):
    scipy.io.savemat(path, arrays)


def save_v73(path, **arrays):
    """As MATLAB's -v7.3 does: HDF5 behind a 512-byte header, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, array in arrays.items():
            file.create_dataset(key, data=np.asarray(array).T).attrs["MATLAB_class"] = np.bytes_("double")
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def write_list(folder, names, header="id"):
    (folder / "Image_IDs.csv").write_text("\n".join([header, *names]) + "\n")


def assert_images(found, expected):
    assert found.names == tuple(expected)
    for image, array in zip(found.images, expected.values(), strict=True):
        np.testing.assert_array_equal(image, array)
        assert image.dtype == np.float32 and image.flags.c_contiguous


@pytest.mark.parametrize("save", [save_v5, save_v73])
@pytest.mark.parametrize("key", ["image", "Norm_500", "DATA"])
def test_deeper_folder_of_any_mat_version_and_key(tmp_path, save, key):
    arrays = {f"Cell-HR_Norm_500-01-193-0{n}": cube(n, (3 + n, 5)) for n in (20, 3, 11)}
    for name, array in arrays.items():
        save(tmp_path / f"{name}.mat", **{key: array.astype(np.float64)})
    found = read_images(tmp_path)
    assert_images(found, dict(sorted(arrays.items())))
    assert found.wavenumbers is None and not found.simulated and found.length == LENGTH


def test_the_list_decides_content_and_order(tmp_path, caplog):
    for name in "abcd":
        save_v5(tmp_path / f"{name}.mat", image=cube(ord(name)))
    (tmp_path / "Image_IDs.csv").write_text(",id\n0,c\n1,a.mat\n2,d\n", encoding="utf-8-sig")
    assert_images(read_images(tmp_path), {name: cube(ord(name)) for name in "cad"})
    assert "3 of the 4" in caplog.text


def test_the_list_is_built_where_absent_and_read_again(tmp_path):
    for name in ("b", "a, b", "c"):
        np.save(tmp_path / f"{name}.npy", cube(ord(name[0])))
    first = read_images(tmp_path)
    assert (tmp_path / "Image_IDs.csv").read_text() == 'id\n"a, b"\nb\nc\n'
    assert first.names == read_images(tmp_path).names == ("a, b", "b", "c")
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", cube(0))

    def refuse(*args, **kwargs):
        raise PermissionError("read-only")

    monkeypatch.setattr("deeper_jax.data.image_files.tempfile.mkstemp", refuse)
    assert read_images(tmp_path).names == ("a",)
    assert not (tmp_path / "Image_IDs.csv").exists()


@pytest.mark.parametrize("suffix", [".mat", ".npz", ".npy", ".h5", ".hdf5"])
def test_single_files_of_every_kind(tmp_path, suffix):
    path, array = tmp_path / f"map{suffix}", cube(1)
    arrays = {"cube": array, "wavenumber": AXIS, "x": np.arange(5.0)}
    if suffix == ".npy":
        np.save(path, array)
    elif suffix == ".npz":
        np.savez(path, **arrays)
    elif suffix == ".mat":
        save_v5(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for key, value in arrays.items():
                file.create_dataset(f"scan/{key}", data=value)
    found = read_images(path)
    assert_images(found, {"map": array})
    if suffix != ".npy":
        np.testing.assert_array_equal(found.wavenumbers, AXIS)
    assert not (tmp_path / "Image_IDs.csv").exists()


def test_float32_npy_files_are_mapped_and_others_converted(tmp_path):
    np.save(tmp_path / "a.npy", cube(0))
    np.save(tmp_path / "b.npy", cube(1).astype(np.float64))
    np.save(tmp_path / "c.npy", np.asfortranarray(cube(2)))
    found = read_images(tmp_path)
    assert [isinstance(image, np.memmap) for image in found.images] == [True, False, False]
    assert_images(found, {name: cube(seed) for seed, name in enumerate("abc")})


def test_descending_axis_is_reversed_with_the_images(tmp_path):
    np.save(tmp_path / "a.npy", cube(0))
    np.savetxt(tmp_path / "axis.txt", AXIS[::-1])
    found = read_images(tmp_path)
    np.testing.assert_allclose(found.wavenumbers, AXIS)
    np.testing.assert_array_equal(found.images[0], cube(0)[..., ::-1])


def sample(count=3, truth=True):
    return HyperspectralImages(
        images=[cube(i, (3, 4 + i)) for i in range(count)],
        names=tuple(f"cell {i}" for i in range(count)),
        wavenumbers=AXIS,
        source="test",
        simulated=truth,
        steps=({"name": "remove_cosmic_rays"},),
        truths=[cube(50 + i, (3, 4 + i)) for i in range(count)] if truth else None,
        test_names=("cell 2",),
    )


@pytest.mark.parametrize("truth", [True, False])
def test_write_and_read_again(tmp_path, truth):
    images = sample(truth=truth)
    write_images(tmp_path / "new", images, seed=5)
    found = read_images(tmp_path / "new")
    assert_images(found, dict(zip(images.names, images.images, strict=True)))
    np.testing.assert_array_equal(found.wavenumbers, AXIS)
    for field in ("simulated", "steps", "test_names"):
        assert getattr(found, field) == getattr(images, field)
    assert (found.truths is None) == (not truth)
    for one, other in zip(found.truths or (), images.truths or (), strict=True):
        np.testing.assert_array_equal(one, other)
    assert json.loads((tmp_path / "new" / "images.json").read_text())["seed"] == 5


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="existing content"):
        write_images(tmp_path / "full", sample())

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("deeper_jax.data.writing.scipy.io.savemat", fail)
    with pytest.raises(OSError, match="disk full"):
        write_images(tmp_path / "new", sample())
    assert sorted(os.listdir(tmp_path)) == ["full"]


def bad_folder(tmp_path, kind):
    np.save(tmp_path / "a.npy", cube(0))
    if kind == "missing id":
        write_list(tmp_path, ["a", "gone"])
    elif kind == "no id column":
        write_list(tmp_path, ["a"], header="name")
    elif kind == "twice in list":
        write_list(tmp_path, ["a", "a"])
    elif kind == "two files":
        save_v5(tmp_path / "a.mat", image=cube(0))
    elif kind == "two axes only":
        np.save(tmp_path / "b.npy", cube(0)[0])
    elif kind == "keys":
        np.savez(tmp_path / "b.npz", one=cube(0), two=cube(1))
    elif kind == "nan":
        array = cube(1)
        array[2, 3, 1] = np.nan
        np.save(tmp_path / "b.npy", array)
    elif kind == "length":
        np.save(tmp_path / "b.npy", cube(1)[..., :-1])
    elif kind == "axis length":
        np.savetxt(tmp_path / "axis.txt", AXIS[:-1])
    elif kind == "other axis":
        np.savetxt(tmp_path / "axis.txt", AXIS)
        np.savez(tmp_path / "b.npz", image=cube(1), wavenumbers=AXIS + 50)
    elif kind == "damaged":
        (tmp_path / "b.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:100])
    elif kind == "complex":
        np.save(tmp_path / "b.npy", cube(1).astype(np.complex64))
    elif kind == "record":
        (tmp_path / "images.json").write_text('{"steps": 3}')
    elif kind == "truth":
        (tmp_path / "truth").mkdir()
        np.save(tmp_path / "truth" / "a.npy", cube(0)[1:])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing id", r"Image_IDs.csv: found the id 'gone' without a file \(1 of 2\)"),
        ("no id column", "Image_IDs.csv: found 0 ids.*column 'id'"),
        ("twice in list", "found 2 ids, 1 of them different"),
        ("two files", "found a.mat and a.npy"),
        ("two axes only", r"b.npy: found an array of shape \(5, 6\).*\[H, W, L\]"),
        ("keys", r"b.npz: found spectra 'one' \(4, 5, 6\), 'two'.*no spectral axis"),
        ("nan", r"b.npy: found values that are NaN.*pixel \(2, 3\)"),
        ("length", "b.npy: found 5 spectral channels, expected 6 as in a.npy"),
        ("axis length", "6 spectral channels and 5 wavenumbers"),
        ("other axis", "b.npz: found 6 wavenumbers, 550.25 to 1850 .* those of .*axis.txt, 6 wavenumbers, 500.25"),
        ("damaged", "b.npy: found bytes that cannot be read"),
        ("complex", "b.npy: found an array .*complex64"),
        ("record", "images.json: found a damaged record"),
        ("truth", r"a.npy: found a truth of shape \(3, 5, 6\)"),
    ],
)
def test_bad_folders_give_one_clear_sentence(tmp_path, kind, message):
    bad_folder(tmp_path, kind)
    with pytest.raises(InputError, match=message) as error:
        read_images(tmp_path)
    assert "\n" not in str(error.value) and "expected" in str(error.value)


def test_empty_folder_missing_path_and_foreign_file(tmp_path):
    with pytest.raises(InputError, match="found no image file"):
        read_images(tmp_path)
    with pytest.raises(InputError, match="no such file or folder"):
        read_images(tmp_path / "nowhere")
    (tmp_path / "map.txt").write_text("1 2 3")
    with pytest.raises(InputError, match="map.txt: found a table of 1 rows"):
        read_images(tmp_path / "map.txt")


def test_select_and_binned():
    images = sample()
    part = images.select(["cell 2", "cell 0"])
    assert part.names == ("cell 0", "cell 2") and part.test_names == ("cell 2",)
    assert part.images[1] is images.images[2] and part.truths[1] is images.truths[2]
    with pytest.raises(InputError, match="no image 'x'.*'cell 0'"):
        images.select(["x"])
    small = images.binned(2)
    np.testing.assert_allclose(small.images[1][..., 1], images.images[1][..., 3:].mean(-1), rtol=1e-6)
    np.testing.assert_allclose(small.truths[1][..., 0], images.truths[1][..., :3].mean(-1), rtol=1e-6)
    np.testing.assert_allclose(small.wavenumbers, [AXIS[:3].mean(), AXIS[3:].mean()])


def many(count, test_names=()):
    names = tuple(f"{i:03d}" for i in range(count))
    return HyperspectralImages([np.zeros((1, 1, 1))] * count, names, None, "many", test_names=test_names)


def test_split_of_the_published_number_of_images():
    splits = split_images(many(169))
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [144, 17, 8]
    assert sum((splits[name].names for name in ("train", "validation", "test")), ()) == many(169).names


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 10, 33])
def test_small_splits_share_no_image_and_lose_none(count):
    splits = split_images(many(count))
    assert sorted(sum((split.names for split in splits.values()), ())) == list(many(count).names)
    assert set(splits) == ({"train", "validation", "test"} if count >= 3 else {"train"})


def test_split_by_names():
    splits = split_images(many(20), test_names=["003"], validation_names=["007", "001"])
    assert splits["test"].names == ("003",) and splits["validation"].names == ("001", "007")
    assert len(splits["train"]) == 17
    marked = split_images(many(22, test_names=("000", "001")))
    assert marked["test"].names == ("000", "001")
    assert len(marked["validation"]) == 2 and len(marked["train"]) == 18
    assert "test" not in split_images(many(20), (0.9, 0.1, 0.0))
    for settings in (
        {"test_names": ["x"]},
        {"test_names": ["001"], "validation_names": ["001"]},
        {"test_names": many(20).names},
        {"fractions": (0.5, 0.2, 0.2)},
        {"fractions": (0.0, 0.5, 0.5)},
    ):
        with pytest.raises(InputError):
            split_images(many(20), **settings)


def test_simulated_images(tmp_path):
    settings = {"images": 3, "test_images": 1, "height": 8, "width": 10, "seed": 4}
    write_simulated_images(tmp_path / "one", **settings)
    write_simulated_images(tmp_path / "two", **settings)
    images, again = read_images(tmp_path / "one"), read_images(tmp_path / "two")
    assert images.names == ("cell_000", "cell_001", "cell_002") and images.test_names == ("cell_002",)
    assert images.simulated and [step["name"] for step in images.steps] == [
        "crop",
        "remove_cosmic_rays",
        "subtract_background",
    ]
    assert images.wavenumbers.shape == (500,)
    for image, other, truth in zip(images.images, again.images, images.truths, strict=True):
        assert image.shape == (8, 10, 500)
        np.testing.assert_array_equal(image, other)
        # Of the same scene: the noise is small beside the differences between pixels and channels.
        assert np.corrcoef(image.ravel(), truth.ravel())[0, 1] > 0.97
        assert not np.array_equal(image, truth)
    assert not np.array_equal(images.images[0], images.images[1])
    with pytest.raises(InputError, match="test_images=3"):
        write_simulated_images(tmp_path / "three", images=3, test_images=3)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real data are not here")
def test_real_cartilage_map():
    found = read_images(SHARED / "data" / "cartilage_map_real.npz")
    assert found.images[0].shape == (25, 35, 300) and found.names == ("cartilage_map_real",)
    assert found.wavenumbers[0] == 602 and found.wavenumbers[-1] == 1798
