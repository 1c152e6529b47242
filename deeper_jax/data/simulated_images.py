"""Simulated high-resolution images, written as a folder of images and preprocessed like measured ones."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.data.image_files import write_image_folder
from deeper_jax.data.simulated_dataset import PUBLISHED_STEPS
from deeper_jax.errors import InputError
from deeper_jax.simulator import (
    SimulatedImage,
    SimulatorConfig,
    cartilage_config,
    default_config,
    default_wavenumbers,
    simulate_cartilage,
    simulate_cell,
)
from deeper_jax.spectra.preprocessing import apply_steps

Simulate = Callable[[jax.Array, int, int, np.ndarray, SimulatorConfig], SimulatedImage]

# A section of cartilage is at most so many patches deep (through all layers) and so many wide.
_DEEP, _WIDE = 4, 3


class _Section(NamedTuple):
    """One sample of cartilage: its size in pixels, and the first row and column of each patch by name."""

    height: int
    width: int
    corners: dict[str, tuple[int, int]]


def write_simulated_images(
    folder: str | Path,
    *,
    sample: str = "cell",
    images: int = 40,
    test_images: int = 8,
    height: int = 64,
    width: int = 64,
    seed: int = 0,
    config: SimulatorConfig | None = None,
) -> None:
    """Simulate long exposures and write them to `folder` (see `image_files`).

    Each image and its noise-free truth (expected counts of the same exposure) pass through the published
    steps: crop, cosmic rays, background.

    Args:
      folder: new or empty.
      sample: "cell", each image a cell of its own; or "cartilage", the images are patches of larger sections of
        tissue-engineered cartilage, up to twelve of a section. Training and test patches are of different
        sections, but validation patches split off the training ones are not; `images.json` says under
        "patches" which section each is from and where it lies.
      images: number of images; the last `test_images` of them are marked as test images.
      test_images: images kept for testing, never seen in training; 0 marks none.
      height: pixels of each image, of 0.5 micrometres for a cell and 1 for cartilage.
      width: the same.
      seed: of everything random; the same seed gives the same images.
      config: ranges of the simulator; by default those of the sample, `default_config` or `cartilage_config`.

    Raises:
      InputError: the sample is unknown, the numbers do not fit together, or `folder` is not empty.
    """
    if sample not in ("cell", "cartilage"):
        raise InputError(f"sample is {sample!r}: choose 'cell' or 'cartilage'.")
    if not 0 <= test_images < images or min(height, width) < 1:
        raise InputError(
            f"images={images}, test_images={test_images}, height={height}, width={width}: a data set needs "
            "at least one training image and one pixel; correct the numbers."
        )
    axis = default_wavenumbers()
    wavenumbers = apply_steps(jnp.zeros((1, axis.size)), axis, PUBLISHED_STEPS)[1]
    names = [f"{sample}_{number:03d}" for number in range(images)]
    record: dict[str, Any] = {
        "simulated": True,
        "seed": seed,
        "source": f"simulated with seed {seed}",
        "steps": list(PUBLISHED_STEPS),
        "test_names": names[images - test_images :],
    }
    if sample == "cell":
        parts = _cells(names, height, width, seed, config or default_config())
    else:
        groups = names[: images - test_images], names[images - test_images :]
        sections = [section for group in groups for section in _sections(group, height, width)]
        record["patches"] = {
            name: {"section": number, "row": row, "column": column}
            for number, section in enumerate(sections)
            for name, (row, column) in section.corners.items()
        }
        parts = _patches(sections, height, width, seed, config or cartilage_config())
    write_image_folder(folder, parts, np.asarray(wavenumbers, np.float64), record)


def _cells(
    names: list[str], height: int, width: int, seed: int, config: SimulatorConfig
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, image, truth) of one cell after the other, [H, W, L] float32."""
    for name, key in zip(names, jax.random.split(jax.random.key(seed), len(names)), strict=True):
        image, truth = _image_and_truth(simulate_cell, key, height, width, config)
        yield name, np.asarray(image), np.asarray(truth)


def _sections(names: list[str], height: int, width: int) -> list[_Section]:
    """As few sections as hold the named patches, about equally many in each: down through the layers, then beside."""
    sections = []
    for part in np.array_split(names, -(-len(names) // (_DEEP * _WIDE))) if names else ():
        deep = min(_DEEP, part.size)
        corners = {name: (n % deep * height, n // deep * width) for n, name in enumerate(part.tolist())}
        sections.append(_Section(deep * height, -(-part.size // deep) * width, corners))
    return sections


def _patches(
    sections: list[_Section], height: int, width: int, seed: int, config: SimulatorConfig
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, image, truth) of one patch of cartilage after the other, [H, W, L] float32."""
    for section, key in zip(sections, jax.random.split(jax.random.key(seed), len(sections)), strict=True):
        measured = _image_and_truth(simulate_cartilage, key, section.height, section.width, config)
        image, truth = map(np.asarray, measured)
        for name, (row, column) in section.corners.items():
            patch = np.s_[row : row + height, column : column + width]
            yield name, image[patch], truth[patch]


@functools.partial(jax.jit, static_argnums=(0, 2, 3, 4))
def _image_and_truth(
    simulate: Simulate, key: jax.Array, height: int, width: int, config: SimulatorConfig
) -> tuple[jax.Array, jax.Array]:
    axis = default_wavenumbers()
    measured = simulate(key, height, width, axis, config)
    image, truth = (apply_steps(part, axis, PUBLISHED_STEPS)[0] for part in (measured.high, measured.high_truth))
    return image, truth
