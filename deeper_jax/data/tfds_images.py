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

# Imported for its effect; tensorflow_datasets loads TensorFlow only when it first needs it.
from deeper_jax.data import quiet_tensorflow  # noqa: F401
from deeper_jax.data.image_files import TRUTH_FOLDER, HyperspectralImages, list_images, read_images
from deeper_jax.data.tfds_cache import digest, only_errors_logged, source_fingerprint

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


class DeeperImages(tfds.core.GeneratorBasedBuilder):
    """Hyperspectral Raman images, one example an image, in the order of the files."""

    VERSION = tfds.core.Version("1.0.0")
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

    # tfds finds this itself only where importlib_resources is installed, which 4.9.10 does not ask for.
    code_path = tfds.core.Path(__file__)

    def __init__(self, *args: Any, images: HyperspectralImages | None = None, **kwargs: Any) -> None:
        """As any builder; `images`: what to store, if already read, in place of the manual directory."""
        self._images = images
        super().__init__(*args, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        # As bytes: lists of floats are several times slower to write and to read.
        image = tfds.features.Tensor(
            shape=(None, None, config.length), dtype=np.float32, encoding=tfds.features.Encoding.BYTES
        )
        features = {"image": image, "name": tfds.features.Text(doc="Name of the image, its file's.")}
        if config.truth:
            features["truth"] = image
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(features),
            homepage="https://github.com/conor-horgan/DeepeR",
            metadata=tfds.core.MetadataDict(),
            # Images stay in file order.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator[Any]]:
        images = self._images if self._images is not None else self._source_images(dl_manager)
        self.info.metadata["images"] = {
            "names": list(images.names),
            "test_names": list(images.test_names),
            "wavenumbers": None if images.wavenumbers is None else images.wavenumbers.tolist(),
            "source": images.source,
            "simulated": images.simulated,
            "steps": list(images.steps),
        }
        return {_SPLIT: self._generate_examples(images)}

    def _source_images(self, dl_manager: tfds.download.DownloadManager) -> HyperspectralImages:
        config = self.builder_config
        if not config.simulate:
            return read_images(dl_manager.manual_dir)
        # Imported here: the simulator needs JAX, reading files does not.
        from deeper_jax.data.simulated_images import write_simulated_images

        folder = Path(dl_manager.download_dir) / f"simulated-images-{digest(dataclasses.asdict(config))}"
        if not folder.exists():
            names = ("images", "test_images", "height", "width", "seed")
            write_simulated_images(folder, **{name: getattr(config, name) for name in names})
        return read_images(folder)

    def _generate_examples(self, images: HyperspectralImages) -> Iterator[tuple[int, dict[str, Any]]]:
        for row, (name, image) in enumerate(zip(images.names, images.images, strict=True)):
            example = {"name": name, "image": np.ascontiguousarray(image)}
            if self.builder_config.truth:
                example["truth"] = np.ascontiguousarray(images.truths[row])  # type: ignore[index]
            yield row, example


def prepare_and_load_images(path: str | Path, data_dir: str | Path) -> HyperspectralImages:
    """The images that `read_images` finds at `path`, through a copy built once under `data_dir`.

    The copy is found again by the source files' paths, sizes and times of change. The images returned are
    memory-mapped: all processes of a machine share one copy. Raises InputError as `read_images` does.
    """
    path = Path(path).absolute()
    # First: it may write the list of images, one of the files that the fingerprint covers.
    files = list_images(path)
    truth_files = [path / TRUTH_FOLDER / file.name for file in files.values()]
    truth_stats = [(t.stat().st_size, t.stat().st_mtime_ns) for t in truth_files if t.is_file()]
    name = f"image_files_{source_fingerprint(path, truth_stats)}"
    folder = Path(data_dir) / "deeper_images" / name / str(DeeperImages.VERSION)
    if not folder.exists():
        images = read_images(path)
        config = ImagesConfig(name=name, length=images.length, truth=images.truths is not None)
        with only_errors_logged():
            builder = DeeperImages(data_dir=str(data_dir), config=config, images=images)
        manual_dir = path if path.is_dir() else path.parent
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(manual_dir)))
    return load_images(tfds.builder_from_directory(str(folder)))


def load_images(builder: tfds.core.DatasetBuilder) -> HyperspectralImages:
    """All images of a built `DeeperImages` data set, memory-mapped, in file order.

    The first call unpacks them beside the data set as .npy files.
    """
    folder = Path(str(builder.data_path)) / _MAPPED_FOLDER
    if not folder.exists():
        _unpack(builder, folder)
    described = builder.info.metadata["images"]
    axis = described["wavenumbers"]

    def mapped(kind: str) -> list[np.ndarray]:
        paths = (folder / f"{kind}-{row:05d}.npy" for row in range(len(described["names"])))
        return [np.load(file, mmap_mode="r") for file in paths]

    return HyperspectralImages(
        images=mapped("image"),
        names=tuple(described["names"]),
        wavenumbers=None if axis is None else np.asarray(axis, np.float64),
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
        # One file at a time: interleaving them would mix the images.
        config = tfds.ReadConfig(interleave_cycle_length=1)
        with only_errors_logged():
            dataset = builder.as_dataset(split=_SPLIT, read_config=config, shuffle_files=False)
            for row, example in enumerate(tfds.as_numpy(dataset)):
                if example["name"].decode() != names[row]:
                    raise RuntimeError(f"{builder.data_path}: images did not come back in the order of the files")
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
