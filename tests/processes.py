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
    while process.poll() is None:
        try:
            if max(losses(workdir), default=0) >= step:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    raise AssertionError(f"the run ended before step {step}")
