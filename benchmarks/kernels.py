"""What the kernels are worth: whole jobs with them and with JAX's own operations, in turns in one run, on the CPU.

    python -m benchmarks.kernels [--rounds=3] [--only=TEXT]

A kernel stays if it makes one of these at least 1.2 times as fast.
"""

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import deeper_jax
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.kernels import batch_norm_units, convolution, winograd
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.models.hyrisr import HyRISR
from deeper_jax.models.registry import DATA_AXIS
from deeper_jax.models.resunet1d import ResUNet1D
from deeper_jax.training.cpu_memory import keep_memory_between_steps
from deeper_jax.training.step import create_state, make_train_step

KERNELS = {
    "Winograd": lambda: without((winograd, "pays", lambda *_: False)),
    "units with BatchNorm, fused": lambda: without((batch_norm_units, "pays", lambda *_: False)),
    "images' kernel gradient by taps": lambda: without((convolution, "_choice", _no_taps)),
}


@contextlib.contextmanager
def without(*changes: tuple) -> Iterator[None]:
    before = [getattr(module, name) for module, name, _ in changes]
    for module, name, replacement in changes:
        setattr(module, name, replacement)
    try:
        yield
    finally:
        for (module, name, _), original in zip(changes, before, strict=True):
            setattr(module, name, original)


def _no_taps(x: jax.Array, kernel: jax.Array) -> str:
    return "winograd" if winograd.pays(x, kernel) else "xla"


def training(build: Callable[..., nnx.Module], low: tuple, high: tuple) -> Callable[[], None]:
    model, optimizer = FunctionalModel(build(rngs=nnx.Rngs(0))), optax.adam(1e-4)
    kept, rng = [create_state(model, optimizer)], np.random.default_rng(0)
    batch = {"input": jnp.asarray(rng.random(low), jnp.float32), "target": jnp.asarray(rng.random(high), jnp.float32)}
    # What JAX traced before, with the kernels of another side, must not serve again.
    jax.clear_caches()
    step = make_train_step(model, optimizer).lower(kept[0], batch).compile()

    def run() -> None:
        kept[0], metrics = step(kept[0], batch)
        jax.block_until_ready((kept[0], metrics))

    return run


def denoiser() -> Callable[[], None]:
    model = Denoiser(ResUNet1D(batch_norm=False, rngs=nnx.Rngs(0)), {})
    spectra = np.random.default_rng(0).random((512, 500)).astype(np.float32)

    def run() -> None:
        model.network(spectra)

    return run


def default_denoiser() -> Callable[[], None]:
    model, spectra = deeper_jax.load(), 100 + np.random.default_rng(0).normal(size=(2048, 512))

    def run() -> None:
        model.network(spectra, 1.0)

    return run


def jobs() -> dict[str, tuple[Callable[[], Callable[[], None]], tuple[str, ...]]]:
    """Each job, and the kernels that have a part in it."""

    def unet(width: int, batch: int, **settings: object) -> Callable[[], Callable[[], None]]:
        settings = {"axis_name": DATA_AXIS, **settings}
        return lambda: training(lambda rngs: ResUNet1D(500, width, rngs=rngs, **settings), *((batch, 500),) * 2)

    def hyrisr(scale: int, length: int, width: int, groups: int, blocks: int, side: int, batch: int):
        size = {"length": length, "width": width, "groups": groups, "blocks": blocks}
        shapes = (batch, side, side, length), (batch, scale * side, scale * side, length)
        return lambda: training(lambda rngs: HyRISR(scale, **size, rngs=rngs), *shapes)

    return {
        "denoiser, width 64: inference of 512 spectra": (denoiser, ("Winograd",)),
        "the package's denoiser: inference of 2048 spectra": (default_denoiser, ("Winograd",)),
        "denoiser, width 64, BatchNorm: training, batch 256": (unet(64, 256), tuple(KERNELS)[:2]),
        "denoiser, width 64: training, batch 128": (unet(64, 128, batch_norm=False), ("Winograd",)),
        "denoiser, width 16 (demo), BatchNorm: training, batch 128": (unet(16, 128), tuple(KERNELS)[:2]),
        "HyRISR 2x, small config's size: training, batch 4": (hyrisr(2, 125, 48, 2, 3, 32, 4), (tuple(KERNELS)[2],)),
        "HyRISR 4x, 250 features: training, batch 1": (hyrisr(4, 500, 250, 1, 2, 16, 1), tuple(KERNELS)[::2]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    keep_memory_between_steps()
    print("| job | without | s with | s without | ratio | ratio of processor seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (make, kernels) in jobs().items():
        if options.only not in name:
            continue
        sides = {"": make()}
        sides[""]()
        for kernel in kernels:
            with KERNELS[kernel]():
                sides[kernel] = make()
                sides[kernel]()
        seconds, used = in_turns(sides, options.rounds)
        for kernel in kernels:
            ratios = (times[kernel] / times[""] for times in (seconds, used))
            cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"| {name} | {kernel} | {seconds['']:.3f} | {seconds[kernel]:.3f} | {cells} |", flush=True)


def in_turns(sides: dict[str, Callable[[], None]], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Medians of wall-clock and processor seconds."""
    walls: dict[str, list[float]] = {side: [] for side in sides}
    used: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, run in sides.items():
            start, processor = time.perf_counter(), time.process_time()
            run()
            walls[side].append(time.perf_counter() - start)
            used[side].append(time.process_time() - processor)
    return tuple({side: statistics.median(times) for side, times in each.items()} for each in (walls, used))


if __name__ == "__main__":
    main()
