"""train.py and eval.py as a user runs them: training in processes of its own, killed for real, the rest in this one."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from paths import ROOT
from processes import WITHOUT_TORCH, environment, losses, wait_for_step

import deeper_jax
from deeper_jax.cli.main import main

# Steps long enough to be killed in, few enough to be quick.
SETTINGS = ["--config=configs/tiny.py:width=4,batch_norm=false", "--config.train.steps=40"]


@pytest.fixture(scope="module")
def cells(tmp_path_factory) -> list[str]:
    """Arguments that name one simulated data set, written by the first run."""
    folder = tmp_path_factory.mktemp("data")
    return [f"--config.data.path={folder / 'cells'}", f"--config.data.tfds_dir={folder / 'tfds'}"]


@pytest.fixture(scope="module")
def whole_run(cells, tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("whole")
    finish(start(cells, workdir))
    return workdir


def finish(process: subprocess.Popen) -> str:
    """What it prints until it ends as it should."""
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output


def start(cells: list[str], workdir: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "train.py", *SETTINGS, *cells, f"--workdir={workdir}"],
        cwd=ROOT,
        env=environment(WITHOUT_TORCH),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_that_was_stopped_and_killed_ends_with_the_bits_of_one_that_was_not(whole_run, cells, tmp_path):
    process = start(cells, tmp_path)
    wait_for_step(tmp_path, 9, process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    step = int(output.split("Stopped at step ")[1].split()[0])
    assert (tmp_path / "checkpoints" / "latest" / str(step)).is_dir()

    process = start(cells, tmp_path)
    wait_for_step(tmp_path, 24, process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    assert "Resuming at step" in finish(start(cells, tmp_path))
    # The loss of every step is that of the uninterrupted run: the same batches were seen.
    assert losses(tmp_path) == losses(whole_run)
    assert len(losses(tmp_path)) == 40
    weights = [deeper_jax.load(path / "checkpoints" / "latest").params for path in (whole_run, tmp_path)]
    for a, b in zip(*map(jax.tree.leaves, weights), strict=True):
        np.testing.assert_array_equal(a, b)


def test_loading_in_a_fresh_process_imports_no_tensorflow(whole_run):
    code = (
        "import sys, numpy, deeper_jax;"
        f"model = deeper_jax.load({str(whole_run)!r});"
        "model.denoise(numpy.ones((2, 500)) + numpy.eye(2, 500));"
        "assert not [name for name in sys.modules if name.split('.')[0].startswith('tensorflow')]"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def report(whole_run, tmp_path_factory) -> Path:
    return evaluated(whole_run, tmp_path_factory.mktemp("report"))


def evaluated(run_directory: Path, output: Path) -> Path:
    main(["evaluate", f"--workdir={run_directory}", f"--output={output}"])
    return output


def test_evaluation_writes_tables_and_pictures(report):
    header = (report / "metrics.csv").read_text().splitlines()[0]
    assert header.startswith("method,image,mse,psnr,ssim,mse_truth,mse_fit")
    summary = json.loads((report / "metrics.json").read_text())
    assert summary["context"]["simulated"] is True
    assert summary["context"]["command"].startswith("deeper-jax evaluate --workdir=")
    assert {"network", "raw", "SG(1,9)"} <= {row["method"] for row in summary["rows"]}
    for name in ("metrics.md", "index.html", "figure_spectra.png", "figure_mse.png", "figure_maps.png"):
        assert (report / name).stat().st_size > 1000


@pytest.mark.slow
def test_evaluation_gives_the_same_twice(whole_run, report, tmp_path):
    again = evaluated(whole_run, tmp_path)
    assert (again / "metrics.csv").read_text() == (report / "metrics.csv").read_text()


def test_a_mistake_of_a_script_is_one_sentence_without_a_traceback():
    command = [sys.executable, "eval.py", "--workdir=nowhere", "--output=out"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment())
    assert result.returncode == 2
    assert "nowhere: does not exist" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config=configs/tiny.py", "--config.task=cooking"], "config.task is 'cooking'"),
        (["--config=denoising", "--config.data.path=no_such_folder"], "no_such_folder"),
    ],
)
def test_a_mistake_in_training_is_one_sentence(arguments, sentence, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", *arguments, f"--workdir={tmp_path / 'run'}"])
    errors = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in errors and errors.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "where", ["deeper_jax.tasks.registry.training_job", "deeper_jax.training.loop.make_train_step"]
)
def test_a_request_to_stop_before_the_first_step_saves_nothing_and_says_so(where, cells, tmp_path):
    """While data are prepared, and while the step is made; within a destructor, where no exception gets out."""
    module, _, name = where.rpartition(".")
    code = (
        f"import os, signal, {module}\nfrom deeper_jax.cli.main import main\n"
        "class Asked:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGTERM)\n"
        f"{module}.{name} = lambda *_, **__: [Asked()].clear()\nmain()"
    )
    arguments = ["train", *SETTINGS, *cells, f"--workdir={tmp_path / 'run'}"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment(WITHOUT_TORCH),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 128 + signal.SIGTERM
    assert ended.stderr.endswith("\ndeeper-jax: stopped on request before it was done.\n")
    assert "Traceback" not in ended.stderr and not [*(tmp_path / "run").glob("checkpoints/*/*")]


def without_libraries_for_training(*arguments: str) -> subprocess.CompletedProcess:
    """`deeper-jax` as a plain installation has it."""
    missing = dict.fromkeys(["tensorflow", "tensorflow_datasets", "keras", "tensorboardX", "tensorboard", "pywt"])
    code = f"import sys; sys.modules.update({missing}); from deeper_jax.cli.main import main; main({list(arguments)})"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment())


def test_without_tensorflow_a_config_that_needs_it_says_in_a_sentence_what_to_install(cells, tmp_path):
    data = [f"--config.data.path={tmp_path / 'cells'}", f"--config.data.tfds_dir={tmp_path / 'tfds'}"]
    result = without_libraries_for_training("train", "--config=tiny", *data, f"--workdir={tmp_path / 'run'}")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and "pip install 'deeper-jax[train]'" in result.stderr
    assert not list(tmp_path.iterdir())


def test_without_tensorflow_what_does_not_need_it_trains(tmp_path):
    settings = ["train.steps=2", "train.batch_size=8", "data.validation_spectra=8", "train.evaluate_every=2"]
    settings = [f"--config.{setting}" for setting in (*settings, "model.length=64")]
    result = without_libraries_for_training(
        "train", "--config=default_denoiser:width=4", *settings, f"--workdir={tmp_path / 'run'}"
    )
    assert result.returncode == 0, result.stderr
    assert "deeper-jax[train]" in result.stdout  # TensorBoard's files are not written
    assert deeper_jax.load(tmp_path / "run").record["step"] == 2
