"""Super-resolution of one measured map: every fifth of it is tested on once, by a network trained on the rest.

    python -m benchmarks.one_map --data=MAP.npz --output=runs/one_map

Trains the five runs of configs/cartilage.py (a run that was stopped resumes), evaluates each on its own strip and
writes one table, page and statistics over the strips into OUTPUT.
"""

import argparse
import dataclasses
from pathlib import Path

from configs import cartilage
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.evaluation.image_scores import SuperResolutionRow
from deeper_jax.evaluation.report.evaluation_report import write_report_page, write_tables
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.tasks.load import load_as
from deeper_jax.tasks.registry import training_job
from deeper_jax.tasks.super_resolution_evaluation import evaluate_super_resolver
from deeper_jax.tasks.task import EvaluationOptions
from deeper_jax.training.loop import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the map, as deeper_jax.data.image_files reads it")
    parser.add_argument("--output", required=True, type=Path, help="folder for the runs and the table")
    options = parser.parse_args()
    run_quietly("one_map.py", lambda: run(options.data, options.output))


def run(data: str, output: Path) -> list[SuperResolutionRow]:
    """Train and evaluate all strips; the rows of all together."""
    rows: list[SuperResolutionRow] = []
    for strip in range(cartilage.get_config().data.strips):
        config = cartilage.get_config(f"test={strip}")
        config.data.path, config.data.tfds_dir = data, str(output / "tfds")
        workdir = output / f"strip{strip}"
        train(config, training_job(config), workdir)
        rows += evaluate_super_resolver(load_as(workdir, SuperResolver), workdir / "report", EvaluationOptions())
    # The tuned method's name holds its parameters, which differ from strip to strip.
    rows = [dataclasses.replace(r, method="PCA + interpolation, tuned") if "PCA(" in r.method else r for r in rows]
    context = {
        "command": f"python -m benchmarks.one_map --data={data} --output={output}",
        "data_source": data,
        "simulated": False,
        "tuned_on": "the strip that validates, for each test strip",
        "config": config.to_dict(),
    }
    write_tables(rows, output, context)
    write_report_page(output, rows, context)
    print((output / "metrics.md").read_text())
    return rows


if __name__ == "__main__":
    main()
