"""Arrays that stay in their HDF5 file until they are asked for, whose chunks are then unpacked by all cores."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from deeper_jax.errors import InputError
from deeper_jax.maps.formats.hdf5_chunks import chunk_pool, is_packed, unpacked_chunk


def readable_by_all_cores(path: Path, variables: Mapping[Any, Any]) -> dict[Any, Any]:
    """Those of a file's variables (`xarray.Variable`) that can be read so, in their place; the file stays open."""
    file = h5py.File(path, "r")
    found = {}
    for name, variable in variables.items():
        if name in file and is_packed(dataset := file[name]) and dataset.shape == variable.shape:
            # Marks are stored as bytes that are 0 or 1.
            if variable.dtype == dataset.dtype or (variable.dtype == bool and dataset.dtype == np.int8):
                array = _InChunks(path, dataset, variable.dtype)
                found[name] = variable._replace(data=indexing.LazilyIndexedArray(array))
    return found


class _InChunks(BackendArray):
    """A dataset of h5py as xarray asks for it."""

    def __init__(self, path: Path, dataset: h5py.Dataset, dtype: np.dtype) -> None:
        self._path, self._dataset = path, dataset
        self.shape, self.dtype = dataset.shape, dtype

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, in this process or in one of dask's, open the file by themselves."""
        return _reopened, (self._path.absolute(), self._dataset.name, self.dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        try:
            return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"{self._path}: found values that cannot be read back ({error}), expected the file as it was written; "
                "it is damaged or was cut short, copy it again."
            ) from error

    def _read(self, key: tuple[int | slice, ...]) -> np.ndarray:
        spans = [
            range(each, each + 1) if isinstance(each, int | np.integer) else range(*each.indices(size))
            for each, size in zip(key, self.shape, strict=True)
        ]
        if any(span.step != 1 or not len(span) for span in spans):
            return self._dataset[key].astype(self.dtype, copy=False)
        found = np.empty([len(span) for span in spans], self.dtype)
        chunks = self._dataset.chunks
        grid = [range(span.start // size * size, span.stop, size) for span, size in zip(spans, chunks, strict=True)]

        def unpack(corner: tuple[int, ...]) -> None:
            skipped, content = self._dataset.id.read_direct_chunk(corner)
            there, here = zip(*map(_overlap, spans, corner, chunks), strict=True)
            if skipped:
                # Stored as it is: HDF5 knows how.
                whole = tuple(slice(first, first + size) for first, size in zip(corner, chunks, strict=True))
                found[there] = self._dataset[whole][here]
            else:
                found[there] = unpacked_chunk(content, chunks, self._dataset.dtype)[here]

        with chunk_pool() as pool:
            list(pool.map(unpack, itertools.product(*grid)))
        return found[tuple(0 if isinstance(each, int | np.integer) else slice(None) for each in key)]


def _reopened(path: Path, name: str, dtype: np.dtype) -> _InChunks:
    return _InChunks(path, h5py.File(path, "r")[name], dtype)


def _overlap(span: range, first: int, size: int) -> tuple[slice, slice]:
    """Where a chunk of so many numbers from `first` on lies in a span, and the span in it."""
    start, stop = max(span.start, first), min(span.stop, first + size)
    return slice(start - span.start, stop - span.start), slice(start - first, stop - first)
