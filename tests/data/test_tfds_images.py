"""The TFDS builder of images gives back what was in the files, builds once, and maps the images."""

import os

import numpy as np
import pytest
import tensorflow_datasets as tfds

from deeper_jax.data.image_files import HyperspectralImages, read_images
from deeper_jax.data.tfds_images import DeeperImages, ImagesConfig, load_images, prepare_and_load_images
from deeper_jax.data.writing import write_images
from deeper_jax.errors import InputError

AXIS = np.linspace(500.125, 1800.0, 7)


def make_images(shapes, seed=0, truth=True):
    generator = np.random.default_rng(seed)
    images, truths = ([generator.normal(5, 1, (*s, 7)).astype(np.float32) for s in shapes] for _ in range(2))
    return HyperspectralImages(
        images=images,
        names=tuple(f"cell ü-{i}" for i in range(len(shapes))),
        wavenumbers=AXIS,
        source="test",
        simulated=truth,
        steps=({"name": "crop", "low": 500.0, "high": 1800.0},),
        truths=truths if truth else None,
        test_names=("cell ü-1",),
    )


def assert_same(found, expected, source=True):
    for kind in ("images", "truths"):
        arrays, others = getattr(found, kind), getattr(expected, kind)
        assert (arrays is None) == (others is None)
        for array, other in zip(arrays or (), others or (), strict=True):
            np.testing.assert_array_equal(array, other)
            assert array.dtype == np.float32
    np.testing.assert_array_equal(found.wavenumbers, expected.wavenumbers)
    for field in ("names", "simulated", "steps", "test_names", *(("source",) if source else ())):
        assert getattr(found, field) == getattr(expected, field), field


SHAPES = [(4, 5), (6, 3), (1, 9)]


def test_round_trip_through_tfds_is_memory_mapped(tmp_path):
    images = make_images(SHAPES)
    write_images(tmp_path / "source", images, seed=3)
    for _ in range(2):
        found = prepare_and_load_images(tmp_path / "source", tmp_path / "cache")
        assert_same(found, read_images(tmp_path / "source"))
        assert_same(found, images, source=False)
        assert all(isinstance(image, np.memmap) for image in (*found.images, *found.truths))


def test_single_file_without_axis_or_truth(tmp_path):
    image = make_images(SHAPES).images[0]
    np.save(tmp_path / "alone.npy", image)
    found = prepare_and_load_images(tmp_path / "alone.npy", tmp_path / "cache")
    np.testing.assert_array_equal(found.images[0], image)
    assert found.names == ("alone",) and found.wavenumbers is None and found.truths is None


def test_built_once_and_again_when_files_change(tmp_path, monkeypatch):
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    images = make_images(SHAPES)
    for name in ("a", "b"):
        np.save(source / f"{name}.npy", images.images[0])
    calls = []
    monkeypatch.setattr("deeper_jax.data.tfds_images.read_images", lambda path: calls.append(path) or read_images(path))
    # The folder comes without a list; writing it must not count as a change.
    for expected in (1, 1):
        prepare_and_load_images(source, cache)
        assert len(calls) == expected
    np.save(source / "a.npy", images.images[1])
    np.testing.assert_array_equal(prepare_and_load_images(source, cache).images[0], images.images[1])
    assert len(calls) == 2


def test_a_changed_truth_counts_as_a_change(tmp_path):
    write_images(tmp_path / "source", make_images(SHAPES))
    prepare_and_load_images(tmp_path / "source", tmp_path / "cache")
    os.utime(tmp_path / "source" / "truth" / "cell ü-0.mat", ns=(1, 1))
    prepare_and_load_images(tmp_path / "source", tmp_path / "cache")
    assert len(list((tmp_path / "cache" / "deeper_images").glob("image_files_*"))) == 2


def test_the_registered_builder_reads_the_manual_directory(tmp_path):
    images = make_images(SHAPES, truth=False)
    write_images(tmp_path / "manual", images)
    builder = tfds.builder("deeper_images/image_files", data_dir=str(tmp_path / "data"))
    config = tfds.download.DownloadConfig(manual_dir=str(tmp_path / "manual"))
    builder.download_and_prepare(download_config=config)
    examples = list(tfds.as_numpy(builder.as_dataset(split="images")))
    assert [example["name"].decode() for example in examples] == list(images.names)
    for example, image in zip(examples, images.images, strict=True):
        np.testing.assert_array_equal(example["image"], image)
    assert_same(load_images(builder), images, source=False)


def test_simulated_config_stores_what_the_simulator_writes(tmp_path, monkeypatch):
    asked = []

    def write(folder, **settings):
        asked.append(settings)
        write_images(folder, make_images(SHAPES), seed=1)

    monkeypatch.setattr("deeper_jax.data.simulated_data.write_simulated_images", write)
    settings = {"images": 3, "test_images": 1, "height": 4, "width": 5, "seed": 2}
    config = ImagesConfig(name="tiny", truth=True, simulate=True, **settings)
    builder = DeeperImages(data_dir=str(tmp_path / "data"), config=config)
    builder.download_and_prepare(download_dir=str(tmp_path / "downloads"))
    assert asked == [settings]
    assert_same(load_images(builder), make_images(SHAPES), source=False)


def test_missing_source(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        prepare_and_load_images(tmp_path / "nowhere", tmp_path / "cache")


@pytest.mark.parametrize("how", ["a mapped file cut short", "a mapped file gone"])
def test_a_damaged_copy_is_made_anew(tmp_path, caplog, how):
    write_images(tmp_path / "source", make_images(SHAPES), seed=3)
    prepare_and_load_images(tmp_path / "source", tmp_path / "cache")
    mapped = next((tmp_path / "cache").rglob("image-00001.npy"))
    if how.endswith("gone"):
        mapped.unlink()
    else:
        mapped.write_bytes(mapped.read_bytes()[:-20])
    found = prepare_and_load_images(tmp_path / "source", tmp_path / "cache")
    assert_same(found, make_images(SHAPES), source=False)
    assert "this prepared copy is damaged" in caplog.text
