"""Training and inference rates of both networks against their PyTorch twins, in turns in one process.

    python -m benchmarks.speed [--quick] [--output=DIR]

On the CPU or on one GPU (there also in bfloat16, PyTorch with TF32, channels-last and autocast). PyTorch eager and
torch.compile are both timed, and the ratio is to the faster. Writes DIR/speed.md and DIR/speed.json.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# The same allocator for both sides: without these, large arrays are given back and faulted in again at each step.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}
FIRST_STEP_SECONDS = 900
# Steps of the paper's whole programme: 11 folds of 500 epochs of 561, and three scales of 600 epochs of 72.
PROGRAMME = {"ResUNet1D": 11 * 500 * 561, "HyRISR": 3 * 600 * 72}
HEADER = (
    "| network | what | precision | side | steps/s | ratio | TFLOP/s | of matmul peak | processor s a step "
    "| memory, GB | compile, s |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes and few steps: does it run at all")
    parser.add_argument("--output", type=Path, default=Path("runs/speed"), help="folder for the table")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side")
    parser.add_argument("--steps", type=int, default=5, help="steps a turn, the first of which is not counted")
    parser.add_argument("--only", default="", help="of the lines those that hold this, e.g. 'HyRISR'")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--first-step", nargs=2, metavar=("SIDE", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps < 2:
        parser.error("--steps must be at least 2, for the first is not counted")
    if not ALLOCATOR.keys() <= os.environ.keys():
        # Read when a process starts, so it starts again.
        settings = os.environ | ALLOCATOR | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.speed", *sys.argv[1:]], settings)
    if options.first_step:
        _first_step(*options.first_step, options.quick)
        return
    result = measure(options)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "speed.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (options.output / "speed.md").write_text(as_markdown(result) + "\n", encoding="utf-8")
    print(as_markdown(result))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything, one network and precision after another."""
    import jax
    import torch

    from benchmarks.speed_cases import cases

    on_gpu = set_up()
    result = surroundings() | {
        "quick": options.quick,
        "on_gpu": on_gpu,
        "peak_tflops": {},
        "rows": [],
        "first_step_seconds": {},
        "notes": [],
    }
    for half in (False, True) if on_gpu else (False,):
        precision = "bfloat16" if half else "TF32" if on_gpu else "float32"
        result["peak_tflops"][precision] = peak = matmul_peak(half, 1024 if options.quick else 8192 if on_gpu else 2048)
        for case in cases(options.quick, on_gpu):
            for kind in ("inference", "training"):
                if options.only not in f"{case.name}, {kind}":
                    continue
                rows = compare(case, kind, half, on_gpu, options, result["notes"])
                for row in rows:
                    row["precision"] = precision
                    row["of_peak"] = row["tflops"] / peak
                    print(as_row(row), file=sys.stderr, flush=True)
                result["rows"] += rows
                jax.clear_caches()
                if on_gpu:
                    torch.cuda.empty_cache()
    for index, case in enumerate(cases(options.quick, on_gpu)):
        if options.only not in case.name:
            continue
        for side in ("deeper_jax", "PyTorch eager"):
            result["first_step_seconds"][f"{side}: {case.name}"] = first_step(side, index, options.quick)
    result["load_after"] = os.getloadavg()[0]
    return result


def set_up() -> bool:
    """Both libraries as they are fastest; whether there is a GPU for both."""
    import jax
    import torch

    # Before JAX starts: in the main thread, whose allocations the settings above govern.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    on_gpu = jax.default_backend() == "gpu" and torch.cuda.is_available()
    if on_gpu:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    return on_gpu


def compare(
    case: Any, kind: str, half: bool, on_gpu: bool, options: argparse.Namespace, notes: list[str]
) -> list[dict[str, Any]]:
    """Rows of all sides of one case, timed in turns."""
    import jax.numpy as jnp
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.speed_cases import TorchSide, our_inference, our_training

    dtype = jnp.bfloat16 if half else jnp.float32
    sides = {"deeper_jax": (our_inference if kind == "inference" else our_training)(case, dtype)}
    device = "cuda" if on_gpu else "cpu"
    eager = TorchSide(case, device, half=half, compiled=False)
    sides["PyTorch eager"] = eager.timed(kind)
    if not options.no_compile:
        try:
            sides["torch.compile"] = TorchSide(case, device, half=half, compiled=True).timed(kind)
        except Exception as error:  # a missing C++ compiler, say: many kinds
            notes.append(f"torch.compile cannot be used here ({case.name}, {kind}): {type(error).__name__}")
    counter = FlopCounterMode(display=False)
    with counter:
        sides["PyTorch eager"].step()
    walls, processor = in_turns({name: side.step for name, side in sides.items()}, options)
    medians = {name: statistics.median(times) for name, times in walls.items()}
    best = min(seconds for name, seconds in medians.items() if "orch" in name)
    return [
        {
            "network": case.name,
            "what": kind,
            "side": name,
            "seconds": walls[name],
            "steps_per_second": 1 / medians[name],
            "ratio": best / medians[name],
            "tflops": counter.get_total_flops() / medians[name] / 1e12,
            "processor_seconds": statistics.median(processor[name]),
            "bytes": side.bytes,
            "compile_seconds": side.compile_seconds,
        }
        for name, side in sides.items()
    ]


def in_turns(steps: dict[str, Any], options: argparse.Namespace) -> tuple[dict[str, list[float]], ...]:
    """Wall-clock and processor seconds of each counted step."""
    walls: dict[str, list[float]] = {name: [] for name in steps}
    processor: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(1 if options.quick else options.rounds):
        for name, step in steps.items():
            for number in range(2 if options.quick else options.steps):
                start, used = time.perf_counter(), time.process_time()
                step()
                if number:
                    walls[name].append(time.perf_counter() - start)
                    processor[name].append(time.process_time() - used)
    return walls, processor


def matmul_peak(half: bool, size: int) -> float:
    """TFLOP/s of the better of both libraries' matrix products of `size`, the median of seven each."""
    import jax
    import jax.numpy as jnp
    import torch

    a = jnp.ones((size, size), jnp.bfloat16 if half else jnp.float32)
    product = jax.jit(lambda a: a @ a)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    b = torch.ones(size, size, device=device, dtype=torch.bfloat16 if half else torch.float32)

    def theirs() -> None:
        b @ b
        if device == "cuda":
            torch.cuda.synchronize()

    rates = []
    for run in (lambda: jax.block_until_ready(product(a)), theirs):
        times = []
        for _ in range(8):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        rates.append(2 * size**3 / statistics.median(times[1:]) / 1e12)
    return max(rates)


def first_step(side: str, case: int, quick: bool) -> float | None:
    """Seconds from the command of a fresh process to the end of its first training step; None if it failed."""
    command = [sys.executable, "-m", "benchmarks.speed", "--first-step", side, str(case), *["--quick"] * quick]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
        process.wait(FIRST_STEP_SECONDS)
    return seconds if line.startswith("stepped") else None


def _first_step(side: str, case: str, quick: bool) -> None:
    import jax.numpy as jnp

    from benchmarks.speed_cases import TorchSide, cases, our_training

    on_gpu = set_up()
    chosen = cases(quick, on_gpu)[int(case)]
    if side == "deeper_jax":
        our_training(chosen, jnp.float32).step()
    else:
        TorchSide(chosen, "cuda" if on_gpu else "cpu", half=False, compiled=False).train()
    print("stepped", flush=True)


def surroundings() -> dict[str, Any]:
    """The machine, the versions and the commit."""
    import flax
    import jax
    import torch

    git = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    device = jax.devices()[0].device_kind
    return {
        "device": processor_name() if device == "cpu" else device,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "commit": commit,
        "versions": {
            "python": platform.python_version(),
            "jax": jax.__version__,
            "flax": flax.__version__,
            "torch": torch.__version__,
        },
    }


def processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def as_row(row: dict[str, Any]) -> str:
    memory = "" if row["bytes"] is None else f"{row['bytes'] / 1e9:.2f}"
    compiling = "" if row["compile_seconds"] is None else f"{row['compile_seconds']:.0f}"
    return (
        f"| {row['network']} | {row['what']} | {row['precision']} | {row['side']} | {row['steps_per_second']:.3g} "
        f"| {row['ratio']:.2f} | {row['tflops']:.3g} | {row['of_peak']:.0%} | {row['processor_seconds']:.2f} "
        f"| {memory} | {compiling} |"
    )


def as_markdown(result: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    peaks = ", ".join(f"{peak:.3g} TFLOP/s {name}" for name, peak in result["peak_tflops"].items())
    programme = projection(result) if not result["quick"] else []
    first = [f"| {name} | {seconds:.0f} |" for name, seconds in result["first_step_seconds"].items() if seconds]
    return "\n".join(
        [
            f"{result['device']}, {result['cores']} cores; {versions}; commit {result['commit']}; load average "
            f"{result['load_before']:.1f} before and {result['load_after']:.1f} after, this run's own included.",
            f"Matrix products reach {peaks}. Ratio: rate over that of the faster PyTorch. TFLOP/s count the direct "
            "sums, of which minimal filtering needs fewer.",
            "",
            HEADER,
            *map(as_row, result["rows"]),
            "",
            *programme,
            "| from the command to the end of the first training step | s |",
            "|---|---|",
            *first,
            *([""] + result["notes"] if result["notes"] else []),
        ]
    )


def projection(result: dict[str, Any]) -> list[str]:
    """How long all of the paper's training would take at the measured steps; HyRISR's 4x steps stand for all scales."""
    lines = []
    for network, steps in PROGRAMME.items():
        if network == "HyRISR" and not result["on_gpu"]:
            continue  # measured smaller than the paper's
        for side in ("deeper_jax", "PyTorch eager", "torch.compile"):
            rows = [r for r in result["rows"] if r["network"].startswith(network) and r["what"] == "training"]
            rates = [row["steps_per_second"] for row in rows if row["side"] == side]
            if rates:
                lines.append(f"| {network}, {steps:,} steps | {side} | {steps / max(rates) / 3600:.3g} |")
    return ["| the paper's programme at the fastest of these rates | side | hours |", "|---|---|---|", *lines, ""]


if __name__ == "__main__":
    main()
