"""Simulated high-resolution images of cells, written as a folder of images and preprocessed like measured ones."""

import functools
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.data.image_files import write_image_folder
from deeper_jax.data.preprocessing import apply_steps
from deeper_jax.data.simulated_dataset import PUBLISHED_STEPS
from deeper_jax.data.simulator import SimulatorConfig, default_wavenumbers, simulate_cell
from deeper_jax.errors import InputError


def write_simulated_images(
    folder: str | Path,
    *,
    images: int = 40,
    test_images: int = 8,
    height: int = 64,
    width: int = 64,
    seed: int = 0,
    config: SimulatorConfig | None = None,
) -> None:
    """Simulate the long exposures of `images` cells and write them to `folder` (see `image_files`).

    Args:
      folder: new or empty.
      images: number of cells, one image each; the last `test_images` of them are marked as test images.
      test_images: images kept for testing, never seen in training; 0 marks none.
      height, width: pixels of each image.
      seed: of everything random; the same seed gives the same images.
      config: ranges of the simulator.

    Each image and its noise-free truth (expected counts of the same exposure) pass through the published
    steps: crop, cosmic rays, background. Raises InputError if the numbers do not fit together, or `folder` is
    not empty.
    """
    if not 0 <= test_images < images or min(height, width) < 1:
        raise InputError(
            f"images={images}, test_images={test_images}, height={height}, width={width}: a data set needs "
            "at least one training image and one pixel; correct the numbers."
        )
    axis = default_wavenumbers()
    wavenumbers = apply_steps(jnp.zeros((1, axis.size)), axis, PUBLISHED_STEPS)[1]
    names = [f"cell_{number:03d}" for number in range(images)]
    record = {
        "simulated": True,
        "seed": seed,
        "source": f"simulated with seed {seed}",
        "steps": list(PUBLISHED_STEPS),
        "test_names": names[images - test_images :],
    }
    parts = _simulate(names, height, width, seed, config or SimulatorConfig())
    write_image_folder(folder, parts, np.asarray(wavenumbers, np.float64), record)


def _simulate(
    names: list[str], height: int, width: int, seed: int, config: SimulatorConfig
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, image, truth) of one cell after the other, [H, W, L] float32."""
    for name, key in zip(names, jax.random.split(jax.random.key(seed), len(names)), strict=True):
        image, truth = _image_and_truth(key, height, width, config)
        yield name, np.asarray(image), np.asarray(truth)


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _image_and_truth(key: jax.Array, height: int, width: int, config: SimulatorConfig) -> tuple[jax.Array, jax.Array]:
    axis = default_wavenumbers()
    cell = simulate_cell(key, height, width, axis, config)
    image, truth = (apply_steps(part, axis, PUBLISHED_STEPS)[0] for part in (cell.high, cell.high_truth))
    return image, truth
