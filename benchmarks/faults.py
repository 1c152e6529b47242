"""Faults on purpose: kills, damage, mutated and hostile files, varied shapes, long runs; one table of what survived.

    python -m benchmarks.faults [--minutes=30] [--seed=0] [--only=kills,damage,...]

Each kind of fault goes on until its share of the time is over, or its number is reached. Exit status 1 if anything
failed; the first failures of each kind are printed with what repeats them.
"""

import argparse
import collections
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import fault_checkpoints, fault_files, fault_processes
from benchmarks.fault_files import Outcome

SHOWN = 5
# A process may map 65,530 areas of memory.
MOST_MAPPINGS = 30_000


def kinds(folder: Path, seed: int) -> dict[str, tuple[int, Iterator[Outcome]]]:
    """For each kind of fault its share of the time and its outcomes, one after another."""
    rng = random.Random(seed)
    return {
        "kills": (12, fault_processes.kills(folder / "kills", 50, rng)),
        "stops": (4, fault_processes.terminations(folder / "stops", 20, rng)),
        "long": (4, fault_processes.long_runs(folder / "long", 400)),
        "damage": (6, fault_checkpoints.damaged_checkpoints(folder / "damage", rng)),
        "maps": (4, fault_files.mutated_maps(folder / "maps", 10_000, seed)),
        "enhance": (3, fault_files.mutated_enhance(folder / "enhance", 1000, seed)),
        "weights": (2, fault_files.mutated_weights(folder / "weights", 1000, seed)),
        "training": (4, fault_files.mutated_training(folder / "training", 500, seed)),
        "hostile": (2, fault_files.hostile(folder / "hostile")),
        "shapes": (3, varied_shapes(200)),
    }


def varied_shapes(count: int) -> Iterator[Outcome]:
    """Spectra and maps of ever other sizes in this process: every call answers, and none leaves much behind."""
    from benchmarks.varied_shapes import jobs, mappings

    every = jobs()
    for _ in range(count):
        for name, job in every.items():
            _, error = fault_files.attempt(job)
            words = repr(error)[:300] if error else f"{mappings()} mappings" if mappings() > MOST_MAPPINGS else ""
            yield f"varied shapes, {name}", not words, words


def run(chosen: dict[str, tuple[int, Iterator[Outcome]]], seconds: float) -> dict[str, list[Outcome]]:
    """Outcomes by kind, each for its share of the time; time that one leaves goes to the next."""
    found: dict[str, list[Outcome]] = {}
    end, shares = time.monotonic() + seconds, sum(share for share, _ in chosen.values())
    for name, (share, outcomes) in chosen.items():
        until = time.monotonic() + (end - time.monotonic()) * share / shares
        shares -= share
        found[name] = []
        for outcome in outcomes:
            found[name].append(outcome)
            if time.monotonic() > until:
                break
        print(f"{name}: {len(found[name])} tried", file=sys.stderr)
    return found


def table(found: dict[str, list[Outcome]]) -> str:
    """Markdown: tried, survived, failed; then the first failures."""
    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    failures: list[str] = []
    for outcomes in found.values():
        for kind, survived, words in outcomes:
            counts[kind][not survived] += 1
            if not survived and counts[kind][1] <= SHOWN:
                failures.append(f"- {kind}: {words}")
    rows = [f"| {kind} | {good + bad} | {good} | {bad} |" for kind, (good, bad) in counts.items()]
    return "\n".join(["| fault | tried | survived | failed |", "| --- | --- | --- | --- |", *rows, "", *failures])


def main() -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="kinds, separated by commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        every = kinds(Path(name), options.seed)
        only = options.only.split(",") if options.only else list(every)
        if unknown := sorted(set(only) - set(every)):
            parser.error(f"there is no kind {', '.join(unknown)}: choose from {', '.join(every)}")
        found = run({kind: every[kind] for kind in only}, 60 * options.minutes)
    print(table(found))
    sys.exit(any(not survived for outcomes in found.values() for _, survived, _ in outcomes))


if __name__ == "__main__":
    main()
