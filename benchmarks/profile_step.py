"""Where the time of one training step goes: a table of the costliest operations, from a trace.

    python -m benchmarks.profile_step --trace=DIR [--network=resunet1d|hyrisr] [--quick]

Traces three steps of our training step with jax.profiler (DIR opens in TensorBoard or Perfetto), and adds up the
operations by kind: the compiled program's names without their numbers. On the CPU or on a GPU. Loops are left out, for
what they run is counted itself. Prints Markdown and writes DIR/operations.md.
"""

import argparse
import collections
import os
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.speed import ALLOCATOR, set_up

STEPS = 3
LINES = 15
NETWORKS = ("resunet1d", "hyrisr")
# Operations that only hold others.
HOLDERS = ("while", "call", "conditional")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", type=Path, required=True, help="folder for the trace and the table")
    parser.add_argument("--network", choices=NETWORKS, default="resunet1d")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    options = parser.parse_args()
    if not ALLOCATOR.keys() <= os.environ.keys():
        os.execve(
            sys.executable, [sys.executable, "-m", "benchmarks.profile_step", *sys.argv[1:]], os.environ | ALLOCATOR
        )
    record(options.trace, NETWORKS.index(options.network), options.quick)
    table = as_markdown(operations(options.trace))
    (options.trace / "operations.md").write_text(table + "\n", encoding="utf-8")
    print(table)


def record(folder: Path, case: int, quick: bool) -> None:
    """Trace steps that are compiled and warm."""
    import jax
    import jax.numpy as jnp

    from benchmarks.speed_cases import cases, our_training

    chosen = cases(quick, set_up())[case]
    step = our_training(chosen, jnp.float32).step
    step()
    with jax.profiler.trace(str(folder)):
        for _ in range(STEPS):
            step()
    print(f"{chosen.name}, training, {jax.devices()[0].device_kind}\n")


def operations(folder: Path) -> dict[str, tuple[float, int]]:
    """Milliseconds and calls a step by kind of operation, from the folder's newest trace."""
    import jax

    path = max(folder.rglob("*.xplane.pb"), key=lambda path: path.stat().st_mtime)
    totals: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
    for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
        for line in plane.lines:
            for event in line.events:
                name = dict(event.stats).get("hlo_op")
                if name and not name.startswith(HOLDERS):
                    total = totals[kind(name)]
                    total[0] += event.duration_ns / 1e6 / STEPS
                    total[1] += 1 / STEPS
    return {name: (milliseconds, round(calls)) for name, (milliseconds, calls) in totals.items()}


def kind(name: Any) -> str:
    """An operation's name without the numbers that tell it from its likes."""
    return re.sub(r"(\.\d+)+|\.clone|\.remat", "", str(name))


def as_markdown(found: dict[str, tuple[float, int]]) -> str:
    everything = sum(milliseconds for milliseconds, _ in found.values())
    costly = sorted(found.items(), key=lambda item: -item[1][0])[:LINES]
    lines = ["| operations | ms a step | share | calls a step |", "|---|---|---|---|"]
    lines += [f"| {name} | {ms:.0f} | {ms / everything:.0%} | {calls} |" for name, (ms, calls) in costly]
    return "\n".join([*lines, f"| all | {everything:.0f} | 100% | |"])


if __name__ == "__main__":
    main()
