"""`deeper-jax memory`: what a training step will need of a device's memory, before anything is trained."""

import argparse
from concurrent.futures import ThreadPoolExecutor

from deeper_jax.cli.configs import FORM, load_config
from deeper_jax.errors import InputError

# Of a device's memory, so that a tenth is left for what no compiler tells.
_SPARE = 0.9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell the parser what `memory` takes."""
    parser.add_argument("config", metavar=FORM, help="e.g. super_resolution:scale=4,blocks=16 or path/to/config.py")
    parser.add_argument("--batch-sizes", default="2,16", help="comma-separated (default: %(default)s)")
    parser.add_argument(
        "--device-memory",
        type=float,
        metavar="GIB",
        help="of the device that a setting is recommended for (default: this machine's)",
    )
    parser.epilog = (
        "Examples: deeper-jax memory denoising --batch-sizes=128,512; "
        "deeper-jax memory super_resolution:scale=4 --batch-sizes=2,4 --device-memory=16."
    )
    parser.set_defaults(run=run, takes_settings=True)


def run(options: argparse.Namespace) -> None:
    """Print a table: one row for each way to save memory and each batch size. Raises InputError."""
    sizes = options.batch_sizes.split(",")
    if not all(size.isdigit() and int(size) for size in sizes):
        raise InputError(f"--batch-sizes is {options.batch_sizes!r}; give whole numbers, such as 2,16.")
    if options.device_memory is not None and not 0 < options.device_memory < float("inf"):
        raise InputError(f"--device-memory is {options.device_memory:g}; give the device's memory in GiB, above 0.")
    config = load_config(options.config, options.settings)

    from deeper_jax.inference.machine import core_count
    from deeper_jax.tasks.memory import StepMemory, own_memory, step_memory
    from deeper_jax.tasks.registry import task_of

    task_of(config)
    variants = ["none", "blocks", "groups", "both"] if "remat" in config.model else [None]
    print("| remat | batch | parameters and optimizer | step's temporaries | together |")
    print("| --- | --- | --- | --- | --- |")
    needs: dict[tuple[str | None, int], int] = {}
    settings = [(remat, int(size)) for remat in variants for size in sizes]

    def need_of(setting: tuple[str | None, int]) -> StepMemory:
        own = config.copy_and_resolve_references()
        if setting[0] is not None:
            own.model.remat = setting[0]
        return step_memory(own, setting[1])

    # The compiler takes one core for each program.
    with ThreadPoolExecutor(min(len(settings), core_count())) as pool:
        for (remat, size), need in zip(settings, pool.map(need_of, settings), strict=True):
            together = need.state + need.temporary
            needs[remat, size] = together
            figures = (f"{n / 2**30:.2f} GiB" for n in (need.state, need.temporary, together))
            print(f"| {' | '.join([remat or '-', str(size), *figures])} |", flush=True)
    given = options.device_memory
    print(recommendation(needs, own_memory() if given is None else given * 2**30))


def recommendation(needs: dict[tuple[str | None, int], int], memory: float) -> str:
    """The largest batch that fits with a tenth to spare, with as little computed twice as that allows.

    Args:
        needs: bytes by (remat, batch size), remat from the fastest to the most sparing.
        memory: bytes of the device.
    """
    fitting = [setting for setting, need in needs.items() if need <= _SPARE * memory]
    device = f"{memory / 2**30:.3g} GiB"
    if not fitting:
        return f"None fits in {device}: try smaller --batch-sizes, or train.accumulate_steps."
    # The first of several with the same batch, as they are ordered.
    remat, batch = max(fitting, key=lambda setting: setting[1])
    flags = [f"--config.train.batch_size={batch}", *([f"--config.model.remat={remat}"] if remat is not None else [])]
    sizes = {size: need for (own, size), need in needs.items() if own == remat}
    most = _largest_batch(sizes, _SPARE * memory)
    larger = f" By these figures up to about {most} would fit." if most > batch and batch == max(sizes) else ""
    return f"For {device}: {' '.join(flags)}.{larger}"


def _largest_batch(needs: dict[int, int], memory: float) -> int:
    """The batch whose need is `memory`, by a line through the first and last of `needs`; 0 where none is told."""
    first, last = min(needs), max(needs)
    slope = (needs[last] - needs[first]) / (last - first) if last > first else 0.0
    # Two figures: the memory is known to a tenth at best.
    return int(float(f"{last + (memory - needs[last]) / slope:.2g}")) if slope > 0 else 0
