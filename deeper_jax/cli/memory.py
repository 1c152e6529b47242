"""`deeper-jax memory`: what a training step will need of a device's memory, before anything is trained."""

import argparse

from deeper_jax.cli.configs import FORM, load_config
from deeper_jax.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `memory` takes."""
    parser.add_argument("config", metavar=FORM, help="e.g. super_resolution:scale=4,blocks=16 or path/to/config.py")
    parser.add_argument("--batch-sizes", default="2,16", help="comma-separated (default: %(default)s)")
    parser.epilog = "Example: deeper-jax memory super_resolution:scale=4,blocks=16 --batch-sizes=2,4"
    parser.set_defaults(run=run, takes_settings=True)


def run(options: argparse.Namespace) -> None:
    """Print a table: one row for each way to save memory and each batch size. Raises InputError."""
    sizes = options.batch_sizes.split(",")
    if not all(size.isdigit() and int(size) for size in sizes):
        raise InputError(f"--batch-sizes is {options.batch_sizes!r}; give whole numbers, such as 2,16.")
    config = load_config(options.config, options.settings)

    from deeper_jax.tasks.memory import step_memory
    from deeper_jax.tasks.registry import task_of

    task_of(config)
    variants = ["none", "blocks", "groups", "both"] if "remat" in config.model else [None]
    print("| remat | batch | parameters and optimizer | step's temporaries | together |")
    print("| --- | --- | --- | --- | --- |")
    for remat in variants:
        if remat is not None:
            config.model.remat = remat
        for size in sizes:
            need = step_memory(config, int(size))
            together = need.state + need.temporary
            cells = [remat or "-", size, *(f"{n / 2**30:.2f} GiB" for n in (need.state, need.temporary, together))]
            print(f"| {' | '.join(cells)} |", flush=True)
