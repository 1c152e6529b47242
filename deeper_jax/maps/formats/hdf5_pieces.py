"""A map written to HDF5 in pieces: its large arrays grow spectrum by spectrum and never lie in memory whole."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deeper_jax.maps.formats.description import plain_attrs
from deeper_jax.maps.formats.hdf5 import PACKED, chunk_of, write
from deeper_jax.maps.formats.hdf5_chunks import chunk_pool, packed_chunk

if TYPE_CHECKING:
    import xarray


class _Chunk(NamedTuple):
    """Where a chunk lies in the array, its first spectrum, and the one after its last."""

    place: tuple[int, ...]
    start: int
    stop: int


class _Part(NamedTuple):
    """Consecutive spectra of every array, as they arrived."""

    start: int
    stop: int
    values: Mapping[str, np.ndarray]

    def rows(self, name: str, chunk: _Chunk) -> np.ndarray:
        """Those that are in a chunk."""
        return self.values[name][max(chunk.start - self.start, 0) : chunk.stop - self.start]


class Hdf5Pieces:
    """A file in the making; it is what `hdf5.write` makes of the whole map, once it is finished.

    Attributes:
        names: of the arrays that grow.
    """

    def __init__(self, path: Path, template: xarray.Dataset) -> None:
        """Begin the file.

        Args:
            path: a new file.
            template: data variables [..., L] of one shape, float32, float64 or bool, whose values do not matter, with
                their attributes and coordinates.
        """
        import h5netcdf
        import h5py

        self.names = [str(name) for name in template.data_vars]
        self._path, self._reached, self._next = path, 0, 0
        shape = template[self.names[0]].shape
        self._spectra, self._length = int(np.prod(shape[:-1], dtype=int)), shape[-1]
        self._shape = chunk_of(shape)
        self._chunks = _chunks_of(shape, self._shape)
        with h5netcdf.File(path, "w") as file:
            file.dimensions = {str(name): size for name, size in template.sizes.items()}
            for name, variable in template.variables.items():
                if name in self.names:
                    _create(file, str(name), variable, self._shape, _coordinates(template, variable))
        self._file = h5py.File(path, "r+")
        # Looked up once: h5py takes a millisecond for each.
        self._arrays = {name: self._file[name].id for name in self.names}
        self._dtypes = {name: template[name].dtype for name in self.names}
        # What arrived of the spectra and fills no chunk yet.
        self._parts: list[_Part] = []
        # What is being packed.
        self._begun: list[tuple[str, _Chunk, Future[bytes]]] = []
        self._pool = chunk_pool()

    def put(self, rows: slice | np.ndarray, values: Mapping[str, np.ndarray]) -> None:
        """Append spectra.

        Args:
            rows: their places among all, in rising order and beyond those that were put before; those that are left
                out become NaN, or false.
            values: [n, L] by name, all of `names`.
        """
        stop = rows.stop if isinstance(rows, slice) else int(rows[-1]) + 1
        found = {name: values[name] for name in self.names}
        if not isinstance(rows, slice) or rows.start != self._reached:
            places = slice(rows.start - self._reached, None) if isinstance(rows, slice) else rows - self._reached
            for name, each in found.items():
                dtype = self._dtypes[name]
                found[name] = np.full((stop - self._reached, each.shape[1]), _nothing(dtype), dtype)
                found[name][places] = each
        self._parts.append(_Part(self._reached, stop, found))
        self._reached = stop
        self._pack_full_chunks()

    def finish(self, dataset: xarray.Dataset) -> None:
        """Complete the file.

        Args:
            dataset: all of the map; of the arrays that grew the values do not matter.
        """
        nothing = {name: np.full((1, self._length), _nothing(dtype)) for name, dtype in self._dtypes.items()}
        while self._reached < self._spectra:
            self.put(np.array([min(self._reached + (1 << 12), self._spectra) - 1]), nothing)
        self._write_packed()
        self.close()
        write(dataset, self._path, beside=self.names)

    def close(self) -> None:
        """Close the file as it is."""
        self._pool.shutdown()
        self._arrays.clear()
        self._file.close()

    def _pack_full_chunks(self) -> None:
        """Begin to pack what is complete, and write what was begun before."""
        begun = self._next
        while self._next < len(self._chunks) and self._chunks[self._next].stop <= self._reached:
            self._next += 1
        jobs = [(name, chunk) for name in self.names for chunk in self._chunks[begun : self._next]]
        packed = [self._pool.submit(self._packed, name, self._rows(name, chunk)) for name, chunk in jobs]
        self._write_packed()
        self._begun = [(name, chunk, content) for (name, chunk), content in zip(jobs, packed, strict=True)]
        if self._next < len(self._chunks):
            wanted = self._chunks[self._next].start
            self._parts = [part for part in self._parts if part.stop > wanted]

    def _write_packed(self) -> None:
        for name, chunk, content in self._begun:
            self._arrays[name].write_direct_chunk(chunk.place, content.result())
        self._begun = []

    def _rows(self, name: str, chunk: _Chunk) -> list[np.ndarray]:
        """The spectra of a chunk, as they arrived."""
        return [part.rows(name, chunk) for part in self._parts if part.start < chunk.stop and part.stop > chunk.start]

    def _packed(self, name: str, rows: list[np.ndarray]) -> bytes:
        """A whole chunk; 0 where it reaches beyond the map."""
        beyond = int(np.prod(self._shape[:-1], dtype=int)) - sum(map(len, rows))
        if beyond:
            rows = [*rows, np.zeros((beyond, self._length), self._dtypes[name])]
        return packed_chunk(np.concatenate(rows, dtype=self._dtypes[name], casting="same_kind"))


def _create(file: Any, name: str, variable: Any, chunk: tuple[int, ...], coordinates: str) -> None:
    """An empty array as xarray would create it."""
    dtype = np.dtype(np.int8) if variable.dtype.kind == "b" else variable.dtype
    packed = {"compression": "gzip", "compression_opts": PACKED["complevel"], "shuffle": True}
    made = file.create_variable(name, variable.dims, dtype, chunks=chunk, fillvalue=None, **packed)
    attrs = plain_attrs(variable.attrs) | ({"coordinates": coordinates} if coordinates else {})
    made.attrs.update(attrs | ({"dtype": "bool"} if variable.dtype.kind == "b" else {}))


def _coordinates(template: Any, variable: Any) -> str:
    """The coordinates that lie along the variable's dimensions and are not named as these, as NetCDF lists them."""
    beside = set(template.coords) - set(template.dims)
    return " ".join(sorted(str(name) for name in beside if set(template[name].dims) <= set(variable.dims)))


def _chunks_of(shape: tuple[int, ...], chunk: tuple[int, ...]) -> list[_Chunk]:
    """All chunks of an array, in the order of their spectra, which follow one another in each."""
    grid, sizes = shape[:-1], chunk[:-1]
    found = []
    for index in np.ndindex(*(-(-length // size) for length, size in zip(grid, sizes, strict=True))):
        place = tuple(number * size for number, size in zip(index, sizes, strict=True))
        start = int(np.ravel_multi_index(place, grid)) if place else 0
        inside = [min(size, length - at) for at, size, length in zip(place, sizes, grid, strict=True)]
        found.append(_Chunk((*place, 0), start, start + int(np.prod(inside, dtype=int))))
    return found


def _nothing(dtype: np.dtype) -> Any:
    return False if dtype.kind == "b" else np.nan
