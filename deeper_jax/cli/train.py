"""`deeper-jax train` and `train.py`: train what a config says, alone or as one of several processes."""

import argparse
import sys

from deeper_jax.cli.command_line import extras_named
from deeper_jax.cli.compiled_programs import keep_compiled_programs
from deeper_jax.cli.configs import FORM, load_config, setting_lines, shipped_configs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `train` takes."""
    parser.add_argument(
        "--config",
        metavar=FORM,
        required=True,
        help=f"a config file, or one that comes with the package: {', '.join(shipped_configs())}; any of its settings "
        "is changed by --config.KEY=VALUE",
    )
    parser.add_argument(
        "--workdir",
        metavar="DIR",
        required=True,
        help="directory of the run: checkpoints, metrics, config; the same command resumes a run that was stopped",
    )
    parser.add_argument(
        "--distributed",
        metavar="HOW",
        help="one of several processes that train together: slurm, mpi or auto (found in the environment), or "
        "HOST:PORT,RANK,COUNT: where the first process listens, which this is, how many there are",
    )
    parser.add_argument(
        "--heartbeat-timeout",
        metavar="SECONDS",
        type=int,
        default=60,
        help="with --distributed: a process silent for so long is lost (default: %(default)s)",
    )
    parser.epilog = (
        "Examples: deeper-jax train --config=denoising_demo --workdir=runs/demo; "
        "deeper-jax train --config=super_resolution:scale=4 --workdir=runs/4x --config.train.batch_size=4."
    )
    resumes = "stopped; the same command resumes from the latest checkpoint."
    parser.set_defaults(run=run, takes_settings=True, stopped=resumes)


def run(options: argparse.Namespace) -> None:
    """Train. Raises InputError."""
    if options.distributed is None:
        _train(options)
    else:
        _train_with_others(options)


def _train_with_others(options: argparse.Namespace) -> None:
    load_config(options.config, options.settings)  # a mistake there is told before others are waited for
    from deeper_jax.training.distributed import LOST, together
    from deeper_jax.training.supervisor import is_child, supervise

    if not is_child():
        sys.exit(supervise("deeper-jax", LOST))
    with together(options.distributed, options.heartbeat_timeout):
        _train(options)


def _train(options: argparse.Namespace) -> None:
    config = load_config(options.config, options.settings)

    from deeper_jax.tasks.registry import training_job
    from deeper_jax.training.cpu_memory import keep_memory_between_steps
    from deeper_jax.training.distributed import is_first
    from deeper_jax.training.loop import train

    if options.distributed is None:
        keep_memory_between_steps()
    keep_compiled_programs()
    if is_first():
        print("\n".join(["The settings:", *setting_lines(config.to_dict())]), flush=True)
    with extras_named():
        job = training_job(config)
    train(config, job, options.workdir)
