"""Where the time of one training step goes: a table of the costliest operations, from a trace.

    python -m benchmarks.profile_step --trace=DIR [--network=NAME] [--fed=device|tf.data|none] [--quick]

Traces some steps of our training step with jax.profiler (DIR opens in TensorBoard or Perfetto), fed as training is,
and adds up the operations by kind: the compiled program's names without their numbers. On the CPU or on a GPU. Loops
are left out, for what they run is counted itself. Idle is the share of the traced time in which no operation runs.
Prints Markdown and writes DIR/operations.md.
"""

import argparse
import collections
import os
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.speed import ALLOCATOR, set_up

STEPS = 4
FED = {"none": "nothing: one batch", "device": "data on the device", "tf.data": "tf.data"}
LINES = 15
NETWORKS = ("resunet1d", "resunet1d_released", "hyrisr")
# Operations that only hold others.
HOLDERS = ("while", "call", "conditional")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", type=Path, required=True, help="folder for the trace and the table")
    parser.add_argument("--network", choices=NETWORKS, default="resunet1d")
    parser.add_argument("--fed", choices=FED, default="device", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    options = parser.parse_args()
    if not ALLOCATOR.keys() <= os.environ.keys():
        os.execve(
            sys.executable, [sys.executable, "-m", "benchmarks.profile_step", *sys.argv[1:]], os.environ | ALLOCATOR
        )
    print(record(options.trace, NETWORKS.index(options.network), options.fed, options.quick) + "\n")
    table = as_markdown(*operations(options.trace))
    (options.trace / "operations.md").write_text(table + "\n", encoding="utf-8")
    print(table)


def record(folder: Path, case: int, fed: str, quick: bool) -> str:
    """Trace steps that are compiled and warm; what was traced, in words."""
    import jax
    import jax.numpy as jnp

    from benchmarks.feeding import sources_of
    from benchmarks.speed_cases import cases, training_step
    from deeper_jax.training.sharding import shard_batch

    on_gpu = set_up()
    chosen = cases(quick, on_gpu)[case]
    step, state, mesh = training_step(chosen, jnp.bfloat16 if on_gpu else jnp.float32)
    source = sources_of(chosen, mesh)[FED[fed]]
    for _ in range(2):
        state, _ = step(state, shard_batch(next(source), mesh))
    jax.block_until_ready(state)
    with jax.profiler.trace(str(folder)):
        for _ in range(STEPS):
            state, _ = step(state, shard_batch(next(source), mesh))
        jax.block_until_ready(state)
    return f"{chosen.name}, training, {jax.devices()[0].device_kind}, fed by {FED[fed]}"


def operations(folder: Path) -> tuple[dict[str, tuple[float, int]], float]:
    """Milliseconds and calls a step by kind of operation, from the folder's newest trace; and the idle share."""
    import jax

    path = max(folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
    totals: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
    running = []
    for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
        for line in plane.lines:
            for event in line.events:
                name = dict(event.stats).get("hlo_op")
                if name and not name.startswith(HOLDERS):
                    total = totals[kind(name)]
                    total[0] += event.duration_ns / 1e6 / STEPS
                    total[1] += 1 / STEPS
                    running.append((event.start_ns, event.start_ns + event.duration_ns))
    return {name: (milliseconds, round(calls)) for name, (milliseconds, calls) in totals.items()}, idle_share(running)


def idle_share(running: list[tuple[float, float]]) -> float:
    """The share of the time from the first start to the last end that none of the intervals covers."""
    if not running:
        return float("nan")
    running, idle, end = sorted(running), 0.0, -float("inf")
    for start, stop in running:
        if end >= 0 and start > end:
            idle += start - end
        end = max(end, stop)
    return idle / (end - running[0][0])


def kind(name: Any) -> str:
    """An operation's name without the numbers that tell it from its likes."""
    return re.sub(r"(\.\d+)+|\.clone|\.remat", "", str(name))


def as_markdown(found: dict[str, tuple[float, int]], idle: float) -> str:
    everything = sum(milliseconds for milliseconds, _ in found.values())
    costly = sorted(found.items(), key=lambda item: -item[1][0])[:LINES]
    lines = ["| operations | ms a step | share | calls a step |", "|---|---|---|---|"]
    lines += [f"| {name} | {ms:.0f} | {ms / everything:.0%} | {calls} |" for name, (ms, calls) in costly]
    return "\n".join([*lines, f"| all | {everything:.0f} | 100% | |", "", f"Idle: {idle:.1%} of the traced time."])


if __name__ == "__main__":
    main()
