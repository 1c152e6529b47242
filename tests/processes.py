"""Real processes of train.py and eval.py, and what they have logged."""

import json
import os
import subprocess
import time
from pathlib import Path

DEVICES = "--xla_force_host_platform_device_count"
# A folder whose PyTorch cannot be imported: TensorBoard's writer imports it where it is there, which takes seconds.
WITHOUT_TORCH = Path(__file__).parent / "without_torch"


def environment(*paths: Path, devices: int = 1) -> dict[str, str]:
    """Of a process with so many devices, which imports from `paths` too; XLA's other flags are those of the tests."""
    flags = [flag for flag in os.environ["XLA_FLAGS"].split() if not flag.startswith(DEVICES)]
    flags += [f"{DEVICES}={devices}"] if devices > 1 else []
    places = [*map(str, paths), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "XLA_FLAGS": " ".join(flags), "PYTHONPATH": os.pathsep.join(places)}


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
