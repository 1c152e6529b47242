"""Maps of any format as training data: pairs in the folders noisy and target, and images."""

import shutil

import numpy as np
import pytest
from paths import SHARED

from deeper_jax.data.files import read_pairs
from deeper_jax.data.image_files import read_images
from deeper_jax.data.tfds_denoising import prepare_and_load
from deeper_jax.errors import InputError
from deeper_jax.maps import raman_map, read_map, write_map
from deeper_jax.tasks.denoising_evaluation import evaluation_images

INSTRUMENTS = SHARED / "data" / "instruments"
AXIS = np.linspace(600, 1600, 40)


def cube(seed, shape=(3, 4)):
    return np.random.default_rng(seed).normal(100, 5, (*shape, AXIS.size)).astype(np.float32)


def save(path, values, axis=AXIS, **places):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_map(raman_map(values, axis, **places), path)


def save_pair(folder, name="a.h5", noisy=None, target=None, axis=AXIS, target_axis=None):
    save(folder / "noisy" / name, cube(0) if noisy is None else noisy, axis)
    save(folder / "target" / name, cube(1) if target is None else target, axis if target_axis is None else target_axis)


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".mat", ".csv", ".tif"])
def test_files_of_one_name_in_noisy_and_target_are_the_pairs_of_a_cell(tmp_path, suffix):
    save_pair(tmp_path, f"b{suffix}")
    save_pair(tmp_path, "a.npz", cube(2, (2, 2)), cube(3, (2, 2)))
    pairs = read_pairs(tmp_path)["all"]
    assert pairs.cell_names == (("a", "b") if suffix != ".csv" else ("a",))  # a text beside other maps is a note
    assert pairs.image_shapes["a"] == (2, 2) and not pairs.simulated
    np.testing.assert_array_equal(pairs.of_cell("a").noisy, cube(2, (2, 2)).reshape(4, -1))
    np.testing.assert_allclose(pairs.wavenumbers, AXIS)
    if suffix != ".csv":
        np.testing.assert_allclose(pairs.of_cell("b").target, cube(1).reshape(12, -1), rtol=1e-6)
        assert pairs.image_shapes["b"] == (3, 4)


def test_the_size_of_a_pixel_is_known_where_the_maps_tell_it(tmp_path):
    square = {"y": 0.5 * np.arange(3), "x": 7 - 0.5 * np.arange(4)}
    for name, places in (("a", square), ("b", {}), ("c", square | {"x": np.arange(4.0)})):
        for kind, seed in (("noisy", 0), ("target", 1)):
            save(tmp_path / kind / f"{name}.h5", cube(seed), **places)
    pairs = read_pairs(tmp_path)["all"]
    assert pairs.pixel_sizes_um == {"a": pytest.approx(0.5)}
    assert pairs.of_cell("a").pixel_sizes_um == pairs.pixel_sizes_um and not pairs.of_cell("b").pixel_sizes_um
    image, unknown = evaluation_images(pairs)[:2]
    assert image.pixel_size_um == pytest.approx(0.5) and unknown.pixel_size_um is None


def test_text_files_are_maps_where_there_are_no_others(tmp_path):
    save_pair(tmp_path, "a.csv")
    np.testing.assert_allclose(read_pairs(tmp_path)["all"].noisy, cube(0).reshape(12, -1), rtol=1e-6)


@pytest.fixture(scope="module")
def streamline():
    path = INSTRUMENTS / "streamline_map.wdf"
    if not path.is_file():
        pytest.skip("the instruments' files are not here")
    return path


def test_a_renishaw_map_is_the_target_of_a_noisier_scan_in_another_format(streamline, tmp_path):
    target = read_map(streamline)
    noisy = target + np.random.default_rng(0).normal(0, 50, target.shape)
    (tmp_path / "target").mkdir()
    (tmp_path / "noisy").mkdir()
    shutil.copy(streamline, tmp_path / "target" / "cell.wdf")
    write_map(noisy, tmp_path / "noisy" / "cell.nc")
    pairs = read_pairs(tmp_path)["all"]
    np.testing.assert_array_equal(pairs.target, target.values.reshape(-1, 394))
    np.testing.assert_allclose(pairs.noisy, noisy.values.reshape(-1, 394), rtol=1e-6)
    np.testing.assert_array_equal(pairs.wavenumbers, target.wavenumber)
    assert pairs.image_shapes == {"cell": (49, 45)}


def test_the_prepared_copy_follows_the_files_of_either_folder(tmp_path):
    save_pair(tmp_path / "cells")
    first = prepare_and_load(tmp_path / "cells", tmp_path / "copy")["all"]
    (tmp_path / "cells" / "target" / "a.h5").unlink()
    save(tmp_path / "cells" / "target" / "a.h5", 2 * cube(1))
    second = prepare_and_load(tmp_path / "cells", tmp_path / "copy")["all"]
    np.testing.assert_array_equal(second.target, 2 * first.target)


def test_pixels_that_either_scan_lacks_are_left_out_and_counted(tmp_path, caplog):
    noisy, target = cube(0), cube(1)
    noisy[2, 1:], target[0, 0] = np.nan, np.nan
    save_pair(tmp_path, noisy=noisy, target=target)
    with caplog.at_level("INFO", logger="deeper_jax"):
        pairs = read_pairs(tmp_path)["all"]
    assert "a.h5: 4 of 12 pixels not measured, left out" in caplog.text
    kept = [n for n in range(12) if n not in (0, 9, 10, 11)]
    np.testing.assert_array_equal(pairs.target, cube(1).reshape(12, -1)[kept])
    assert pairs.image_shapes == {}


def test_axes_in_descending_order_are_turned(tmp_path):
    np.savez(tmp_path / "a.npz", cube=cube(0)[..., ::-1], wavenumbers=AXIS[::-1])
    for folder in ("noisy", "target"):
        (tmp_path / folder).mkdir()
        shutil.copy(tmp_path / "a.npz", tmp_path / folder)
    np.testing.assert_array_equal(read_pairs(tmp_path)["all"].noisy, cube(0).reshape(12, -1))


def test_a_calibration_of_less_than_a_tenth_of_a_channel_is_one_axis_and_more_is_not(tmp_path):
    step = AXIS[1] - AXIS[0]
    save_pair(tmp_path / "near", target_axis=AXIS + 0.09 * step)
    np.testing.assert_array_equal(read_pairs(tmp_path / "near")["all"].wavenumbers, AXIS)
    save_pair(tmp_path / "far", target_axis=AXIS + 0.2 * step)
    with pytest.raises(InputError, match=r"target/a\.h5: found 40 wavenumbers.*noisy/a\.h5.*docs/data\.md"):
        read_pairs(tmp_path / "far")
    save_pair(tmp_path / "near", "b.h5", axis=AXIS + step)
    with pytest.raises(InputError, match=r"noisy/b\.h5: found 40 wavenumbers.*noisy/a\.h5"):
        read_pairs(tmp_path / "near")


def test_pairs_that_are_none_are_refused_by_name(tmp_path):
    save(tmp_path / "one" / "noisy" / "a.h5", cube(0))
    with pytest.raises(InputError, match="one/target: found no file of a map"):
        read_pairs(tmp_path / "one")
    save(tmp_path / "one" / "target" / "b.h5", cube(0))
    with pytest.raises(InputError, match=r"noisy/a\.h5: found no map 'a' in .*one/target"):
        read_pairs(tmp_path / "one")
    save_pair(tmp_path / "shape", target=cube(1, (4, 3)))
    with pytest.raises(InputError, match=r"target/a\.h5: found 4 y x 3 x x 40 wavenumber, expected 3 y x 4 x"):
        read_pairs(tmp_path / "shape")
    for folder, step in (("noisy", 1.0), ("target", -1.0)):
        save(tmp_path / "places" / folder / "a.h5", cube(0), y=np.arange(3.0), x=step * np.arange(4.0))
    with pytest.raises(InputError, match=r"target/a\.h5: found pixels at x from 0 to -3, expected 0 to 3"):
        read_pairs(tmp_path / "places")
    save_pair(tmp_path / "twice")
    save(tmp_path / "twice" / "noisy" / "a.npz", cube(0))
    with pytest.raises(InputError, match=r"found a\.h5 and a\.npz"):
        read_pairs(tmp_path / "twice")


def test_a_folder_of_maps_of_any_format_are_images(streamline, tmp_path):
    shutil.copy(streamline, tmp_path / "b.wdf")
    other = read_map(streamline)[:10, :12]
    write_map(other, tmp_path / "a.h5")
    (tmp_path / "README.txt").write_text("measured on a Monday\n")
    images = read_images(tmp_path)
    assert images.names == ("a", "b") and [image.shape[:2] for image in images.images] == [(10, 12), (49, 45)]
    np.testing.assert_array_equal(images.images[0], other)
    np.testing.assert_array_equal(images.images[1], read_map(streamline))
    np.testing.assert_array_equal(images.wavenumbers, other.wavenumber)


def test_of_an_interrupted_map_the_whole_lines_are_an_image(tmp_path, caplog):
    values = cube(0, (5, 4))
    values[3, 2:], values[4] = np.nan, np.nan
    save(tmp_path / "a.h5", values)
    with caplog.at_level("INFO", logger="deeper_jax"):
        (image,) = read_images(tmp_path).images
    np.testing.assert_array_equal(image, values[:3])
    assert "lines 0 to 2 of 5 are whole" in caplog.text


def test_what_is_no_map_is_no_image(tmp_path):
    save(tmp_path / "list.h5", cube(0)[0])
    with pytest.raises(InputError, match=r"list\.h5: found 4 spectrum x 40 wavenumber, expected one map"):
        read_images(tmp_path)
    lost = np.full((2, 2, AXIS.size), np.nan)
    lost[0, 0] = 1
    save(tmp_path / "lost" / "a.h5", lost)
    with pytest.raises(InputError, match=r"a\.h5: found no line of the map that is whole"):
        read_images(tmp_path / "lost")
