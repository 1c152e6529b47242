"""What identifies training data: the files that they were read from, and hashes of the numbers themselves."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.data.hyperspectral_images import HyperspectralImages
from deeper_jax.data.image_files import TRUTH_FOLDER
from deeper_jax.data.map_files import NOISY_FOLDER, TARGET_FOLDER
from deeper_jax.data.spectral_pairs import SpectralPairs

# Folders within a folder of data that hold data too.
_SUBFOLDERS = (NOISY_FOLDER, TARGET_FOLDER, TRUTH_FOLDER)


def source_files(path: Path) -> list[Path]:
    """The file, or the files directly in a folder of data and in the folders of it that hold data too, sorted."""
    if path.is_file():
        return [path]
    folders = [path, *(path / name for name in _SUBFOLDERS if (path / name).is_dir())]
    return sorted(item for folder in folders for item in folder.iterdir() if item.is_file())


def fingerprint(arrays: Iterable[np.ndarray]) -> str:
    """32 hexadecimal digits that stand for the shapes and the float32 values of arrays, in this order."""
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        found.update(repr(array.shape).encode())
        # Row by row: a memory-mapped image need not fit into the memory.
        for row in np.atleast_1d(array):
            found.update(np.asarray(row, np.float32).tobytes())
    return found.hexdigest()


def cell_fingerprints(pairs: SpectralPairs) -> dict[str, str]:
    """{cell: fingerprint of its noisy and target spectra, as they were read}."""
    cells = {name: pairs.of_cell(name) for name in pairs.cell_names}
    return {name: fingerprint((cell.noisy, cell.target)) for name, cell in cells.items()}


def image_fingerprints(images: HyperspectralImages) -> dict[str, str]:
    """{image: fingerprint of it, as it was read}."""
    return {name: fingerprint((image,)) for name, image in zip(images.names, images.images, strict=True)}


def data_record(
    path: str | Path, train: SpectralPairs | HyperspectralImages, trained_on: dict[str, str]
) -> dict[str, Any]:
    """What a checkpoint's record says of the data, JSON-able.

    Args:
        path: where they lie.
        train: those for training, after preprocessing.
        trained_on: {name: fingerprint} of what was trained and validated on.
    """
    path = Path(path)
    files = [path.name] if path.is_file() else [str(file.relative_to(path)) for file in source_files(path)]
    return {
        "source": str(path),
        "simulated": train.simulated,
        "files": files,
        "trained_on": trained_on,
        "removed_features": list(train.notes),
    }
