"""Two ways to train the same super-resolution network: the paper's recipe and ours, validation error by step.

    python -m benchmarks.recipes --output=runs/recipes

Same small network, same simulated images, same number of steps, 2x. The paper's: PyTorch's initial values, L1 loss,
batch 2, Adam at a constant 1e-5, its augmentation. Also that with a learning rate a hundred times larger, since 1e-5
is meant for 43,200 steps. Ours: configs/super_resolution_small.py. Writes OUTPUT/recipes.csv and recipes.png; runs
that were stopped resume.
"""

import argparse
import csv
import json
from pathlib import Path

from ml_collections import ConfigDict

from configs import super_resolution, super_resolution_small
from deeper_jax.cli.command_line import run_quietly
from deeper_jax.evaluation.plot_style import add_title, new_figure, save_png
from deeper_jax.tasks.registry import training_job
from deeper_jax.training.loop import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, type=Path, help="folder for the runs, the table and the figure")
    parser.add_argument("--data", default="data/simulated_images/cells", help="images; simulated where missing")
    options = parser.parse_args()
    run_quietly("recipes.py", lambda: run(options.data, options.output))


def recipes() -> dict[str, ConfigDict]:
    """The three configs, alike in network, data and steps."""
    ours = super_resolution_small.get_config("scale=2")
    configs = {"ours": ours}
    for name, learning_rate in (("paper", 1e-5), ("paper, 1e-3", 1e-3)):
        config = super_resolution.get_config("scale=2,remat=none")
        config.model = ours.model.copy_and_resolve_references()
        config.model.padding = "zeros"
        config.data = ours.data.copy_and_resolve_references()
        config.train.steps = ours.train.steps
        for key in ("log_every", "evaluate_every", "checkpoint_every"):
            config.train[key] = ours.train[key]
        config.schedule.learning_rate = learning_rate
        configs[name] = config
    return configs


def run(data: str, output: Path) -> None:
    """Train all three, and write the curves."""
    curves: dict[str, dict[int, float]] = {}
    for name, config in recipes().items():
        config.data.path, config.data.tfds_dir = data, str(output / "tfds")
        workdir = output / name.replace(", ", "_")
        train(config, training_job(config), workdir)
        lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
        curves[name] = {line["step"]: line["validation/mse"] for line in lines if "validation/mse" in line}
    with (output / "recipes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", *curves])
        for step in sorted(set().union(*curves.values())):
            writer.writerow([step, *(f"{curve[step]:.4e}" if step in curve else "" for curve in curves.values())])
    _draw(curves, output / "recipes.png")
    print((output / "recipes.csv").read_text())


def _draw(curves: dict[str, dict[int, float]], path: Path) -> None:
    figure = new_figure(7.0, 3.8)
    panel = figure.subplots()
    for (name, curve), colour in zip(curves.items(), ("#D55E00", "#0072B2", "#56B4E9"), strict=True):
        panel.plot(list(curve), list(curve.values()), "o-", ms=3, label=name, color=colour)
    panel.set_yscale("log")
    panel.set_xlabel("step", fontsize=11)
    panel.set_ylabel("validation MSE, log axis", fontsize=11)
    panel.legend(frameon=False)
    panel.spines[["top", "right"]].set_visible(False)
    add_title(figure, "2x, small network: the paper's recipe and ours", "simulated data")
    save_png(figure, path)


if __name__ == "__main__":
    main()
