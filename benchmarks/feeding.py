"""How fast both networks train from each source of data, beside the same step on one batch that stays where it is.

    python -m benchmarks.feeding [--quick] [--steps=50] [--rounds=3]

Fed by tf.data (where TensorFlow is installed), from data kept on the device, by the simulator on the device (spectra
only), and not at all; in turns, in one process. bfloat16 on a GPU, float32 on a CPU. A rate below the unfed one is time
that the device spends waiting, or on making the batch.
"""

import argparse
import functools
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from benchmarks.speed import set_up
from benchmarks.speed_cases import Case, batch_of, cases
from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.image_augmentation import ImageAugmentationConfig
from deeper_jax.data.preprocessing import PUBLISHED_STEPS, apply_steps
from deeper_jax.data.simulator import SimulatorConfig, default_wavenumbers, simulate_spectra
from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.models.functional import FunctionalModel
from deeper_jax.training.device_batches import resident_image_batches, resident_spectra_batches
from deeper_jax.training.sharding import data_mesh, replicate, shard_batch
from deeper_jax.training.state import TrainState, create_state, make_train_step

ENDLESS = 10**6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--steps", type=int, default=50, help="a turn (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: %(default)s)")
    options = parser.parse_args()
    on_gpu = set_up()
    print(f"{jax.devices()[0].device_kind}; examples a second, median of {options.rounds} turns\n")
    print("| network | fed by | examples/s | of the unfed rate |\n| --- | --- | --- | --- |")
    for case in cases(options.quick, on_gpu):
        rates = measure(case, sources_of(case), options.steps, options.rounds, on_gpu)
        for name, rate in rates.items():
            print(f"| {case.name} | {name} | {rate:.4g} | {rate / rates['nothing: one batch']:.0%} |", flush=True)


def measure(
    case: Case, sources: dict[str, Iterator[dict[str, Any]]], steps: int, rounds: int, on_gpu: bool
) -> dict[str, float]:
    """Examples a second of `make_train_step` by source."""
    step, state, mesh = training_step(case, on_gpu)
    times: dict[str, list[float]] = {name: [] for name in sources}
    for turn, (name, source) in itertools.product(range(rounds + 1), sources.items()):
        start = time.perf_counter()
        for _ in range(steps):
            state, metrics = step(state, shard_batch(next(source), mesh))
        jax.block_until_ready((state.params, metrics))
        if turn:  # the first compiles
            times[name].append(time.perf_counter() - start)
    return {name: steps * case.input_shape[0] / statistics.median(taken) for name, taken in times.items()}


def training_step(case: Case, on_gpu: bool) -> tuple[Callable[..., Any], TrainState, Mesh]:
    """The step, the state before the first one, and the one device it is for."""
    mesh = first_device()
    model = FunctionalModel(case.ours(dtype=jnp.bfloat16 if on_gpu else jnp.float32, rngs=nnx.Rngs(0)))
    # A copy: the step takes the state's buffers.
    state = jax.tree.map(jnp.copy, create_state(model, optax.adam(1e-5)))
    return make_train_step(model, optax.adam(1e-5)), replicate(state, mesh), mesh


def first_device() -> Mesh:
    """The one device that is measured."""
    return data_mesh(jax.devices()[:1])


def sources_of(case: Case) -> dict[str, Iterator[dict[str, Any]]]:
    """Endless batches by what they come from."""
    return spectra_sources(case) if len(case.input_shape) == 2 else image_sources(case)


def spectra_sources(case: Case) -> dict[str, Iterator[dict[str, Any]]]:
    """20,000 random pairs, or the simulator's spectra, preprocessed as published."""
    batch_size, length = case.input_shape
    noisy, target = np.random.default_rng(0).uniform(size=(2, 20_000, length)).astype(np.float32)
    pairs = SpectralPairs(noisy, target, None, None, np.zeros(20_000, np.int32), ("",), {}, "random", True)
    settings = {"batch_size": batch_size, "seed": 0, "start_step": 0, "total_steps": ENDLESS}
    axis = default_wavenumbers()

    @jax.jit
    def simulated(key: jax.Array) -> dict[str, jax.Array]:
        low, high, *_ = simulate_spectra(key, batch_size, axis, SimulatorConfig())
        noisy, target = (apply_steps(spectra, axis, PUBLISHED_STEPS)[0] for spectra in (low, high))
        return {"input": noisy / noisy.max(-1, keepdims=True), "target": target / target.max(-1, keepdims=True)}

    def with_tf_data() -> Iterator[dict[str, Any]]:
        from deeper_jax.data.pipeline import training_batches

        batches = training_batches(pairs, **settings)
        return ({"input": batch["noisy"], "target": batch["target"]} for batch in batches)

    keys = map(functools.partial(jax.random.fold_in, jax.random.key(0)), itertools.count())
    return {
        **unfed(case),
        "data on the device": resident_spectra_batches(pairs, mesh=first_device(), **settings),
        "the simulator on the device": map(simulated, keys),
        **if_installed(with_tf_data),
    }


def image_sources(case: Case) -> dict[str, Iterator[dict[str, Any]]]:
    """Twelve random images of the patch's size."""
    batch_size, patch, _, length = case.target_shape
    generator = np.random.default_rng(0)
    arrays = [generator.uniform(size=(patch, patch, length)).astype(np.float32) for _ in range(12)]
    images = HyperspectralImages(arrays, tuple(map(str, range(12))), None, "random")
    settings = {"batch_size": batch_size, "scale": 4, "seed": 0, "start_step": 0, "total_steps": ENDLESS}
    settings |= {"patch": patch, "starts": (1, 2), "augmentation": ImageAugmentationConfig()}

    def with_tf_data() -> Iterator[dict[str, Any]]:
        from deeper_jax.data.image_pipeline import image_training_batches

        batches = image_training_batches(images, **settings)
        return ({"input": batch["lr_image"], "target": batch["hr_image"]} for batch in batches)

    return {
        **unfed(case),
        "data on the device": resident_image_batches(images, mesh=first_device(), **settings),
        **if_installed(with_tf_data),
    }


def unfed(case: Case) -> dict[str, Iterator[dict[str, Any]]]:
    """One batch that stays on the device."""
    batch = jax.tree.map(jnp.asarray, batch_of(case))
    return {"nothing: one batch": itertools.repeat(batch)}


def if_installed(source: Callable[[], Iterator[dict[str, Any]]]) -> dict[str, Iterator[dict[str, Any]]]:
    """tf.data's batches; nothing without TensorFlow."""
    try:
        return {"tf.data": source()}
    except ImportError:
        return {}


if __name__ == "__main__":
    main()
