"""The TFDS builder gives back what was in the files, builds once, and keeps the metadata."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from deeper_jax.data.files import SpectralPairs, read_pairs
from deeper_jax.data.tfds_denoising import DeeperDenoising, DenoisingConfig, load_pairs, prepare_and_load
from deeper_jax.data.writing import write_pairs
from deeper_jax.errors import InputError

AXIS = np.linspace(500.125, 1800.0, 9)


def make_pairs(rows_by_cell, seed, shapes=None, truth=True):
    generator = np.random.default_rng(seed)
    rows = sum(rows_by_cell.values())
    noisy, target, clean = (generator.normal(5, 1, (rows, 9)).astype(np.float32) for _ in range(3))
    return SpectralPairs(
        noisy=noisy,
        target=target,
        truth=clean if truth else None,
        wavenumbers=AXIS,
        cell=np.repeat(np.arange(len(rows_by_cell), dtype=np.int32), list(rows_by_cell.values())),
        cell_names=tuple(rows_by_cell),
        image_shapes=shapes or {},
        source="test",
        simulated=truth,
        steps=({"name": "crop", "low": 500.0, "high": 1800.0},),
    )


def assert_same(found, expected):
    for field in ("noisy", "target", "truth", "wavenumbers", "cell"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field), err_msg=field)
    for field in ("cell_names", "image_shapes", "simulated", "steps", "source"):
        assert getattr(found, field) == getattr(expected, field), field


@pytest.fixture
def simulated_folder(tmp_path):
    splits = {
        "train": make_pairs({"a": 6, "ü b": 5}, 0, {"a": (2, 3)}),
        "test": make_pairs({"c": 4}, 1, {"c": (2, 2)}),
    }
    write_pairs(tmp_path / "source", splits, seed=0)
    return tmp_path / "source"


def test_round_trip_through_tfds(simulated_folder, tmp_path):
    expected = read_pairs(simulated_folder)
    for _ in range(2):
        found = prepare_and_load(simulated_folder, tmp_path / "cache")
        assert list(found) == ["train", "test"]
        for name, pairs in expected.items():
            assert_same(found[name], pairs)


def test_rows_keep_their_order_over_several_batches_and_files(tmp_path, monkeypatch):
    pairs = make_pairs({"a": 700, "b": 300}, 2).take(np.random.default_rng(0).permutation(1000))
    monkeypatch.setattr("deeper_jax.data.tfds_denoising._READ_BATCH", 128)
    config = DenoisingConfig(name="many_files", length=9, truth=True)
    builder = DeeperDenoising(data_dir=str(tmp_path), config=config, content={"train": pairs})
    download = tfds.download.DownloadConfig(manual_dir=str(tmp_path), num_shards=4)
    builder.download_and_prepare(download_config=download)
    assert builder.info.splits["train"].num_shards == 4
    assert_same(load_pairs(builder)["train"], pairs)


def test_single_file_without_truth_axis_or_splits(tmp_path):
    pairs = make_pairs({"cell": 6}, 3)
    np.savez(tmp_path / "cell.npz", low=pairs.noisy.reshape(3, 2, 9), high=pairs.target.reshape(3, 2, 9))
    found = prepare_and_load(tmp_path / "cell.npz", tmp_path / "cache")["all"]
    assert_same(found, read_pairs(tmp_path / "cell.npz")["all"])
    assert found.truth is None and found.wavenumbers is None and found.image_shapes == {"cell": (3, 2)}


def test_built_once_and_again_when_the_files_change(simulated_folder, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    prepare_and_load(simulated_folder, cache)
    calls = []

    def counting_read(*args, **settings):
        calls.append(args)
        return read_pairs(*args, **settings)

    monkeypatch.setattr("deeper_jax.data.tfds_denoising.read_pairs", counting_read)
    prepare_and_load(simulated_folder, cache)
    assert not calls
    os.utime(simulated_folder / "Train_Inputs.mat", ns=(1, 1))
    prepare_and_load(simulated_folder, cache)
    assert len(calls) == 1
    found = prepare_and_load(simulated_folder, cache, cell_sizes={"train": [1, 10]})
    assert len(calls) == 2 and found["train"].cell_names == ("train-01", "train-02")


def test_missing_source(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        prepare_and_load(tmp_path / "nowhere", tmp_path / "cache")


def build_simulated(tmp_path):
    config = DenoisingConfig(name="tiny_simulated", truth=True, simulate=True, cells=4, height=3, width=4, seed=1)
    builder = DeeperDenoising(data_dir=str(tmp_path / "data"), config=config)
    builder.download_and_prepare(download_dir=str(tmp_path / "downloads"))
    return load_pairs(builder)


def test_simulated_config_stores_what_the_simulator_writes(tmp_path, monkeypatch):
    asked = []

    def write(folder, **settings):
        asked.append(settings)
        write_pairs(folder, {"train": make_pairs({"a": 12}, 7, {"a": (3, 4)})}, seed=1)

    monkeypatch.setattr("deeper_jax.data.simulated_data.write_simulated_dataset", write)
    splits = build_simulated(tmp_path)
    assert asked == [{"cells": 4, "height": 3, "width": 4, "seed": 1}]
    np.testing.assert_array_equal(splits["train"].truth, make_pairs({"a": 12}, 7).truth)


@pytest.mark.slow
def test_simulated_config_with_the_simulator(tmp_path):
    splits = build_simulated(tmp_path)
    assert set(splits) == {"train", "test"}
    assert len({name for pairs in splits.values() for name in pairs.cell_names}) == 4
    for pairs in splits.values():
        assert pairs.simulated and pairs.truth is not None and pairs.wavenumbers is not None
        assert set(pairs.image_shapes.values()) == {(3, 4)}
        assert len(pairs) == 12 * len(pairs.cell_names)


def build_from_manual_dir(folder, data_dir):
    builder = tfds.builder("deeper_denoising/deeper_files", data_dir=str(data_dir))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(folder)))
    return builder


def test_the_registered_builder_reads_the_manual_directory(tmp_path):
    splits = {
        "train": make_pairs({"p": 3, "q": 2}, 0, truth=False),
        "test": make_pairs({"r": 4}, 1, truth=False),
    }
    write_pairs(tmp_path / "manual", splits)
    builder = build_from_manual_dir(tmp_path / "manual", tmp_path / "data")
    assert {name: info.num_examples for name, info in builder.info.splits.items()} == {"train": 5, "test": 4}
    examples = list(tfds.as_numpy(builder.as_dataset(split="train")))
    assert [example["cell"].decode() for example in examples] == ["p", "p", "p", "q", "q"]
    assert [int(example["pixel"]) for example in examples] == [0, 1, 2, 0, 1]
    for row, example in enumerate(examples):
        np.testing.assert_array_equal(example["noisy"], splits["train"].noisy[row])
        np.testing.assert_array_equal(example["target"], splits["train"].target[row])
    supervised = next(iter(tfds.as_numpy(builder.as_dataset(split="test", as_supervised=True))))
    np.testing.assert_array_equal(supervised, [splits["test"].noisy[0], splits["test"].target[0]])


def test_building_twice_gives_the_same_files(tmp_path):
    write_pairs(tmp_path / "manual", {"train": make_pairs({"p": 30}, 0, truth=False)})
    records = []
    for name in ("first", "second"):
        builder = build_from_manual_dir(tmp_path / "manual", tmp_path / name)
        records.append([Path(file).read_bytes() for file in builder.info.splits["train"].filepaths])
    assert records[0] == records[1] and len(records[0][0]) > 30 * 2 * 9 * 4


def test_an_empty_manual_directory_says_what_to_put_there(tmp_path):
    with pytest.raises((AssertionError, InputError), match=r"Train_Inputs\.mat"):
        build_from_manual_dir(tmp_path / "manual", tmp_path / "data")
    (tmp_path / "manual").mkdir()
    with pytest.raises((AssertionError, InputError), match=r"Train_Inputs\.mat"):
        build_from_manual_dir(tmp_path / "manual", tmp_path / "data")


def break_copy(folder, how):
    if how == "no description":
        next(folder.rglob("dataset_info.json")).unlink()
    elif how == "no features":
        next(folder.rglob("features.json")).write_text("{")
    else:
        record = next(folder.rglob("*.tfrecord*"))
        record.write_bytes(record.read_bytes()[:-40] if how == "cut short" else b"")


@pytest.mark.parametrize("how", ["no description", "no features", "cut short", "empty"])
def test_a_damaged_copy_is_made_anew(simulated_folder, tmp_path, caplog, how):
    expected = prepare_and_load(simulated_folder, tmp_path / "cache")
    break_copy(tmp_path / "cache", how)
    for _ in range(2):
        found = prepare_and_load(simulated_folder, tmp_path / "cache")
        assert_same(found["train"], expected["train"])
    assert caplog.text.count("this prepared copy is damaged") == 1


def test_a_damaged_copy_that_cannot_be_removed_is_named(simulated_folder, tmp_path, monkeypatch):
    prepare_and_load(simulated_folder, tmp_path / "cache")
    break_copy(tmp_path / "cache", "empty")

    def refuse(path):
        raise PermissionError("read-only")

    monkeypatch.setattr("deeper_jax.data.tfds_base.shutil.rmtree", refuse)
    with pytest.raises(InputError, match=r"1\.0\.0: found a damaged copy .*read-only.*; delete this folder"):
        prepare_and_load(simulated_folder, tmp_path / "cache")
