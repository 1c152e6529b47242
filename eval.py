"""Evaluate a trained network: eval.py --workdir=DIR [--data=PATH] --output=DIR.

This file only reads the command line; the work is in deeper_jax/evaluate.py.
"""

import sys
from pathlib import Path

from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "A run's directory, a checkpoint, or a released .pt file.")
flags.DEFINE_string("data", None, "Pairs to evaluate on; by default the test cells of the run's own data.")
flags.DEFINE_string("output", None, "Folder for tables and pictures.")
flags.DEFINE_list("image_shape", None, "H,W of raster data whose file does not say it.")
flags.DEFINE_bool("released", False, "Also give the metrics as the released code computes them.")
flags.mark_flags_as_required(["workdir", "output"])


def main(argv: list[str]) -> None:
    """Evaluate, and print the summary table."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    from deeper_jax.command_line import run_quietly

    run_quietly("eval.py", _evaluate)


def _evaluate() -> None:
    from deeper_jax.evaluate import evaluate

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
    from deeper_jax.command_line import parse_flags

    app.run(main, flags_parser=parse_flags)
