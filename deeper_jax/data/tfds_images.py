"""Hyperspectral images as a TensorFlow Datasets builder, built once from the user's files and cached."""

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from deeper_jax.data.image_files import HyperspectralImages, list_images, read_images
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

_SPLIT = "images"
_MAPPED_FOLDER = "mapped"


@dataclasses.dataclass
class ImagesConfig(tfds.core.BuilderConfig):
    """One source of images.

    length: spectral channels L, None to accept any. truth: whether noise-free images are stored too.
    simulate: simulate cells instead of reading files. images, test_images, height, width, seed: what is
    simulated.
    """

    length: int | None = None
    truth: bool = False
    simulate: bool = False
    images: int = 40
    test_images: int = 8
    height: int = 64
    width: int = 64
    seed: int = 0


class DeeperImages(FilesBuilder):
    """Hyperspectral Raman images, one example an image, in the order of the files."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Put the images into the manual directory (`--manual_dir`): DeepeR's .mat files, one image [H, W, L] a
    file, with Image_IDs.csv and axis.txt if you have them; or .npy, .npz or .h5 files of your own.
    deeper_jax.data.image_files.read_images lists all that is accepted. The config 'simulated_cells' needs no
    files.
    """
    BUILDER_CONFIGS = [
        ImagesConfig(name="image_files", description="Images read from the user's own files."),
        ImagesConfig(name="simulated_cells", description="Simulated cells.", truth=True, simulate=True),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        image = float_tensor(None, None, self.builder_config.length)
        features = {"image": image, "name": tfds.features.Text(doc="Name of the image, its file's.")}
        return self._described(features | ({"truth": image} if self.builder_config.truth else {}))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[Any]]:
        images = self._read(dl_manager, read_images, self._simulate)
        self.info.metadata["images"] = {
            "names": list(images.names),
            "test_names": list(images.test_names),
            "wavenumbers": listed(images.wavenumbers),
            "source": images.source,
            "simulated": images.simulated,
            "steps": list(images.steps),
        }
        return {_SPLIT: self._generate_examples(images)}

    def _simulate(self, folder: Path) -> None:
        # Imported here: the simulator needs JAX, reading files does not.
        from deeper_jax.data.simulated_data import write_simulated_images

        names = ("images", "test_images", "height", "width", "seed")
        write_simulated_images(folder, **{name: getattr(self.builder_config, name) for name in names})

    def _generate_examples(self, images: HyperspectralImages) -> Iterator[tuple[int, dict[str, Any]]]:
        for row, (name, image) in enumerate(zip(images.names, images.images, strict=True)):
            example = {"name": name, "image": np.ascontiguousarray(image)}
            if self.builder_config.truth:
                example["truth"] = np.ascontiguousarray(images.truths[row])  # type: ignore[index]
            yield row, example


def prepare_and_load_images(path: str | Path, data_dir: str | Path) -> HyperspectralImages:
    """The images that `read_images` finds at `path`, through a copy built once under `data_dir`.

    The copy is found again by the source files' paths, sizes and times of change. The images returned are
    memory-mapped: all processes of a machine share one copy.

    Raises:
        InputError: as `read_images` does.
    """
    path = Path(path).absolute()
    # First: it may write the list of images, one of the files that the fingerprint covers.
    list_images(path)
    name = f"image_files_{source_fingerprint(path)}"

    def read() -> tuple[ImagesConfig, HyperspectralImages]:
        images = read_images(path)
        return ImagesConfig(name=name, length=images.length, truth=images.truths is not None), images

    return load_prepared(DeeperImages, name, path, data_dir, read, load_images)


def load_images(builder: tfds.core.DatasetBuilder) -> HyperspectralImages:
    """All images of a built `DeeperImages` data set, memory-mapped, in file order.

    The first call unpacks them beside the data set as .npy files.
    """
    folder = Path(str(builder.data_path)) / _MAPPED_FOLDER
    if not folder.exists():
        _unpack(builder, folder)
    described = builder.info.metadata["images"]

    def mapped(kind: str) -> list[np.ndarray]:
        paths = (folder / f"{kind}-{row:05d}.npy" for row in range(len(described["names"])))
        return [np.load(file, mmap_mode="r") for file in paths]

    return HyperspectralImages(
        images=mapped("image"),
        names=tuple(described["names"]),
        wavenumbers=array(described["wavenumbers"]),
        source=described["source"],
        simulated=described["simulated"],
        steps=tuple(described["steps"]),
        truths=mapped("truth") if "truth" in builder.info.features else None,
        test_names=tuple(described["test_names"]),
    )


def _unpack(builder: tfds.core.DatasetBuilder, folder: Path) -> None:
    names = builder.info.metadata["images"]["names"]
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for row, example in enumerate(in_order(builder, _SPLIT)):
            if example["name"].decode() != names[row]:
                raise out_of_order(builder, _SPLIT)
            for kind in ("image", "truth"):
                if kind in example:
                    np.save(partial / f"{kind}-{row:05d}.npy", example[kind])
        partial.chmod(0o755)
        os.replace(partial, folder)
    except OSError:
        # Another process was faster: the folder it made holds the same.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
