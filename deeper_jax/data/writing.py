"""Write pairs of spectra and hyperspectral images as folders that `read_pairs` and `read_images` give back."""

import contextlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from deeper_jax.data.files import CELLS_FILE, SPLITS
from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.image_files import RECORD_FILE, TRUTH_FOLDER, write_list
from deeper_jax.data.map_files import LIST_FILE
from deeper_jax.data.spectral_pairs import SpectralPairs
from deeper_jax.errors import InputError
from deeper_jax.spectra.axis import AXIS_FILE, same_axis


def check_new(folder: str | Path) -> Path:
    """The absolute path of a folder to write. Raises InputError if it exists and is not empty."""
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: found existing content, expected a new or empty folder; choose another name.")
    return folder


@contextlib.contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """A place to write a folder in that takes its name only when all is written; errors as `check_new`."""
    folder = check_new(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield partial
        partial.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_pairs(folder: str | Path, splits: Mapping[str, SpectralPairs], *, seed: int | None = None) -> None:
    """Write pairs in DeepeR's layout: v5 .mat files in float32, axis.txt, and the cells in cells.json.

    Args:
        folder: new or empty; it appears only when complete.
        splits: keys among 'train', 'validation', 'test', of one spectral axis. Rows are grouped by cell.
        seed: recorded with simulated data.

    Raises:
        InputError: the folder exists and is not empty.
    """
    if not splits or not set(splits) <= set(SPLITS):
        raise ValueError(f"splits: found {sorted(splits)}, expected some of {SPLITS}")
    axes = [pairs.wavenumbers for pairs in splits.values()]
    if any(not same_axis(axis, axes[0]) for axis in axes) or len({p.simulated for p in splits.values()}) > 1:
        raise ValueError("the splits differ in their wavenumbers or in being simulated")
    with new_folder(folder) as partial:
        _write_splits(partial, splits, seed)


def _write_splits(folder: Path, splits: Mapping[str, SpectralPairs], seed: int | None) -> None:
    first = next(iter(splits.values()))
    record: dict[str, Any] = {
        "version": 1,
        "simulated": first.simulated,
        "seed": seed,
        "source": first.source,
        "splits": {},
    }
    for split, pairs in splits.items():
        grouped = pairs.take(np.argsort(pairs.cell, kind="stable"))
        arrays = {"Inputs": grouped.noisy, "Outputs": grouped.target, "Truth": grouped.truth}
        for kind, array in arrays.items():
            if array is not None:
                key = f"{split.capitalize()}_{kind}"
                scipy.io.savemat(folder / f"{key}.mat", {key: np.asarray(array, np.float32)})
        record["splits"][split] = {"cells": _cell_records(grouped), "steps": list(grouped.steps)}
    _write_axis(folder, first.wavenumbers)
    (folder / CELLS_FILE).write_text(json.dumps(record, indent=1) + "\n")


def _cell_records(pairs: SpectralPairs) -> list[dict[str, Any]]:
    counts = np.bincount(pairs.cell, minlength=len(pairs.cell_names))
    firsts = np.concatenate([[0], np.cumsum(counts)])
    return [
        {
            "name": name,
            "first_row": int(firsts[i]),
            "rows": int(counts[i]),
            "image_shape": list(pairs.image_shapes[name]) if name in pairs.image_shapes else None,
        }
        for i, name in enumerate(pairs.cell_names)
    ]


def write_images(folder: str | Path, images: HyperspectralImages, *, seed: int | None = None) -> None:
    """Write v5 .mat images, Image_IDs.csv, axis.txt and images.json; truths go to the folder `truth` inside.

    Args:
        folder: new or empty; it appears only when complete.
        images: what to write.
        seed: recorded with simulated data.

    Raises:
        InputError: the folder exists and is not empty.
    """
    truths = itertools.repeat(None) if images.truths is None else images.truths
    parts = zip(images.names, images.images, truths, strict=False)
    record = {
        "simulated": images.simulated,
        "seed": seed,
        "source": images.source,
        "steps": list(images.steps),
        "test_names": list(images.test_names),
    }
    write_image_folder(folder, parts, images.wavenumbers, record)


def write_image_folder(
    folder: str | Path,
    parts: Iterable[tuple[str, np.ndarray, np.ndarray | None]],
    wavenumbers: np.ndarray | None,
    record: Mapping[str, Any],
) -> None:
    """As `write_images`, from an iterable of (name, image, truth or None), one in memory at a time."""
    with new_folder(folder) as partial:
        names = [_write_part(partial, *part) for part in parts]
        write_list(partial / LIST_FILE, names)
        _write_axis(partial, wavenumbers)
        text = json.dumps({"version": 1, **record, "names": names}, indent=1)
        (partial / RECORD_FILE).write_text(text + "\n")


def _write_part(folder: Path, name: str, image: np.ndarray, truth: np.ndarray | None) -> str:
    if not name or Path(name).name != name:
        raise ValueError(f"name: found {name!r}, expected one that can be a file's")
    for place, array in ((folder, image), (folder / TRUTH_FOLDER, truth)):
        if array is not None:
            place.mkdir(exist_ok=True)
            scipy.io.savemat(place / f"{name}.mat", {"image": np.asarray(array, np.float32)})
    return name


def _write_axis(folder: Path, wavenumbers: np.ndarray | None) -> None:
    if wavenumbers is not None:
        # repr of a float64 reads back to the same bits.
        (folder / AXIS_FILE).write_text("".join(f"{float(value)!r}\n" for value in wavenumbers))
