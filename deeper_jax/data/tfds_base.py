"""What the two TensorFlow Datasets builders share: data stored as read, names that follow the source files."""

import contextlib
import dataclasses
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging as absl_logging

# Imported for its effect; tensorflow_datasets loads TensorFlow only when it first needs it.
from deeper_jax.data import quiet_tensorflow  # noqa: F401
from deeper_jax.data.fingerprints import source_files
from deeper_jax.errors import InputError

log = logging.getLogger(__name__)
Loaded = TypeVar("Loaded")


class FilesBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Stores what was read from the user's files, or simulated, in its order."""

    VERSION = tfds.core.Version("1.0.0")
    # tfds finds this itself only where importlib_resources is installed, which 4.9.10 does not ask for.
    code_path = tfds.core.Path(__file__)

    def __init__(self, *args: Any, content: Any = None, **kwargs: Any) -> None:
        """As any builder; `content`: what to store, if already read, in place of the manual directory."""
        self._content = content
        super().__init__(*args, **kwargs)

    def _described(self, features: Mapping[str, Any], **settings: Any) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(features),
            homepage="https://github.com/conor-horgan/DeepeR",
            metadata=tfds.core.MetadataDict(),
            # Examples stay in file order, which also spares the sorting on disk.
            disable_shuffling=True,
            **settings,
        )

    def _read(
        self, dl_manager: tfds.download.DownloadManager, read: Callable[[Any], Any], simulate: Callable[[Path], None]
    ) -> Any:
        """What was given, else what `read` finds in the manual directory or in a folder that `simulate` writes."""
        if self._content is not None:
            return self._content
        if not self.builder_config.simulate:
            return read(dl_manager.manual_dir)
        folder = Path(dl_manager.download_dir) / f"{self.name}-{digest(dataclasses.asdict(self.builder_config))}"
        if not folder.exists():
            simulate(folder)
        return read(folder)


def float_tensor(*shape: int | None) -> tfds.features.Tensor:
    """A float32 feature stored as bytes: lists of floats are several times slower to write and to read."""
    return tfds.features.Tensor(shape=shape, dtype=np.float32, encoding=tfds.features.Encoding.BYTES)


def load_prepared(
    builder: type[FilesBuilder],
    name: str,
    path: Path,
    data_dir: str | Path,
    read: Callable[[], tuple[tfds.core.BuilderConfig, Any]],
    load: Callable[[tfds.core.DatasetBuilder], Loaded],
) -> Loaded:
    """What `load` makes of the data set called `name` under `data_dir`.

    It is built from the config and content that `read` returns where it is not there, and anew where it is damaged.

    Raises:
        InputError: as `read` does; the copy is damaged and cannot be replaced.
    """
    folder = Path(data_dir) / builder.name / name / str(builder.VERSION)
    if folder.exists():
        try:
            return load(tfds.builder_from_directory(str(folder)))
        # Whatever TensorFlow raises on damaged files, of a dozen kinds: the source is there to copy it again.
        except Exception as error:
            log.warning("%s: this prepared copy is damaged (%s) and made anew.", folder, type(error).__name__)
            _remove(folder)
    return load(_built(builder, name, path, data_dir, folder, read))


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise InputError(
            f"{folder}: found a damaged copy of the data that cannot be removed ({error}); delete this folder."
        ) from error


def _built(
    builder: type[FilesBuilder],
    name: str,
    path: Path,
    data_dir: str | Path,
    folder: Path,
    read: Callable[[], tuple[tfds.core.BuilderConfig, Any]],
) -> tfds.core.DatasetBuilder:
    config, content = read()
    manual_dir = path if path.is_dir() else path.parent
    try:
        with only_errors_logged():
            built = builder(data_dir=str(data_dir), config=config, content=content)
        built.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(manual_dir)))
    except OSError as error:
        raise InputError(
            f"{data_dir}: the prepared copy of the data could not be written ({error}); look for free space and "
            "permission, or set --config.data.tfds_dir to another folder."
        ) from error
    return tfds.builder_from_directory(str(folder))


def in_order(builder: tfds.core.DatasetBuilder, split: str, **settings: Any) -> Iterator[dict[str, Any]]:
    """The examples (or batches, with `batch_size`) of a split as NumPy arrays, in the order they were stored in."""
    # One file at a time: interleaving them would mix the rows.
    config = tfds.ReadConfig(interleave_cycle_length=1)
    with only_errors_logged():
        yield from tfds.as_numpy(builder.as_dataset(split=split, read_config=config, shuffle_files=False, **settings))


def out_of_order(builder: tfds.core.DatasetBuilder, split: str) -> RuntimeError:
    """The error that says so."""
    return RuntimeError(f"{builder.data_path}: split '{split}' did not come back in the order of the files")


def listed(axis: np.ndarray | None) -> list[float] | None:
    """An axis as JSON holds it."""
    return None if axis is None else axis.tolist()


def array(axis: list[float] | None) -> np.ndarray | None:
    """What `listed` listed."""
    return None if axis is None else np.asarray(axis, np.float64)


def source_fingerprint(path: Path, *settings: Any) -> str:
    """16 hexadecimal digits that change with the files at `path` (names, sizes, times of change) or `settings`.

    Args:
        path: one file, or a folder, of which the files of `source_files` count.
        settings: whatever else decides what is read; their `repr` must tell them apart.

    Raises:
        InputError: there is nothing at `path`.
    """
    if not path.exists():
        raise InputError(f"{path}: found no file or folder there, expected the data; check the path.")
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in source_files(path)]
    return digest([stats, settings])


def digest(value: Any) -> str:
    """16 hexadecimal digits that stand for `repr(value)`."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


@contextlib.contextmanager
def only_errors_logged() -> Iterator[None]:
    """Spare the user tfds's warning that the configuration is a custom one."""
    verbosity = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.ERROR)
    try:
        yield
    finally:
        absl_logging.set_verbosity(verbosity)
