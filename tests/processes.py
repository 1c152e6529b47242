"""Real processes of train.py and eval.py, and what they have logged."""

import json
import os
import subprocess
import time
from pathlib import Path


def environment() -> dict[str, str]:
    return {**os.environ, "XLA_FLAGS": ""}


def losses(workdir: Path) -> dict[int, float]:
    lines = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["train/loss"] for line in lines if "train/loss" in line}


def wait_for_step(workdir: Path, step: int, process: subprocess.Popen) -> None:
    """Raises AssertionError, with what it said if that is at hand, if the process ends before."""
    while process.poll() is None:
        try:
            if max(losses(workdir), default=0) >= step:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    said = "".join(pipe.read() for pipe in (process.stdout, process.stderr) if pipe)
    raise AssertionError(f"the run ended with {process.returncode} before it was seen at step {step}: {said}")
