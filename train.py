"""Train a network: train.py --config=FILE[:args] --workdir=DIR [--config.key=value].

This file only reads the command line; the work is in deeper_jax/training/. The same command resumes a run
that was stopped. Several processes train as one with --distributed; README, "Several GPUs and several hosts".
"""

import sys

from absl import app, flags
from ml_collections import config_flags

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "Config file, e.g. configs/denoising.py", lock_config=True)
flags.DEFINE_string("workdir", None, "Directory of the run: checkpoints, metrics, config.")
flags.DEFINE_string(
    "distributed",
    None,
    "One of several processes that train together: slurm, mpi or auto (found in the environment), or "
    "HOST:PORT,RANK,COUNT: where the first process listens, which this is, how many there are.",
)
flags.DEFINE_integer("heartbeat_timeout", 60, "With --distributed: a process silent for so many seconds is lost.")
flags.mark_flags_as_required(["config", "workdir"])


def main(argv: list[str]) -> None:
    """Train what the config says."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    from deeper_jax.cli.command_line import run_quietly

    run_quietly("train.py", _train if FLAGS.distributed is None else _train_with_others)


def _train() -> None:
    from deeper_jax.cli.compilation_cache import keep_compiled_programs
    from deeper_jax.tasks.registry import training_job
    from deeper_jax.training.cpu_devices import use_all_cores
    from deeper_jax.training.cpu_memory import keep_freed_memory
    from deeper_jax.training.loop import train

    if FLAGS.distributed is None:
        use_all_cores(FLAGS.config)
        keep_freed_memory()
    keep_compiled_programs()
    train(FLAGS.config, training_job(FLAGS.config), FLAGS.workdir)


def _train_with_others() -> None:
    from deeper_jax.training.distributed import LOST, together
    from deeper_jax.training.supervisor import is_child, supervise

    if not is_child():
        sys.exit(supervise("train.py", LOST))
    with together(FLAGS.distributed, FLAGS.heartbeat_timeout):
        _train()


if __name__ == "__main__":
    from deeper_jax.cli.command_line import parse_flags

    app.run(main, flags_parser=parse_flags)
