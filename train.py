"""Train a network: train.py --config=FILE[:args] --workdir=DIR [--config.key=value].

This file only reads the command line; the work is in deeper_jax/training/. The same command resumes a run
that was stopped.
"""

from absl import app, flags
from ml_collections import config_flags

FLAGS = flags.FLAGS
config_flags.DEFINE_config_file("config", None, "Config file, e.g. configs/denoising.py", lock_config=True)
flags.DEFINE_string("workdir", None, "Directory of the run: checkpoints, metrics, config.")
flags.mark_flags_as_required(["config", "workdir"])


def main(argv: list[str]) -> None:
    """Train what the config says."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    from deeper_jax.command_line import run_quietly
    from deeper_jax.training.loop import train
    from deeper_jax.training.tasks import make_task

    run_quietly("train.py", lambda: train(FLAGS.config, make_task(FLAGS.config), FLAGS.workdir))


if __name__ == "__main__":
    from deeper_jax.command_line import parse_flags

    app.run(main, flags_parser=parse_flags)
