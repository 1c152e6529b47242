"""How fast both networks train from each source of data, beside the same step on one batch that stays where it is.

    python -m benchmarks.feeding [--quick] [--steps=50] [--rounds=3]

Fed by tf.data (where TensorFlow is installed), from data kept on the device, by the simulator on the device (spectra
only), and not at all; in turns, in one process. bfloat16 on a GPU, float32 on a CPU. A rate below the unfed one is time
that the device spends waiting, or on making the batch.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from benchmarks.speed import set_up
from benchmarks.speed_cases import Case, batch_of, cases, training_step
from configs import denoising_counts
from deeper_jax.data.augmentation import ImageAugmentationConfig
from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.spectra.preprocessing import PUBLISHED_STEPS
from deeper_jax.tasks.denoising import denoising_job
from deeper_jax.training.device_batches import resident_image_batches, resident_spectra_batches
from deeper_jax.training.sharding import shard_batch

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
        rates = measure(case, options.steps, options.rounds, on_gpu)
        for name, rate in rates.items():
            print(f"| {case.name} | {name} | {rate:.4g} | {rate / rates['nothing: one batch']:.0%} |", flush=True)


def measure(case: Case, steps: int, rounds: int, on_gpu: bool) -> dict[str, float]:
    """Examples a second of our training step by source."""
    step, state, mesh = training_step(case, jnp.bfloat16 if on_gpu else jnp.float32)
    sources = sources_of(case, mesh)
    times: dict[str, list[float]] = {name: [] for name in sources}
    for turn, (name, source) in itertools.product(range(rounds + 1), sources.items()):
        start = time.perf_counter()
        for _ in range(steps):
            state, metrics = step(state, shard_batch(next(source), mesh))
        jax.block_until_ready((state.params, metrics))
        if turn:  # the first compiles
            times[name].append(time.perf_counter() - start)
    return {name: steps * case.input_shape[0] / statistics.median(taken) for name, taken in times.items()}


def sources_of(case: Case, mesh: Mesh) -> dict[str, Iterator[dict[str, Any]]]:
    """Endless batches by what they come from."""
    batch = shard_batch(batch_of(case), mesh)
    sources = spectra_sources(case, mesh) if len(case.input_shape) == 2 else image_sources(case, mesh)
    return {"nothing: one batch": itertools.repeat(batch), **sources}


def spectra_sources(case: Case, mesh: Mesh) -> dict[str, Iterator[dict[str, Any]]]:
    """20,000 random pairs, or the simulator's spectra, preprocessed as published."""
    batch_size, length = case.input_shape
    noisy, target = np.random.default_rng(0).uniform(size=(2, 20_000, length)).astype(np.float32)
    pairs = SpectralPairs(noisy, target, None, None, np.zeros(20_000, np.int32), ("",), {}, "random", True)
    settings = {"batch_size": batch_size, "seed": 0, "start_step": 0, "total_steps": ENDLESS}
    config = denoising_counts.get_config()
    config.data.steps, config.data.validation_spectra = [dict(step) for step in PUBLISHED_STEPS], batch_size
    config.train.batch_size = batch_size

    def with_tf_data() -> Iterator[dict[str, Any]]:
        from deeper_jax.data.spectra_pipeline import training_batches

        batches = training_batches(pairs, **settings)
        return ({"input": batch["noisy"], "target": batch["target"]} for batch in batches)

    return {
        "data on the device": resident_spectra_batches(pairs, mesh=mesh, **settings),
        "the simulator on the device": denoising_job(config).train_batches(0, ENDLESS),
        **if_installed(with_tf_data),
    }


def image_sources(case: Case, mesh: Mesh) -> dict[str, Iterator[dict[str, Any]]]:
    """Twelve random images of the patch's size."""
    batch_size, patch, _, length = case.target_shape
    generator = np.random.default_rng(0)
    arrays = [generator.uniform(size=(patch, patch, length)).astype(np.float32) for _ in range(12)]
    images = HyperspectralImages(arrays, tuple(map(str, range(12))), None, "random")
    settings = {"batch_size": batch_size, "scale": 4, "seed": 0, "start_step": 0, "total_steps": ENDLESS}
    settings |= {"patch": patch, "raster_offsets": (1, 2), "augmentation": ImageAugmentationConfig()}

    def with_tf_data() -> Iterator[dict[str, Any]]:
        from deeper_jax.data.image_pipeline import image_training_batches

        batches = image_training_batches(images, **settings)
        return ({"input": batch["lr_image"], "target": batch["hr_image"]} for batch in batches)

    return {
        "data on the device": resident_image_batches(images, mesh=mesh, **settings),
        **if_installed(with_tf_data),
    }


def if_installed(source: Callable[[], Iterator[dict[str, Any]]]) -> dict[str, Iterator[dict[str, Any]]]:
    """tf.data's batches; nothing without TensorFlow."""
    try:
        return {"tf.data": source()}
    except ImportError:
        return {}


if __name__ == "__main__":
    main()
