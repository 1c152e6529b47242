"""Training runs of real processes, killed or asked to stop at any moment (for `benchmarks.faults`)."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SHORT = ["train.log_every=1", "train.checkpoint_every=2"]
# Small runs of each network, whose every step is a moment to be killed in; nothing of them needs TensorFlow.
RUNS = {
    "denoiser": [
        "--config=configs/denoising_counts.py:width=4,steps=60",
        *(f"--config.{setting}" for setting in (*_SHORT, "data.validation_spectra=16", "train.batch_size=16")),
        "--config.train.evaluate_every=9",
    ],
    "super-resolver": [
        "--config=configs/super_resolution_small.py:scale=2",
        *(
            f"--config.{setting}"
            for setting in (
                *_SHORT,
                *("model.length=20", "model.width=8", "model.groups=1", "model.blocks=1", "model.reduction=2"),
                *("data.input_pipeline=device", "data.patch=16", "data.simulate.images=6"),
                *("data.simulate.test_images=1", "data.simulate.height=16", "data.simulate.width=16"),
                *("train.batch_size=2", "train.steps=60", "train.evaluate_every=9"),
            )
        ),
    ],
}


class Run:
    """One training run in a directory, by as many processes as it takes."""

    def __init__(self, network: str, workdir: Path, data: Path) -> None:
        self.workdir, paths = workdir, []
        if network == "super-resolver":
            paths = [f"--config.data.path={data / 'images'}", f"--config.data.tfds_dir={data / 'tfds'}"]
        self.command = [sys.executable, "train.py", *RUNS[network], *paths, f"--workdir={workdir}"]

    def start(self) -> subprocess.Popen:
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "XLA_FLAGS": ""}
        return subprocess.Popen(
            self.command, cwd=ROOT, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def finish(self) -> tuple[int, str]:
        """Exit status and what was printed."""
        process = self.start()
        printed = process.communicate()[0]
        return process.returncode, printed

    def half_written(self) -> set[Path]:
        """Checkpoints that are being written, and those that a kill has left."""
        return set(self.workdir.glob("checkpoints/*/*.orbax-checkpoint-tmp*"))

    def logged(self) -> str:
        path = self.workdir / "metrics.jsonl"
        return path.read_text() if path.exists() else ""


def kills(folder: Path, count: int, rng: random.Random) -> Iterator[tuple[str, bool, str]]:
    """SIGKILL, three times of four while a checkpoint is written; resumed until done, and compared bit for bit.

    Yields:
        (kind, survived, words) for each kill and each finished run.
    """
    for network in RUNS:
        whole = Run(network, folder / network / "whole", folder / network)
        began = time.monotonic()
        status, printed = whole.finish()
        if status:
            yield f"whole run, {network}", False, printed[-400:]
            continue
        length, left, number = time.monotonic() - began, count // len(RUNS), 0
        while left > 0:
            run = Run(network, folder / network / f"killed{number}", folder / network)
            number += 1
            for _ in range(min(left, 5)):
                left -= 1
                writing = bool(left % 4)
                yield _killed(run, network, length, writing, rng)
            status, printed = run.finish()
            same = not status and _bits(run.workdir) == _bits(whole.workdir)
            yield f"same bits after kills, {network}", same, f"status {status}: {printed[-400:]}"
            shutil.rmtree(run.workdir, ignore_errors=True)


def _killed(run: Run, network: str, length: float, writing: bool, rng: random.Random) -> tuple[str, bool, str]:
    left, process = run.half_written(), run.start()
    deadline = time.monotonic() + (2 if writing else rng.uniform(0.05, 1.0)) * length
    # The first checkpoint that is seen, or a later one.
    skip, met = rng.randrange(4), set[Path]()
    while process.poll() is None and time.monotonic() < deadline:
        there = run.half_written()
        left &= there
        met |= there - left
        if writing and there - left and len(met) > skip:
            break
        time.sleep(0.0005 if writing else 0.02)
    process.send_signal(signal.SIGKILL)
    printed = process.communicate()[0]
    kind = "while a checkpoint is written" if run.half_written() - left else "any moment"
    if process.returncode == 0:
        return f"ended before SIGKILL, {network}", True, ""
    return f"SIGKILL, {kind}, {network}", process.returncode == -signal.SIGKILL, printed[-400:]


def terminations(folder: Path, count: int, rng: random.Random) -> Iterator[tuple[str, bool, str]]:
    """SIGTERM at any moment, before the loop too: one sentence and status 143 (0 where it came after the end)."""
    began = time.monotonic()
    Run("denoiser", folder / "timed", folder).finish()
    length = time.monotonic() - began
    for number in range(count):
        run = Run("denoiser", folder / f"term{number}", folder)
        process = run.start()
        # As often as not while libraries are imported and the step is made.
        time.sleep(rng.uniform(0.1, length / (1 + number % 2)))
        ending = '"step": 58' in run.logged()
        process.send_signal(signal.SIGTERM)
        printed = process.communicate()[0]
        if process.returncode == -signal.SIGTERM and not printed:
            # Half a second in which no program of Python's can answer.
            yield "SIGTERM, Python starting", True, ""
        else:
            begun = "step" in run.logged()
            told = printed.count("topped ") == 1 and "Traceback" not in printed
            polite = ending if process.returncode == 0 else process.returncode == 128 + signal.SIGTERM and told
            kind = f"SIGTERM, {'in' if begun else 'before'} the loop"
            yield kind, polite, f"status {process.returncode}: {printed[-300:]}"
        shutil.rmtree(run.workdir, ignore_errors=True)


def long_runs(folder: Path, steps: int) -> Iterator[tuple[str, bool, str]]:
    """Many steps, validations and checkpoints of each network: memory may not grow after the first third."""
    for network in RUNS:
        run = Run(network, folder / network / "long", folder / network)
        run.command += [f"--config.train.steps={steps}", "--config.train.evaluate_every=20"]
        process, used = run.start(), []
        # What is printed fills the pipe, and so has to be read.
        for line in process.stdout or ():
            if "step" in line:
                used.append(_resident(process.pid))
        status = process.wait()
        used = [size for size in used if size]
        grown = used[-1] - used[len(used) // 3] if used else 0
        words = f"status {status}, grew by {grown >> 20} MiB to {used[-1] >> 20 if used else 0} MiB in {steps} steps"
        yield f"{steps} steps, {network}", status == 0 and bool(used) and grown < 1 << 26, words


def _resident(process: int) -> int:
    """Bytes; 0 once it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _bits(workdir: Path) -> list[bytes]:
    """Every array of the latest checkpoint."""
    import jax
    import orbax.checkpoint as ocp

    steps = [path for path in (workdir / "checkpoints" / "latest").iterdir() if path.name.isdigit()]
    newest = max(steps, key=lambda path: int(path.name)).absolute()
    with ocp.StandardCheckpointer() as checkpointer:
        state = checkpointer.restore(newest / "state")
    return [str(newest.name).encode(), *(bytes(jax.device_get(leaf).tobytes()) for leaf in jax.tree.leaves(state))]
