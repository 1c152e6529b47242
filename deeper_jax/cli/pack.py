"""`deeper-jax pack`: the weights of a run in one small file."""

import argparse
from pathlib import Path

from deeper_jax.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `pack` takes."""
    parser.add_argument("run_directory", metavar="RUN", help="a run's directory or one checkpoint")
    parser.add_argument("file", metavar="FILE.npz", help="new file; `deeper_jax.load` and `--model` take it")
    parser.add_argument("--half", action="store_true", help="store the weights as float16, in half of the space")
    parser.epilog = (
        "Example: deeper-jax pack runs/demo denoiser.npz; then deeper-jax enhance scan.wdf --model=denoiser.npz."
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the file and say how large it is. Raises InputError; nothing is written then."""
    from deeper_jax.models.weights_file import check_new_weights_file, write_weights_file
    from deeper_jax.tasks.load import load

    file = Path(options.file)
    check_new_weights_file(file)
    model = load(options.run_directory)
    if "config" not in model.record:
        raise InputError(f"{options.run_directory}: these weights carry no config; give a run's directory.")
    # Where the run lay is nobody else's business.
    record = {name: value for name, value in model.record.items() if name not in ("checkpoint", "source", "command")}
    write_weights_file(file, model.params, model.stats, record, half=options.half)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, step {model.record.get('step', 'unknown')}.")
