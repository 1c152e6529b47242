"""A run whose files are damaged for real: nothing damaged is used, nothing is lost, and what is used is named."""

import functools
import os
import shutil
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest
import tensorstore
from training_examples import ONE_DEVICE, layer, noise_job, small_config

from deeper_jax.errors import InputError
from deeper_jax.training.checkpoints import CheckpointWriter, restore
from deeper_jax.training.loop import train
from deeper_jax.training.step import TrainState
from deeper_jax.training.stored_checkpoints import read_weights, steps_in


def tiny_run(workdir: Path, **settings) -> TrainState:
    """20 steps of one layer: latest checkpoints at 14 and 20, best at 10 and 20."""
    config = small_config(**{"evaluate_every": 10, "ema_decay": 0.5} | settings)
    config.schedule.learning_rate = 1e-3
    return train(config, noise_job(config, model=layer()), workdir, ONE_DEVICE)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, TrainState]:
    workdir = tmp_path_factory.mktemp("whole")
    state = tiny_run(workdir)
    kept = {kind: [int(path.name) for path in steps_in(workdir / "checkpoints" / kind)] for kind in ("latest", "best")}
    assert kept == {"latest": [20, 14], "best": [20, 10]}
    return workdir, state


@pytest.fixture
def copy(whole, tmp_path) -> Path:
    return shutil.copytree(whole[0], tmp_path / "run")


def bits(tree) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def flipped(content: bytes, place: float) -> bytes:
    changed = bytearray(content)
    changed[int(place * (len(content) - 1))] ^= 1 << int(7 * place)
    return bytes(changed)


DAMAGES = {
    "emptied": lambda content: b"",
    "deleted": lambda content: None,
    "truncated": lambda content: content[: len(content) // 2],
    **{f"flipped at {place}": functools.partial(flipped, place=place) for place in (0.0, 0.3, 0.7)},
}


def damage(file: Path, how: str) -> None:
    content = DAMAGES[how](file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)


def each_damage(whole: Path, checkpoint: str, tmp_path: Path):
    """Copies of the checkpoints, each with one file damaged."""
    files = sorted(path for path in (whole / checkpoint).rglob("*") if path.is_file() and path.stat().st_size)
    assert len(files) > 10
    for index, file in enumerate(files):
        for how in DAMAGES:
            copied = tmp_path / f"{index} {how}"
            shutil.copytree(whole / "checkpoints", copied / "checkpoints", copy_function=os.link)
            damage(copied / file.relative_to(whole), how)
            yield f"{file.relative_to(whole)} {how}", copied


def assert_damage_was_real(used: list[tuple[str, int]], older: int) -> None:
    """What bears no information may be damaged unseen; the record, the arrays and their index may not."""
    for part in ("record/metadata", "state/manifest.ocdbt", "state/d/", "state/ocdbt.process_0/d/"):
        assert [step for what, step in used if part in what].count(older) >= 6, part


def test_any_damage_of_the_latest_gives_its_bits_or_the_older_ones(whole, tmp_path):
    workdir, state = whole
    like = jax.tree.map(lambda leaf: leaf, state)
    older = shutil.copytree(workdir, tmp_path / "older")
    shutil.rmtree(older / "checkpoints" / "latest" / "20")
    expected = {20: bits(state), 14: bits(restore(older, like)[0])}
    used = []
    for what, copied in each_damage(workdir, "checkpoints/latest/20", tmp_path):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found, record = restore(copied, like)
        step = int(found.step)
        assert bits(found) == expected[step] and record["step"] == step, what
        latest = copied / "checkpoints" / "latest"
        if step == 14:
            said = [str(warning.message) for warning in caught]
            assert any(f"{latest / '20'} is damaged" in text and str(latest / "14") in text for text in said), what
            assert (copied / "checkpoints" / "damaged" / "latest-20-1").is_dir(), what
        assert [path.name for path in steps_in(latest)] == (["20", "14"] if step == 20 else ["14"]), what
        used.append((what, step))
    assert_damage_was_real(used, 14)


def test_any_damage_of_the_best_gives_its_weights_or_the_older_ones(whole, tmp_path):
    workdir, _ = whole
    best = {step: read_weights(workdir / "checkpoints" / "best" / str(step)) for step in (20, 10)}
    used = []
    for what, copied in each_damage(workdir, "checkpoints/best/20", tmp_path):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = read_weights(copied)
        step = int(found.path.name)
        assert found.path.parent.name == "best" and found.record == best[step].record, what
        assert bits((found.params, found.stats)) == bits((best[step].params, best[step].stats)), what
        if step == 10:
            said = [str(warning.message) for warning in caught]
            assert any("best/20 is damaged" in text and "best/10 is used instead" in text for text in said), what
        used.append((what, step))
    assert_damage_was_real(used, 10)


def test_where_no_best_is_sound_the_latest_is_used_and_where_nothing_is_a_sentence_says_so(copy):
    best = copy / "checkpoints" / "best"
    damage(best / "20" / "record" / "metadata", "truncated")
    shutil.rmtree(best / "10" / "state")
    with pytest.warns(UserWarning, match=r"best/20 is damaged.*best/10 is damaged.*latest/20 is used instead"):
        assert read_weights(copy).path == copy / "checkpoints" / "latest" / "20"
    for step in (20, 14):
        damage(copy / "checkpoints" / "latest" / str(step) / "state" / "manifest.ocdbt", "emptied")
    with pytest.raises(InputError, match=r"latest/14 is damaged.*there is no sound checkpoint"):
        read_weights(copy)
    with pytest.raises(InputError, match=r"best/10 is damaged: its arrays cannot be read.*no sound checkpoint"):
        read_weights(best / "10")


@pytest.mark.parametrize("left", ["empty", "half written"])
def test_a_run_goes_on_from_the_newest_sound_checkpoint_and_ends_with_the_same_bits(whole, copy, left, caplog):
    newest = copy / "checkpoints" / "latest" / "20"
    shutil.rmtree(newest if left == "empty" else newest / "state" / "d")
    newest.mkdir(exist_ok=True)
    damage(copy / "checkpoints" / "best" / "20" / "state" / "manifest.ocdbt", "flipped at 0.3")
    caplog.set_level("INFO", "deeper_jax")
    with pytest.warns(UserWarning, match=rf"{newest} is damaged.*moved to.*the run goes on from .*latest/14"):
        state = tiny_run(copy)
    assert "Resuming at step 14 of 20" in caplog.text
    assert bits(state) == bits(whole[1])
    assert {path.name for path in (copy / "checkpoints" / "damaged").iterdir()} == {"latest-20-1", "best-20-1"}
    assert bits(read_weights(copy).params) == bits(state.ema) and read_weights(copy).path.parent.name == "best"


def test_a_run_whose_latest_is_lost_does_not_start_over(copy):
    latest, before = copy / "checkpoints" / "latest", (copy / "metrics.jsonl").read_text()
    for step in (20, 14):
        damage(latest / str(step) / "record" / "metadata", "emptied")
    with pytest.raises(InputError, match=r"latest/20 is damaged.*nothing to resume.*--config.init_from="):
        tiny_run(copy)
    assert [path.name for path in steps_in(latest)] == ["20", "14"]
    shutil.rmtree(latest)
    with pytest.raises(InputError, match=r"latest is gone while .*best/20 is there.*--config.init_from="):
        tiny_run(copy)
    assert (copy / "metrics.jsonl").read_text() == before


def test_the_best_that_a_kill_came_before_is_written_on_resuming(copy):
    best = read_weights(copy)
    shutil.rmtree(copy / "checkpoints" / "best")
    tiny_run(copy)
    again = read_weights(copy)
    assert again.path == best.path and bits(again.params) == bits(best.params)


def test_the_first_latest_is_complete_before_the_first_best_begins(tmp_path, monkeypatch):
    """So a best alone always means a loss, and a run killed between the two starts anew."""
    order = []
    write = CheckpointWriter._write

    def watched(self, manager, step, *rest):
        order.append((manager.directory.name, [path.name for path in steps_in(tmp_path / "checkpoints" / "latest")]))
        write(self, manager, step, *rest)

    monkeypatch.setattr(CheckpointWriter, "_write", watched)
    tiny_run(tmp_path, checkpoint_every=1000)
    assert order[:2] == [("latest", []), ("best", ["10"])]


def test_an_array_that_says_it_is_huge_is_damaged_before_memory_is_asked_for(copy):
    best = copy / "checkpoints" / "best" / "20"
    kvstore = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{best / 'state'}/"}, "path": "params.kernel/"}
    metadata = {"shape": [10**12], "chunks": [1000], "dtype": "<f4"}
    spec = {"driver": "zarr", "kvstore": kvstore, "metadata": metadata, "create": True, "delete_existing": True}
    tensorstore.open(spec).result()
    with pytest.warns(UserWarning, match=r"best/20 is damaged.*best/10 is used instead"):
        assert read_weights(copy).record["step"] == 10
