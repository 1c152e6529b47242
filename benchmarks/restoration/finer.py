"""Coarse scans of simulated cells and cartilage made finer, beside everything else that a careful hand would do.

    python -m benchmarks.restoration finer --runs=runs/finer                     # all: hours on two cores
    python -m benchmarks.restoration finer --cells=2 --sections=1 --scales=2     # what is in --rows is not done again
    python -m benchmarks.restoration finer --errors                              # a fraction of the time

Methods: `enhance --scale`; the scan denoised without the map restorer, or with it, and interpolated in the best of five
registered ways; PCA of the scan with components, smoothing and interpolation, all of these chosen on the truth of the
very image; the paper's HyRISR, trained by configs/super_resolution_small.py, on the scan denoised with the restorer
and without its background, which is interpolated.
Error in percent of the noise's variance, mean and half-width of the 95 % interval over images; p paired by image
(t-test, signed ranks); classes and angle as in the paper's combination, four endmembers of the truth.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import deeper_jax
from benchmarks.restoration.finer_methods import OURS, Networks, answers, scores
from benchmarks.restoration.samples import SIDE, SIMULATED, numbers, quiet, samples, told, whole_numbers
from benchmarks.restoration.trained_upsampler import super_resolver
from deeper_jax.evaluation.statistics import compare_paired
from deeper_jax.experiments.unmixed import MEASURES, unmix_target
from deeper_jax.tasks.load import DEFAULT_RESTORER

ENDMEMBERS = 4
KEY = ("kind", "index", "level", "scale", "side")
COLUMNS = {"ssim": ("SSIM", 3)} | dict(
    zip(MEASURES, [("classified / %", 1), ("abundances", 3), ("angle / deg", 2)], strict=True)
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cells", type=int, default=10, help="simulated cells")
    parser.add_argument("--sections", type=int, default=6, help="simulated sections of cartilage")
    parser.add_argument("--side", type=int, default=SIDE, help="their height and width in pixels, a multiple of 12")
    parser.add_argument("--levels", type=numbers, default="1,3,10", help="light over the measured")
    parser.add_argument("--scales", type=whole_numbers, default="2,3,4", help="such as 2,3,4")
    parser.add_argument("--errors", action="store_true", help="errors and intervals alone, neither PCA nor unmixing")
    parser.add_argument("--runs", type=Path, help="HyRISR's runs, trained there where missing; without it no HyRISR")
    parser.add_argument(
        "--rows", type=Path, default=Path("runs/finer.jsonl"), help="a line for each image, as it comes"
    )


def run(options: argparse.Namespace) -> None:
    trained = {scale: super_resolver(options.runs, scale) for scale in options.scales if options.runs}
    networks = Networks(deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER), trained)
    jobs = [
        (kind, index, level)
        for index in range(max(options.cells, options.sections))
        for kind, count in (("cell", options.cells), ("cartilage", options.sections))
        for level in options.levels
        if index < count
    ]
    wanted = {(*job, scale, options.side) for job in jobs for scale in options.scales}
    # A row without HyRISR, or of errors alone, will not do where more is asked for.
    done = {
        key: row
        for key, row in _rows(options.rows)
        if key in wanted and (not trained or _has_network(row)) and (options.errors or _is_whole(row))
    }
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    start, added = time.monotonic(), 0
    for kind, index, level in jobs:
        missing = [scale for scale in options.scales if (kind, index, level, scale, options.side) not in done]
        if not missing:
            continue
        config = quiet(SIMULATED[kind][1], level)
        ((cube, truth),) = samples(kind, config, range(index, index + 1), options.side)
        target = None if options.errors else unmix_target(truth, ENDMEMBERS, seed=0)
        for scale in missing:
            key = (kind, index, level, scale, options.side)
            found = answers(cube, truth, scale, networks, tuned=not options.errors)
            by_method = {name: scores(each, cube, truth, target) for name, each in found.items()}
            row = {**dict(zip(KEY, key, strict=True)), "methods": by_method}
            _append(options.rows, row)
            done[key] = row
            added += 1
            left = (time.monotonic() - start) / added * (len(wanted) - len(done)) / 60
            print(f"\r{len(done)} of {len(wanted)}, {left:.0f} minutes left   ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for kind in SIMULATED:
        for level in options.levels:
            for scale in options.scales:
                rows = [row for key, row in sorted(done.items()) if (key[0], key[2], key[3]) == (kind, level, scale)]
                if rows:
                    _table(f"{kind}, light {level:g}, {scale}x", rows)


def _rows(path: Path) -> list[tuple[tuple, dict[str, Any]]]:
    """What was done before, by what it is of."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:  # cut short
            continue
        rows.append((tuple(row[name] for name in KEY), row))
    return rows


def _append(path: Path, row: dict[str, Any]) -> None:
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("" if whole else "\n") + json.dumps(row) + "\n")


def _has_network(row: dict[str, Any]) -> bool:
    return any("HyRISR" in name for name in row["methods"])


def _is_whole(row: dict[str, Any]) -> bool:
    return all(name in row["methods"][OURS] for name in COLUMNS)


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    names = [name for name in rows[0]["methods"] if all(name in row["methods"] for row in rows)]
    columns = COLUMNS if all(_is_whole(row) for row in rows) else {}

    def values(name: str, score: str) -> list[float]:
        return [row["methods"][name][score] for row in rows]

    inside = [f"{100 * sum(values(OURS, f'inside_{where}')) / len(rows):.0f}" for where in ("measured", "between")]
    print(
        f"\n**{title}**, {len(rows)} images; of the truth {inside[0]} % within 90 % intervals in measured pixels, ",
        end="",
    )
    print(f"{inside[1]} % between them.\n")
    titles = ["method", "error", "ours over it", "p (t, ranks)", *(title for title, _ in columns.values())]
    print(f"| {' | '.join(titles)} |")
    print("|" + " --- |" * len(titles))
    ours = values(OURS, "error")
    for name in names:
        error = values(name, "error")
        cells = [name, told(error), "", ""]
        if name != OURS:
            test = compare_paired(ours, error)
            cells[2] = f"{sum(ours) / sum(error):.3f}"
            cells[3] = ", ".join("-" if p is None else f"{p:.1g}" for p in (test.t_p, test.wilcoxon_p))
        cells += [told(values(name, score), digits) for score, (_, digits) in columns.items()]
        print(f"| {' | '.join(cells)} |", flush=True)
