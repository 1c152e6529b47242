"""A run's directory: one run in it, its settings and its log, damaged for real and written to in vain."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from processes import WITHOUT_TORCH, environment
from training_examples import small_config

from deeper_jax.errors import InputError, NotWritten
from deeper_jax.training.run_directory import claim, held
from deeper_jax.training.run_log import RunLog
from deeper_jax.training.stored_checkpoints import sealed


@pytest.fixture
def workdir(tmp_path) -> Path:
    """A run's directory with the record of a checkpoint, as far as its settings go."""
    config = small_config()
    claim(tmp_path, config)
    record = tmp_path / "checkpoints" / "latest" / "7" / "record"
    record.mkdir(parents=True)
    (record / "metadata").write_text(json.dumps(sealed({"config": config.to_dict()}, {})))
    return tmp_path


DAMAGES = {
    "emptied": lambda text: "",
    "truncated": lambda text: text[: len(text) // 2],
    "garbage": lambda text: "\udcff\0",
    "another value": lambda text: text.replace('"seed": 0', '"seed": 1'),
    "no settings": lambda text: "5",
    "deleted": lambda text: None,
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_config_is_mended_from_the_record(workdir, how, caplog):
    path = workdir / "config.json"
    before, text = path.read_text(), DAMAGES[how](path.read_text())
    path.unlink()
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    claim(workdir, small_config())
    assert json.loads(path.read_text()) == json.loads(before)
    assert f"{path} was damaged or lost; it is written anew" in caplog.text
    with pytest.raises(InputError, match="train.steps was 20, now 3"):
        claim(workdir, small_config(steps=3))


def test_a_sound_config_is_left_alone_and_without_any_record_a_sentence_says_what_to_do(workdir, caplog):
    claim(workdir, small_config())
    assert not caplog.text
    (workdir / "checkpoints" / "latest" / "7" / "record" / "metadata").write_text("{")
    claim(workdir, small_config())
    (workdir / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config.json: cannot be read, nor any checkpoint's record beside it; put a"):
        claim(workdir, small_config())
    assert (workdir / "config.json").read_text() == "{"


def test_a_directory_without_checkpoints_takes_other_settings(workdir):
    with pytest.raises(InputError, match="train.steps was 20, now 3"):
        claim(workdir, small_config(steps=3))
    shutil.rmtree(workdir / "checkpoints")
    claim(workdir, small_config(steps=3))
    assert json.loads((workdir / "config.json").read_text())["train"]["steps"] == 3


def test_more_steps_or_epochs_of_the_kind_that_was_counted_are_taken_and_fewer_are_not(workdir, caplog):
    def written():
        return json.loads((workdir / "config.json").read_text())["train"]["steps"]

    claim(workdir, small_config(steps=30))
    assert written() == 30 and not caplog.text
    # Nothing of the longer run is saved yet.
    claim(workdir, small_config(steps=25))
    assert written() == 25
    for settings in ({"steps": 19}, {"steps": 0, "epochs": 9}):
        with pytest.raises(InputError, match=f"train.steps was 20, now {settings['steps']}"):
            claim(workdir, small_config(**settings))
    record = workdir / "checkpoints" / "latest" / "7" / "record" / "metadata"
    record.write_text(json.dumps(sealed({"config": small_config(steps=0, epochs=3).to_dict()}, {})))
    claim(workdir, small_config(steps=0, epochs=4))
    with pytest.raises(InputError, match="train.epochs was 3, now 2"):
        claim(workdir, small_config(steps=0, epochs=2))
    assert not caplog.text


GOOD = "".join(json.dumps({"step": step, "train/loss": 0.5}) + "\n" for step in (1, 2, 3))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (GOOD.encode() + b'{"step": 4, "tra', None),
        (GOOD.encode() + b'{"step": 9, "train/loss": 1.0}\n', None),
        (GOOD.encode() + b'\xff\x00\xfe\n7\n{"step": "x"}\n[]\n', "4 lines, the first of them line 4"),
        (b'{"stop": 1}\n' + GOOD.encode() + b'{"step"', "2 lines, the first of them line 1"),
    ],
)
def test_damaged_metrics_are_named_and_kept_beside(tmp_path, content, named, caplog):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(content)
    RunLog(tmp_path, 3, 20, 16).close()
    assert path.read_text() == GOOD
    aside = tmp_path / "metrics.damaged.jsonl"
    assert (named in caplog.text and aside.read_bytes() == content) if named else not (caplog.text or aside.exists())


def test_a_second_run_is_refused_by_host_and_process_before_anything_is_touched(tmp_path):
    with held(tmp_path):
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        who = rf"process {os.getpid()} on {socket.gethostname()}"
        with (
            pytest.raises(InputError, match=rf"another run is writing here \({who}\).*another --workdir"),
            held(tmp_path),
        ):
            pass
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    with held(tmp_path):
        pass


def python(code: str, **settings) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = environment(ROOT, ROOT / "tests", WITHOUT_TORCH)
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, text=True, **pipes, **settings)


def test_what_a_killed_process_held_is_taken_over_silently_and_what_a_living_one_holds_is_not(tmp_path, caplog):
    code = (
        "import time; from pathlib import Path; from deeper_jax.training.run_directory import held\n"
        f"with held(Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(600)"
    )
    process = python(code)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=f"process {process.pid} on"), held(tmp_path):
        pass
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and str(process.pid) in (tmp_path / "run.lock").read_text()
    with held(tmp_path):
        assert str(process.pid) not in (tmp_path / "run.lock").read_text()
    assert not caplog.text


def test_what_a_run_on_another_host_left_is_not_taken_over_unless_by_the_same_job(tmp_path, monkeypatch):
    left = {"host": "node7", "pid": 12, "boot": "other", "job": "55"}
    (tmp_path / "run.lock").write_text(json.dumps(left))
    with pytest.raises(InputError, match=r"on node7 \(process 12\) did not end.*delete .*run.lock"), held(tmp_path):
        pass
    assert json.loads((tmp_path / "run.lock").read_text()) == left
    monkeypatch.setenv("SLURM_JOB_ID", "55")
    with held(tmp_path):
        pass
    (tmp_path / "run.lock").write_text("garbage")
    with held(tmp_path):
        pass


def test_directories_that_cannot_be_written_to_are_one_sentence(tmp_path):
    (tmp_path / "file").write_text("precious")
    for path in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(NotWritten, match=rf"{path}: cannot be written to \(.*\); make room there"), held(path):
            pass
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize(
    ("limit", "what"), [(2000, "checkpoints: a checkpoint could not be written"), (600, "cannot be")]
)
def test_a_full_disk_is_one_sentence(tmp_path, limit, what):
    """No file may be longer than `limit` bytes, which the system refuses as it does where there is no room."""
    code = (
        "import sys, resource, pathlib; sys.path.insert(0, 'tests/training')\n"
        "import jax; jax.config.update('jax_enable_compilation_cache', False)\n"
        "from test_damage import tiny_run\n"
        "from deeper_jax.cli.command_line import run_quietly\n"
        "sys.modules['tensorboardX'] = None\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"run_quietly('train', lambda: tiny_run(pathlib.Path({str(tmp_path / 'run')!r})))"
    )
    process = python(code)
    _, errors = process.communicate()
    said = [line for line in errors.splitlines() if line.startswith("train: ")]
    assert process.returncode == 2 and len(said) == 1 and what in said[0], errors
    assert "Traceback" not in errors, errors


def test_a_write_that_ends_after_another_failed_says_nothing():
    """TensorStore calls back into the event loop of its task, which is closed once one write has failed."""
    code = (
        "import asyncio, time, tensorstore, deeper_jax.training.checkpoints\n"
        "promise, future = tensorstore.Promise.new()\n"
        "async def wait(): await future\n"
        "loop = asyncio.new_event_loop(); task = loop.create_task(wait()); task._log_destroy_pending = False\n"
        "loop.run_until_complete(asyncio.sleep(0)); loop.close()\n"
        "promise.set_result(0); time.sleep(0.5); print('ended')"
    )
    assert python(code).communicate() == ("ended\n", "")


@pytest.mark.parametrize(("error", "told"), [("Error writing 'bias/0'", False), ("another", True)])
def test_writes_that_fail_beside_another_say_nothing(error, told):
    """Orbax waits for all writes together, and is given the first error."""
    code = (
        "import asyncio, deeper_jax.training.checkpoints\n"
        f"async def fail(): raise ValueError({error!r})\n"
        "async def run(): task = asyncio.create_task(fail()); await asyncio.sleep(0)\n"
        "asyncio.run(run()); print('ended')"
    )
    output, errors = python(code).communicate()
    assert output == "ended\n" and ("never retrieved" in errors) == told and bool(errors) == told
