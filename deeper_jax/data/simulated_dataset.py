"""Simulated cells written as a data set in the layout of DeepeR's files, preprocessed like measured ones."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.data.files import SpectralPairs, write_pairs
from deeper_jax.data.spectral_pairs import join_cells
from deeper_jax.errors import InputError
from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_cell
from deeper_jax.spectra.preprocessing import PUBLISHED_STEPS, apply_steps

# For cells whose background is left in: counts as the detector gives them.
COUNTS_STEPS = tuple(step for step in PUBLISHED_STEPS if step["name"] != "subtract_background")


def write_simulated_dataset(
    folder: str | Path,
    *,
    cells: int = 14,
    test_cells: int = 3,
    counts_cells: int = 0,
    height: int = 32,
    width: int = 32,
    seed: int = 0,
    config: SimulatorConfig | None = None,
) -> None:
    """Simulate `cells` cells and write them to `folder` (see `files.write_pairs`), split by cell.

    Args:
      folder: new or empty.
      cells: number of cells in all; the last `test_cells` of them make the test split.
      test_cells: cells kept for testing, never seen in training.
      counts_cells: as many of the training cells keep their background (raw counts), so that a network
        trained on the set can take spectra with and without it.
      height, width: pixels of each cell's image.
      seed: of everything random.
      config: ranges of the simulator.

    Raises:
      InputError: the numbers do not fit together, or `folder` is not empty.
    """
    if not 0 < test_cells < cells or not 0 <= counts_cells <= cells - test_cells:
        raise InputError(
            f"cells={cells}, test_cells={test_cells}, counts_cells={counts_cells}: a data set needs at least one "
            "training and one test cell, and counts_cells at most as many as there are training cells."
        )
    config = config or SimulatorConfig()
    axis = default_wavenumbers()
    simulate = jax.jit(lambda key: simulate_cell(key, height, width, axis, config))
    keys = jax.random.split(jax.random.key(seed), cells)
    parts = []
    for index, key in enumerate(keys):
        steps = COUNTS_STEPS if index < counts_cells else PUBLISHED_STEPS
        parts.append(_pairs(simulate(key), f"cell_{index:03d}", axis, steps, seed))
    train, test = (
        join_cells(some, [part.cell_names[0] for part in some], parts[0].source)
        for some in (parts[: cells - test_cells], parts[cells - test_cells :])
    )
    write_pairs(folder, {"train": train, "test": test}, seed=seed)


def _pairs(cell: Any, name: str, axis: np.ndarray, steps: tuple[dict, ...], seed: int) -> SpectralPairs:
    height, width, _ = cell.low.shape
    arrays = []
    for image in (cell.low, cell.high, cell.high_truth):
        spectra, kept = apply_steps(jnp.reshape(image, (height * width, -1)), axis, steps)
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
