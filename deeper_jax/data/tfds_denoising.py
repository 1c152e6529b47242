"""Paired spectra as a TensorFlow Datasets builder, built once from the user's files and cached."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from deeper_jax.data.files import SpectralPairs, read_pairs
from deeper_jax.data.tfds_base import (
    FilesBuilder,
    array,
    float_tensor,
    in_order,
    listed,
    load_prepared,
    out_of_order,
    source_fingerprint,
)

# tfds keeps 'all' to itself.
_STORED_NAMES = {"all": "whole"}
_READ_BATCH = 2048


@dataclasses.dataclass
class DenoisingConfig(tfds.core.BuilderConfig):
    """One source of pairs.

    length: spectral channels L, None to accept any. truth: whether noise-free spectra are stored too.
    simulate: simulate cells instead of reading files. cells, height, width, seed: what is simulated.
    """

    length: int | None = None
    truth: bool = False
    simulate: bool = False
    cells: int = 14
    height: int = 32
    width: int = 32
    seed: int = 0


class DeeperDenoising(FilesBuilder):
    """Pairs of noisy and clean Raman spectra, one example a pixel, in the order of the files."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put the paired spectra into the manual directory (`--manual_dir`): DeepeR's Train_Inputs.mat,
    Train_Outputs.mat, Test_Inputs.mat, Test_Outputs.mat and, if you have it, axis.txt; or one .npz or .mat
    file of paired spectra a cell. deeper_jax.data.files.read_pairs lists all that is accepted. The config
    'simulated' needs no files.
    """
    BUILDER_CONFIGS = [
        DenoisingConfig(name="deeper_files", description="Pairs read from the user's own files."),
        DenoisingConfig(name="simulated", description="Simulated cells.", truth=True, simulate=True),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        kinds = ("noisy", "target", "truth") if self.builder_config.truth else ("noisy", "target")
        features = {kind: float_tensor(self.builder_config.length) for kind in kinds} | {
            "cell": tfds.features.Text(doc="Name of the cell."),
            "pixel": tfds.features.Scalar(np.int32, doc="Row within the cell, a raster's in row-major order."),
        }
        return self._described(features, supervised_keys=("noisy", "target"))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[Any]]:
        splits = self._read(dl_manager, read_pairs, self._simulate)
        self.info.metadata["splits"] = {name: _describe(pairs) for name, pairs in splits.items()}
        return {_STORED_NAMES.get(name, name): self._generate_examples(pairs) for name, pairs in splits.items()}

    def _simulate(self, folder: Path) -> None:
        # Imported here: the simulator needs JAX, reading files does not.
        from deeper_jax.data.simulated_data import write_simulated_dataset

        names = ("cells", "height", "width", "seed")
        write_simulated_dataset(folder, **{name: getattr(self.builder_config, name) for name in names})

    def _generate_examples(self, pairs: SpectralPairs) -> Iterator[tuple[int, dict[str, Any]]]:
        pixel = _pixels(pairs.cell)
        for row in range(len(pairs)):
            example = {
                "noisy": pairs.noisy[row],
                "target": pairs.target[row],
                "cell": pairs.cell_names[pairs.cell[row]],
                "pixel": pixel[row],
            }
            if self.builder_config.truth:
                example["truth"] = pairs.truth[row]  # type: ignore[index]
            yield row, example


def prepare_and_load(
    path: str | Path,
    data_dir: str | Path,
    *,
    image_shape: tuple[int, int] | None = None,
    cell_sizes: dict[str, list[int]] | None = None,
) -> dict[str, SpectralPairs]:
    """The pairs that `read_pairs` finds at `path`, by split, through a copy built once under `data_dir`.

    The copy is found again by the source files' paths, sizes and times of change, and by the two settings,
    which are those of `read_pairs`.

    Raises:
        InputError: as `read_pairs` does.
    """
    path = Path(path).absolute()
    name = f"deeper_files_{source_fingerprint(path, image_shape, cell_sizes)}"

    def read() -> tuple[DenoisingConfig, dict[str, SpectralPairs]]:
        pairs = read_pairs(path, image_shape=image_shape, cell_sizes=cell_sizes)
        has_truth = all(split.truth is not None for split in pairs.values())
        length = next(iter(pairs.values())).noisy.shape[1]
        return DenoisingConfig(name=name, length=length, truth=has_truth), pairs

    return load_prepared(DeeperDenoising, name, path, data_dir, read, load_pairs)


def load_pairs(builder: tfds.core.DatasetBuilder) -> dict[str, SpectralPairs]:
    """All splits of a built `DeeperDenoising` data set in memory, rows in file order."""
    described = builder.info.metadata["splits"]
    return {name: _load_split(builder, name, described[name]) for name in described}


def _load_split(builder: tfds.core.DatasetBuilder, name: str, described: dict[str, Any]) -> SpectralPairs:
    stored = _STORED_NAMES.get(name, name)
    count = builder.info.splits[stored].num_examples
    kinds = tuple(kind for kind in ("noisy", "target", "truth") if kind in builder.info.features)
    spectra = {kind: np.empty((count, described["length"]), np.float32) for kind in kinds}
    cell = _runs_to_rows(described["cell_runs"])
    pixel = np.empty(count, np.int32)
    start = 0
    decoders = tfds.decode.PartialDecoding(dict.fromkeys((*kinds, "pixel"), True))
    for batch in in_order(builder, stored, batch_size=_READ_BATCH, decoders=decoders):
        rows = slice(start, start + len(batch["pixel"]))
        pixel[rows] = batch["pixel"]
        for kind in kinds:
            spectra[kind][rows] = batch[kind]
        start = rows.stop
    if start != count or not np.array_equal(pixel, _pixels(cell)):
        raise out_of_order(builder, stored)
    return SpectralPairs(
        noisy=spectra["noisy"],
        target=spectra["target"],
        truth=spectra.get("truth"),
        wavenumbers=array(described["wavenumbers"]),
        cell=cell,
        cell_names=tuple(described["cell_names"]),
        image_shapes={cell: (shape[0], shape[1]) for cell, shape in described["image_shapes"].items()},
        source=described["source"],
        simulated=described["simulated"],
        steps=tuple(described["steps"]),
    )


def _pixels(cell: np.ndarray) -> np.ndarray:
    """[N] int32: the how-manieth row of its cell each row is."""
    pixel = np.zeros(len(cell), np.int32)
    for index in np.unique(cell):
        rows = np.flatnonzero(cell == index)
        pixel[rows] = np.arange(len(rows))
    return pixel


def _describe(pairs: SpectralPairs) -> dict[str, Any]:
    """Everything of the pairs but the spectra, JSON-able; the cells as runs [index, rows]."""
    starts = np.flatnonzero(np.diff(pairs.cell, prepend=-1))
    lengths = np.diff(starts, append=len(pairs))
    return {
        "length": pairs.noisy.shape[1],
        "wavenumbers": listed(pairs.wavenumbers),
        "cell_names": list(pairs.cell_names),
        "cell_runs": [[int(pairs.cell[s]), int(n)] for s, n in zip(starts, lengths, strict=True)],
        "image_shapes": {name: list(shape) for name, shape in pairs.image_shapes.items()},
        "source": pairs.source,
        "simulated": pairs.simulated,
        "steps": list(pairs.steps),
    }


def _runs_to_rows(runs: list[list[int]]) -> np.ndarray:
    indices, lengths = np.asarray(runs, np.int32).T
    return np.repeat(indices, lengths)
