"""What a training step moves between devices, and how well more of them would pay: on paper, from the compiled program.

    python -m benchmarks.scaling --output=runs/scaling
    python -m benchmarks.scaling --output=runs/scaling --step_ms=denoiser=9,hyrisr16=310     # measured on one GPU

Compiles the training step of full-size networks for eight CPU devices, nothing being allocated or run, and adds up
the operands of its collectives; the prediction is four bytes a parameter. Then weak scaling (as many examples a GPU,
however many GPUs) in a ring: a step on N takes what it takes on one, plus 2 (N - 1) / N of the gradient's bytes over
the slowest link, plus for each collective 2 log2 N times the latency (small messages go by trees). Nothing is hidden
behind the computing, because gradients are exchanged when all are there; with `train.accumulate_steps=4` and a batch
four times as large they are exchanged a quarter as often. Without --step_ms the time on one GPU is the step's
arithmetic at --tflops. A node of eight GPUs has NVLink inside and one link of the given speed to the others.
"""

import argparse
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402

from benchmarks.collectives import moved_bytes  # noqa: E402
from deeper_jax.cli.configs import load_config  # noqa: E402
from deeper_jax.tasks.memory import compile_step  # noqa: E402
from deeper_jax.training.sharding import data_mesh  # noqa: E402

# Bytes a second in one direction: within a node, and between nodes.
NVLINK = 450e9
NETWORKS = {"400 Gb/s": 50e9, "100 Gb/s": 12.5e9}
A_NODE = 8


class Case(NamedTuple):
    """A network, the examples a GPU has of each step, and the arithmetic of such a step (forward and gradient)."""

    title: str
    config: str
    batch: int
    tflop: float
    split: bool = False
    batch_norm: bool = False
    statistics: str = "all"


CASES = {
    "denoiser": Case("ResUNet1D, width 64", "configs/denoising.py:batch_norm=false", 256, 0.4),
    "denoiser_bn": Case("ResUNet1D, width 64, BatchNorm", "configs/denoising.py", 256, 0.4, batch_norm=True),
    "denoiser_own": Case(
        "ResUNet1D, width 64, BatchNorm by device",
        "configs/denoising.py",
        *(256, 0.4),
        batch_norm=True,
        statistics="device",
    ),
    "hyrisr6": Case("HyRISR 4x, 6 blocks", "configs/super_resolution.py:scale=4,blocks=6", 2, 6.6),
    "hyrisr16": Case("HyRISR 4x, 16 blocks", "configs/super_resolution.py:scale=4,blocks=16", 2, 16.5),
    "hyrisr16_split": Case(
        "HyRISR 4x, 16 blocks, state split", "configs/super_resolution.py:scale=4,blocks=16", 2, 16.5, True
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="folder for scaling.md and scaling.json")
    parser.add_argument("--cases", default=",".join(CASES), help="of: %(default)s")
    parser.add_argument("--step_ms", default="", help="measured milliseconds of a step on one GPU: CASE=MS,...")
    parser.add_argument(
        "--tflops", type=float, default=100.0, help="assumed arithmetic a second (default: %(default)s)"
    )
    parser.add_argument("--latency_us", type=float, default=5.0, help="of one hop (default: %(default)s)")
    options = parser.parse_args()
    measured = dict(pair.split("=") for pair in options.step_ms.split(",") if pair)
    rows = []
    for name in options.cases.split(","):
        seconds = float(measured[name]) / 1e3 if name in measured else CASES[name].tflop / options.tflops
        row = measure(CASES[name]) | {"step_ms": seconds * 1e3, "step_measured": name in measured}
        rows.append(row | {"efficiency": efficiencies(row, seconds, options.latency_us * 1e-6)})
    text = report(rows)
    print(text)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "scaling.md").write_text(text + "\n")
        (options.output / "scaling.json").write_text(json.dumps(rows, indent=1) + "\n")


def measure(case: Case) -> dict[str, Any]:
    """What the compiled step of a case moves and holds on each of eight devices, beside the prediction."""
    config, mesh = load_config(case.config), data_mesh()
    config.train.shard_parameters, config.train.batch_statistics = case.split, case.statistics
    compiled, state = compile_step(config, case.batch * mesh.size, mesh)
    moved = moved_bytes(compiled.as_text(), mesh.size)
    memory = compiled.memory_analysis()
    return {
        "network": case.title,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        "examples_per_gpu": case.batch,
        "predicted_bytes": 4 * sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        "operand_bytes": dict(moved.bytes),
        "collectives": sum(moved.count.values()),
        "sent_bytes": sum(moved.sent.values()),
        "state_bytes_per_device": memory.argument_size_in_bytes,
        "exchanges_in_parts": case.batch_norm and case.statistics == "all",
    }


def efficiencies(row: dict[str, Any], seconds: float, latency: float) -> dict[str, list[float]]:
    """Time on one GPU over time on so many, for each number and link: [at once, in four accumulated parts]."""
    found = {}
    for gpus, links in ((A_NODE, {"NVLink": NVLINK}), (64, NETWORKS)):
        for link, speed in links.items():
            # Measured for eight: a ring of more devices sends a little more.
            sent = row["sent_bytes"] * (1 - 1 / gpus) / (1 - 1 / A_NODE)
            moving = sent / speed + row["collectives"] * 2 * math.log2(gpus) * latency
            found[f"{gpus}, {link}"] = [
                seconds / (seconds + moving / parts) for parts in (1, 1 if row["exchanges_in_parts"] else 4)
            ]
    return found


def report(rows: list[dict[str, Any]]) -> str:
    """Both tables in Markdown."""
    kinds = ("all-reduce", "all-gather", "reduce-scatter")
    head = ["network", "parameters", "predicted MB", *(f"{kind} MB" for kind in kinds), "measured / predicted"]
    head += ["collectives", "state and batch, MB a device"]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    for row in rows:
        moved = [row["operand_bytes"].get(kind, 0) for kind in kinds]
        cells = [row["network"], f"{row['parameters']:,}", f"{row['predicted_bytes'] / 1e6:.3f}"]
        cells += [f"{size / 1e6:.3f}" for size in moved]
        cells += [f"{sum(row['operand_bytes'].values()) / row['predicted_bytes']:.6f}", str(row["collectives"])]
        lines.append(f"| {' | '.join(cells)} | {row['state_bytes_per_device'] / 1e6:.0f} |")
    links = list(rows[0]["efficiency"])
    lines += [
        "",
        f"| network | examples a GPU | step on one GPU | {' | '.join(f'{link}' for link in links)} |",
        f"| --- | --- | --- | {' | '.join('---' for _ in links)} |",
    ]
    for row in rows:
        known = "measured" if row["step_measured"] else "assumed"
        cells = [f"{100 * once:.0f} % ({100 * parts:.0f} %)" for once, parts in row["efficiency"].values()]
        start = f"| {row['network']} | {row['examples_per_gpu']} | {row['step_ms']:.0f} ms ({known})"
        lines.append(f"{start} | {' | '.join(cells)} |")
    words = "in four accumulated parts, which spare a network with BatchNorm over all devices nothing"
    return "\n".join([*lines, "", f"Efficiency ({words})."])


if __name__ == "__main__":
    main()
