"""Whether training and inference of the denoiser became faster from one checkout of this repository to another.

    python -m benchmarks.compare_checkouts OLD NEW [--rounds=3]

OLD and NEW are folders (`git worktree add OLD COMMIT`). Training is `train.py --config=configs/denoising.py`, the
network of the paper with BatchNorm, by whatever each checkout does by default; inference is `network` of a loaded
denoiser and `enhance` of a map. Processes of both take turns, so that whatever else the machine does meets both.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS, FIRST = 6, 2
INFERENCE = """
import time, numpy as np, torch, deeper_jax, sys
from tests.torch_twins import TorchResUNet1D
torch.manual_seed(0)
path = sys.argv[1] + "/twin.pt"
torch.save(TorchResUNet1D(batch_norm=False).state_dict(), path)
model, rng = deeper_jax.load(path), np.random.default_rng(0)
spectra = rng.random((1024, 500)).astype(np.float32)
axis = np.linspace(500, 1800, 500)
bands = 50 + 20 * rng.random((48, 48, 3)) @ np.exp(-0.5 * ((axis - np.array([[800], [1004], [1450]])) / 9) ** 2)
from deeper_jax.maps import raman_map
given = raman_map(rng.poisson(bands).astype(np.float32), axis)
def seconds(work):
    work()
    start = time.perf_counter(); work(); return time.perf_counter() - start
print(1024 / seconds(lambda: model.network(spectra)), 48 * 48 / seconds(lambda: deeper_jax.enhance(given)))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["training", "inference"])
    options = parser.parse_args()
    sides = {"old": options.old.resolve(), "new": options.new.resolve()}
    rates: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cells = Path(folder) / "cells"
        arguments = ["simulate", str(cells), "--cells=2", "--test-cells=1", "--counts-cells=0"]
        code = "from deeper_jax.cli.main import main; main()"
        subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=sides["new"], env=_environment(sides["new"]), check=True
        )
        for number in range(options.rounds):
            for side, checkout in sides.items():
                if options.only != "inference":
                    rate = training(checkout, cells, Path(folder) / f"{side}{number}")
                    rates.setdefault("training, BatchNorm, spectra/s", {}).setdefault(side, []).append(rate)
                if options.only != "training":
                    network, enhanced = inference(checkout, folder)
                    rates.setdefault("inference, spectra/s", {}).setdefault(side, []).append(network)
                    rates.setdefault("enhance, spectra/s", {}).setdefault(side, []).append(enhanced)
    print("| what | old | new | ratio of medians |\n| --- | --- | --- | --- |")
    for what, both in rates.items():
        old, new = (statistics.median(both[side]) for side in sides)
        print(f"| {what} | {old:.4g} | {new:.4g} | {new / old:.2f} |")


def training(checkout: Path, cells: Path, workdir: Path) -> float:
    """Spectra a second from step 2 to step 6."""
    settings = {"data.path": cells, "data.tfds_dir": f"{cells}-tfds-{workdir.name}", "train.steps": STEPS}
    settings |= {"train.log_every": 1, "train.evaluate_every": 1000, "train.checkpoint_every": 1000}
    command = [sys.executable, "train.py", "--config=configs/denoising.py", f"--workdir={workdir}"]
    command += [f"--config.{name}={value}" for name, value in settings.items()]
    subprocess.run(command, cwd=checkout, env=_environment(checkout), check=True, capture_output=True)
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    rates = {line["step"]: line["train/examples_per_second"] for line in lines if "train/examples_per_second" in line}
    # The rate is that since the beginning, compilation included: from two of them, that between.
    ends = {step: step * 256 / rates[step] for step in (FIRST, STEPS)}
    return (STEPS - FIRST) * 256 / (ends[STEPS] - ends[FIRST])


def inference(checkout: Path, folder: str) -> tuple[float, float]:
    """Spectra a second, once warm: the bare network, and `enhance` of a map."""
    command = [sys.executable, "-c", INFERENCE, folder]
    environment = {**_environment(checkout), "PYTHONPATH": f"{checkout}{os.pathsep}{checkout / 'tests'}"}
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True, text=True)
    network, enhanced = map(float, done.stdout.splitlines()[-1].split())
    return network, enhanced


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout), "XLA_FLAGS": "", "JAX_ENABLE_COMPILATION_CACHE": "false"}


if __name__ == "__main__":
    main()
