"""Evaluate a trained network: eval.py --workdir=DIR [--data=PATH] --output=DIR.

Or repeat an experiment of the paper, training what it needs: eval.py --experiment=NAME --output=DIR, with NAME one of
denoising, super_resolution, hybrid, transfer, all.

This file only reads the command line; the work is in deeper_jax/tasks/evaluate.py and deeper_jax/experiments/.
"""

import sys
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "A run's directory, a checkpoint, or a released .pt file.")
flags.DEFINE_string(
    "data",
    None,
    "What to evaluate on, pairs of spectra or images; by default the test cells of the run's own data, or "
    "simulated ones for a run that was trained on the simulator.",
)
flags.DEFINE_string("output", None, "Folder for tables and pictures.")
flags.DEFINE_list("image_shape", None, "H,W of raster data whose file does not say it.")
flags.DEFINE_bool("released", False, "Also give the metrics as the released code computes them.")
flags.DEFINE_string("experiment", None, "Instead of --workdir: denoising, super_resolution, hybrid, transfer or all.")
flags.DEFINE_integer("jobs", 1, "Of an experiment: folds of the cross-validation trained side by side.")
_EXPERIMENTS = str(Path(__file__).parent / "configs" / "experiments.py")
config_flags.DEFINE_config_file("config", _EXPERIMENTS, "Of an experiment: its settings, small (default) or :paper.")
flags.mark_flags_as_required(["output"])
flags.mark_flags_as_mutual_exclusive(["workdir", "experiment"], required=True)


def main(argv: list[str]) -> None:
    """Evaluate, and print the summary table."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    from deeper_jax.cli.command_line import run_quietly

    run_quietly("eval.py", _evaluate if FLAGS.experiment is None else _run_experiment)


def _run_experiment() -> None:
    from deeper_jax.cli.compilation_cache import keep_compiled_programs
    from deeper_jax.experiments.catalogue import run_experiments

    keep_compiled_programs()
    command = "python " + " ".join(sys.argv)
    page = run_experiments(FLAGS.experiment, FLAGS.output, FLAGS.config, jobs=FLAGS.jobs, command=command)
    print(f"Report: {page}")


def _evaluate() -> None:
    from deeper_jax.cli.compilation_cache import keep_compiled_programs
    from deeper_jax.tasks.evaluate import evaluate

    keep_compiled_programs()
    evaluate(
        FLAGS.workdir,
        FLAGS.output,
        data=FLAGS.data,
        image_shape=_shape(FLAGS.image_shape),
        released=FLAGS.released,
        command="python " + " ".join(sys.argv),
    )
    print((Path(FLAGS.output) / "metrics.md").read_text())
    print(f"Page with pictures: {Path(FLAGS.output) / 'index.html'}")


def _shape(text: list[str] | None) -> tuple[int, int] | None:
    from deeper_jax.errors import InputError

    if text is None:
        return None
    if len(text) != 2 or not all(part.strip().isdigit() for part in text):
        raise InputError(f"--image_shape is {','.join(text)!r}; give two numbers, H,W.")
    return int(text[0]), int(text[1])


if __name__ == "__main__":
    from deeper_jax.cli.command_line import parse_flags

    app.run(main, flags_parser=parse_flags)
