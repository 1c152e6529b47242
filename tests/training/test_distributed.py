"""Several processes on one machine, as several hosts would run: trained as one, killed for real, resumed by others."""

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from paths import ROOT
from processes import WITHOUT_TORCH, environment, losses, wait_for_step

import deeper_jax
from configs import super_resolution_small, tiny
from deeper_jax.errors import InputError
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.tasks.registry import training_job
from deeper_jax.training.distributed import read_coordinator
from deeper_jax.training.loop import train
from deeper_jax.training.supervisor import TRY_AGAIN

HEARTBEAT = 10
# Steps of few parameters, so that the test is of how processes work together.
# More of them than are done between two looks at how far it is.
DENOISER = {"train.steps": 24, "train.evaluate_every": 3, "train.checkpoint_every": 2, "train.batch_size": 16}
UPSAMPLER = {
    "model.length": 20,
    "model.width": 8,
    "model.groups": 1,
    "model.blocks": 1,
    "model.reduction": 2,
    "data.patch": 16,
    "train.batch_size": 8,
    "train.steps": 6,
    "train.log_every": 1,
    "train.evaluate_every": 3,
    "train.checkpoint_every": 3,
    "data.simulate.images": 12,
    "data.simulate.test_images": 1,
    "data.simulate.height": 16,
    "data.simulate.width": 16,
    "schedule.learning_rate": 2e-3,
}
CASES = {
    "denoiser": ("configs/tiny.py:width=4,batch_norm=false", tiny, DENOISER),
    "super-resolver": ("configs/super_resolution_small.py:scale=2", super_resolution_small, UPSAMPLER),
    "denoiser with BatchNorm": ("configs/tiny.py:width=4", tiny, DENOISER),
    "simulator": ("configs/denoising_counts.py:width=4", None, {**DENOISER, "data.validation_spectra": 16}),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def of_devices(count: int) -> dict[str, str]:
    return environment(WITHOUT_TORCH, devices=count) | {"JAX_PLATFORMS": "cpu"}


class Job:
    """Processes of one distributed run, each with its output in a file."""

    def __init__(self, workdir: Path, arguments: list[str], count: int = 2, devices: int = 4) -> None:
        address = f"127.0.0.1:{free_port()}"
        self.files = [workdir.with_name(f"{workdir.name}.{rank}.log") for rank in range(count)]
        self.processes = []
        for rank, file in enumerate(self.files):
            options = [f"--workdir={workdir}", f"--distributed={address},{rank},{count}"]
            with file.open("w") as output:
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, "train.py", *arguments, *options, f"--heartbeat-timeout={HEARTBEAT}"],
                        cwd=ROOT,
                        env=of_devices(devices),
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                )

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_) -> None:
        for process in self.processes:
            process.kill()

    def wait_for_step(self, workdir: Path, step: int) -> None:
        try:
            wait_for_step(workdir, step, self.processes[0])
        except AssertionError as error:
            raise AssertionError(f"{error}{self.output(0)}{self.output(1)}") from None

    def statuses(self, timeout: float = 600) -> list[int]:
        """Exit statuses, once all have ended."""
        end = time.monotonic() + timeout
        return [process.wait(max(0.1, end - time.monotonic())) for process in self.processes]

    def output(self, rank: int) -> str:
        return self.files[rank].read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("distributed")


@pytest.fixture(scope="module")
def arguments(folder):
    """The command line of a case, and its config; the data are simulated by whoever comes first."""

    @functools.cache
    def of(case: str) -> tuple[list[str], ConfigDict]:
        file, module, settings = CASES[case]
        kind = "images" if case == "super-resolver" else "cells"
        data = (
            {} if module is None else {"data.path": str(folder / kind), "data.tfds_dir": str(folder / f"{kind}_tfds")}
        )
        settings = settings | data
        command = [f"--config={file}", *(f"--config.{name}={value}" for name, value in settings.items())]
        if module is None:
            from configs import denoising_counts as module
        config = module.get_config(file.partition(":")[2])
        config.update_from_flattened_dict(settings)
        return command, config

    return of


@pytest.fixture(scope="module")
def alone(folder, arguments):
    """The parameters that one process with eight devices ends with."""

    @functools.cache
    def of(case: str) -> Path:
        workdir, config = folder / f"alone {case}", arguments(case)[1]
        train(config, training_job(config), workdir)
        return workdir

    return of


def largest_difference(workdir: Path, other: Path) -> float:
    return difference(*(deeper_jax.load(path / "checkpoints" / "latest").params for path in (workdir, other)))


def difference(tree, other) -> float:
    pairs = zip(*map(jax.tree.leaves, (tree, other)), strict=True)
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in pairs)


@pytest.mark.parametrize(
    "case",
    [
        "denoiser",
        "super-resolver",
        "denoiser with BatchNorm",
        "simulator",
    ],
)
@pytest.mark.slow
def test_two_processes_end_with_the_parameters_of_one(case, folder, arguments, alone):
    workdir = folder / f"two {case}"
    with Job(workdir, arguments(case)[0]) as job:
        assert job.statuses() == [0, 0], job.output(0) + job.output(1)
        assert "on 8 cpu device(s) of 2 processes" in job.output(0)
        # The first process speaks for all.
        assert "parameters" not in job.output(1) and "training" not in job.output(1)
    # A convolution's bias before BatchNorm has no gradient but rounding, which Adam makes steps of.
    assert largest_difference(workdir, alone(case)) < (1e-3 if "BatchNorm" in case else 1e-5)
    assert losses(workdir) == pytest.approx(losses(alone(case)), rel=1e-4)
    assert validations(workdir) == pytest.approx(validations(alone(case)), rel=1e-4)
    start = FunctionalModel(training_job(arguments(case)[1]).model).params
    assert difference(deeper_jax.load(workdir / "checkpoints" / "latest").params, start) > 1e-4  # it did train


def validations(workdir: Path) -> dict[int, float]:
    lines = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["validation/mse"] for line in lines if "validation/mse" in line}


@pytest.mark.parametrize("killed", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_killed_process_ends_all_and_one_process_resumes(killed, folder, arguments, alone):
    workdir = folder / f"killed {killed}"
    command, config = arguments("denoiser")
    with Job(workdir, command) as job:
        job.wait_for_step(workdir, 5)
        assert "on 8 cpu device(s) of 2 processes" in job.output(0)
        job.processes[killed].kill()
        since = time.monotonic()
        assert job.processes[1 - killed].wait(60 + HEARTBEAT) == TRY_AGAIN
        assert time.monotonic() - since < 30 + HEARTBEAT
        assert job.statuses()[killed] == -signal.SIGKILL
        said = job.output(1 - killed).strip().splitlines()[-1]
        assert "another process of this run ended or cannot be reached" in said and "resume" in said
    together = losses(workdir)
    assert 5 <= max(together) < config.train.steps
    assert together == pytest.approx({step: losses(alone("denoiser"))[step] for step in together}, rel=1e-4)
    train(config, training_job(config), workdir)
    assert largest_difference(workdir, alone("denoiser")) < 1e-5
    assert sorted(losses(workdir)) == list(range(1, config.train.steps + 1))
    # The first of them is of two processes.
    assert validations(workdir) == pytest.approx(validations(alone("denoiser")), rel=1e-4)


@pytest.mark.slow
def test_two_processes_resume_what_one_began(folder, arguments, alone):
    workdir = folder / "begun by one"
    command, config = arguments("denoiser")

    def power_cut(batches):
        for place, batch in enumerate(batches):
            if place == 5:
                raise RuntimeError("power cut")
            yield batch

    job = training_job(config)
    cut = type(job)(**{**vars(job), "train_batches": lambda first, last: power_cut(job.train_batches(first, last))})
    with pytest.raises(RuntimeError, match="power cut"):
        train(config, cut, workdir)
    with Job(workdir, command) as job:
        assert job.statuses() == [0, 0], job.output(0) + job.output(1)
        assert "Resuming at step 4" in job.output(0)
    assert largest_difference(workdir, alone("denoiser")) < 1e-5


@pytest.mark.slow
def test_two_processes_agree_on_the_newest_sound_checkpoint(folder, arguments, alone):
    workdir = folder / "damaged"
    shutil.copytree(alone("denoiser"), workdir)
    newest = workdir / "checkpoints" / "latest" / "24"
    file = max((path for path in newest.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 4
    file.write_bytes(content)
    with Job(workdir, arguments("denoiser")[0]) as job:
        assert job.statuses() == [0, 0], job.output(0) + job.output(1)
        assert f"{newest} is damaged" in job.output(0) and "Resuming at step 22" in job.output(0)
    assert largest_difference(workdir, alone("denoiser")) < 1e-5


@pytest.mark.slow
def test_a_polite_stop_of_one_stops_all_at_one_step(folder, arguments):
    workdir = folder / "stopped"
    with Job(workdir, arguments("denoiser")[0] + ["--config.train.steps=4000"]) as job:
        job.wait_for_step(workdir, 2)
        job.processes[1].send_signal(signal.SIGTERM)
        assert job.statuses(120) == [128 + signal.SIGTERM] * 2, job.output(0) + job.output(1)
        step = int(job.output(0).split("Stopped at step ")[1].split()[0])
    assert (workdir / "checkpoints" / "latest" / str(step)).is_dir()
    assert max(losses(workdir)) == step


@pytest.mark.slow
def test_a_mistake_is_one_sentence_of_every_process(folder, arguments):
    workdir = folder / "uneven"
    with Job(workdir, arguments("denoiser")[0] + ["--config.train.batch_size=12"]) as job:
        assert job.statuses(120) == [2, 2]
        for rank in (0, 1):
            assert "train.batch_size is 12" in job.output(rank) and "8 devices" in job.output(rank)
            assert "Traceback" not in job.output(rank)
    assert not workdir.exists()


@pytest.mark.slow
def test_the_first_process_tells_the_others_its_mistake(folder, arguments, alone):
    """Only the first looks at the run's directory."""
    command, other = arguments("denoiser")[0] + ["--config.seed=5"], alone("denoiser")
    before = (other / "config.json").read_text()
    with Job(other, command) as job:
        assert job.statuses(120) == [2, 2]
        for rank in (0, 1):
            assert "holds a run with other settings (seed was 0, now 5)" in job.output(rank)
            assert "Traceback" not in job.output(rank)
    assert (other / "config.json").read_text() == before


SLURM = {"SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
MPI = {"OMPI_COMM_WORLD_SIZE": "2"}


def found_by(how: str, rank: int, job: int) -> dict[str, str]:
    """What the scheduler tells a process of a job whose number JAX makes its port from."""
    if how == "slurm":
        return SLURM | {"SLURM_JOB_ID": str(job), "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)}
    ranks = {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_LOCAL_RANK": str(rank)}
    return MPI | ranks | {"OMPI_MCA_orte_hnp_uri": f"{job * 4096}.0;tcp://127.0.0.1:1"}


@pytest.mark.parametrize("how", ["slurm", "mpi"])
def test_schedulers_are_found_in_the_environment(how):
    code = (
        "import jax\n"
        "from deeper_jax.training.distributed import together\n"
        f"with together({how!r}, 20):\n"
        "    print('found', jax.process_index(), jax.process_count(), jax.device_count())\n"
    )
    job = os.getpid() % 4096
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=of_devices(2) | found_by(how, rank, job),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    for rank, process in enumerate(processes):
        output, errors = process.communicate(timeout=120)
        assert f"found {rank} 2 4" in output, errors
        assert process.returncode == 0


def test_the_coordinator_is_read_or_refused():
    assert read_coordinator("node1:8476,1,4") == ("node1:8476", 1, 4)
    with pytest.raises(InputError, match=r"--distributed is 'node1,0,2'; give auto, slurm, mpi or HOST:PORT,RANK"):
        read_coordinator("node1,0,2")
    with pytest.raises(InputError, match=r"with 2 process\(es\) the rank is 0 to 1"):
        read_coordinator("node1:8476,2,2")


def test_outside_a_job_auto_says_what_to_do(tmp_path):
    command = [
        sys.executable,
        "train.py",
        "--config=configs/tiny.py",
        "--distributed=auto",
        f"--workdir={tmp_path / 'x'}",
    ]
    clean = {name: value for name, value in of_devices(1).items() if not name.startswith(("SLURM", "OMPI"))}
    result = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True)
    assert result.returncode == 2
    assert "found no such job in the environment" in result.stderr and "srun or mpirun" in result.stderr
    assert "Traceback" not in result.stderr and not (tmp_path / "x").exists()


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").glob("slurm_*.sh")), ids=lambda path: path.name)
def test_slurm_scripts_are_valid_and_name_real_flags(script):
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    text = script.read_text()
    assert "#SBATCH --requeue" in text
    if script.name == "slurm_enhance.sh":
        assert "deeper-jax" in text and "--resume" in text
    else:
        assert "srun" in text and "--distributed=slurm" in text
