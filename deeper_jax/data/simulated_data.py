"""Simulated data sets, written like measured ones and preprocessed as the paper does: pairs of spectra, and images."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.data.spectral_pairs import SpectralPairs, join_cells
from deeper_jax.data.writing import check_new, write_image_folder, write_pairs
from deeper_jax.errors import InputError
from deeper_jax.simulator import (
    SimulatedImage,
    SimulatorConfig,
    cartilage_config,
    default_wavenumbers,
    simulate_cartilage,
    simulate_cell,
)
from deeper_jax.spectra.preprocessing import PUBLISHED_STEPS, apply_steps

# For cells whose background is left in: counts as the detector gives them.
COUNTS_STEPS = tuple(step for step in PUBLISHED_STEPS if step["name"] != "subtract_background")
Simulate = Callable[[jax.Array, int, int, np.ndarray, SimulatorConfig], SimulatedImage]

# A section of cartilage is at most so many patches deep (through all layers) and so many wide.
_DEEP, _WIDE = 4, 3


def write_simulated_dataset(folder: str | Path, *, seed: int = 0, **settings: Any) -> None:
    """Write what `simulate_pairs` simulates, by the same settings, to `folder` (see `write_pairs`).

    Raises:
      InputError: as `simulate_pairs`, or `folder` is not empty.
    """
    check_new(folder)
    write_pairs(folder, simulate_pairs(seed=seed, **settings), seed=seed)


def simulate_pairs(
    *,
    cells: int = 14,
    test_cells: int = 3,
    counts_cells: int = 0,
    height: int = 32,
    width: int = 32,
    seed: int = 0,
    config: SimulatorConfig | None = None,
    steps: tuple[dict[str, Any], ...] = PUBLISHED_STEPS,
) -> dict[str, SpectralPairs]:
    """Simulate cells, split into 'train' and 'test' by cell.

    Args:
      cells: number of cells in all; the last `test_cells` of them make the test split.
      test_cells: cells kept for testing, never seen in training.
      counts_cells: as many of the training cells keep their background (raw counts), so that a network
        trained on the set can take spectra with and without it.
      height, width: pixels of each cell's image.
      seed: of everything random.
      config: ranges of the simulator.
      steps: preprocessing of the other cells.

    Raises:
      InputError: the numbers do not fit together.
    """
    if not 0 < test_cells < cells or not 0 <= counts_cells <= cells - test_cells:
        raise InputError(
            f"cells={cells}, test_cells={test_cells}, counts_cells={counts_cells}: a data set needs at least one "
            "training and one test cell, and counts_cells at most as many as there are training cells."
        )
    axis, ranges = default_wavenumbers(), config or SimulatorConfig()
    simulate = jax.jit(lambda key: simulate_cell(key, height, width, axis, ranges))
    parts = [
        _pairs(simulate(key), f"cell_{index:03d}", axis, COUNTS_STEPS if index < counts_cells else steps, seed)
        for index, key in enumerate(jax.random.split(jax.random.key(seed), cells))
    ]
    train, test = (
        join_cells(some, [part.cell_names[0] for part in some], parts[0].source)
        for some in (parts[: cells - test_cells], parts[cells - test_cells :])
    )
    return {"train": train, "test": test}


def _pairs(cell: Any, name: str, axis: np.ndarray, steps: tuple[dict, ...], seed: int) -> SpectralPairs:
    height, width, _ = cell.low.shape
    arrays = []
    for image in (cell.low, cell.high, cell.high_truth):
        spectra, kept = apply_steps(jnp.reshape(image, (height * width, -1)), axis, steps, warn=False)
        arrays.append(np.asarray(spectra, np.float32))
    return SpectralPairs(
        noisy=arrays[0],
        target=arrays[1],
        truth=arrays[2],
        wavenumbers=np.asarray(kept, np.float64),
        cell=np.zeros(height * width, np.int32),
        cell_names=(name,),
        image_shapes={name: (height, width)},
        source=f"simulated with seed {seed}",
        simulated=True,
        steps=tuple({**step, "cell": name} for step in steps),
    )


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
    """Simulate long exposures and write them to `folder` (see `write_images`).

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
      config: ranges of the simulator; by default those of the sample, `SimulatorConfig()` or `cartilage_config()`.

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
        parts = _cells(names, height, width, seed, config or SimulatorConfig())
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
    image, truth = (
        apply_steps(part, axis, PUBLISHED_STEPS, warn=False)[0] for part in (measured.high, measured.high_truth)
    )
    return image, truth
