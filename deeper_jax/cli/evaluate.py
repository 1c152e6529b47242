"""`deeper-jax evaluate` and `eval.py`: a network beside the reference methods, or an experiment of the paper."""

import argparse
from pathlib import Path

from deeper_jax.cli.compiled_programs import keep_compiled_programs
from deeper_jax.cli.configs import FORM, load_config
from deeper_jax.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `evaluate` takes."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--workdir", metavar="RUN", help="a run's directory, a checkpoint, or a released .pt file")
    what.add_argument(
        "--experiment", metavar="NAME", help="denoising, super_resolution, hybrid, transfer or all, trained as needed"
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="folder for tables and pictures")
    model = parser.add_argument_group("with --workdir")
    model.add_argument(
        "--data",
        metavar="PATH",
        help="pairs of spectra or images to evaluate on (default: the test cells of the run's own data, or simulated "
        "ones where it was trained on the simulator)",
    )
    model.add_argument("--image-shape", metavar="H,W", help="of raster data whose file does not say it")
    model.add_argument(
        "--released", action="store_true", help="also give the metrics as the released code computes them"
    )
    model.add_argument(
        "--include-trained",
        action="store_true",
        help="evaluate even on what the network was trained on",
    )
    experiment = parser.add_argument_group("with --experiment")
    experiment.add_argument(
        "--config",
        metavar=FORM,
        default="experiments",
        help="its settings, small (%(default)s) or %(default)s:paper; any of them is changed by --config.KEY=VALUE",
    )
    experiment.add_argument(
        "--jobs", metavar="N", type=int, default=1, help="folds of the cross-validation trained side by side"
    )
    parser.epilog = (
        "Examples: deeper-jax evaluate --workdir=runs/demo --output=runs/demo/report; "
        "deeper-jax evaluate --workdir=runs/demo --data=pairs.npz --image-shape=30,40 --output=report; "
        "deeper-jax evaluate --experiment=denoising --output=results."
    )
    parser.set_defaults(run=run, takes_settings=True)


def run(options: argparse.Namespace) -> None:
    """Evaluate or experiment, and print where the results are. Raises InputError."""
    if options.experiment is not None:
        _run_experiment(options)
        return
    if options.settings:
        raise InputError(f"{options.settings[0]}: settings are of an experiment; --workdir brings its own config.")
    shape = _shape(options.image_shape)

    from deeper_jax.tasks.evaluate import evaluate

    keep_compiled_programs()
    output = Path(options.output)
    evaluate(
        options.workdir,
        output,
        data=options.data,
        image_shape=shape,
        released=options.released,
        include_trained=options.include_trained,
        command=options.command_line,
    )
    print((output / "metrics.md").read_text())
    print(f"Page with pictures: {output / 'index.html'}")


def _run_experiment(options: argparse.Namespace) -> None:
    config = load_config(options.config, options.settings)

    from deeper_jax.experiments.catalogue import run_experiments

    keep_compiled_programs()
    page = run_experiments(options.experiment, options.output, config, jobs=options.jobs, command=options.command_line)
    print(f"Report: {page}")


def _shape(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.partition(",")
    if not height.isdigit() or not width.isdigit():
        raise InputError(f"--image-shape is {text!r}; give two numbers, H,W.")
    return int(height), int(width)
