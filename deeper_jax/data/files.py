"""Read and write pairs of noisy and clean spectra: DeepeR's folders, simulated folders, one file a cell."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.data.map_files import NOISY_FOLDER, TARGET_FOLDER, check_same_axis, map_files, read_map_pairs
from deeper_jax.data.spectral_pairs import (
    SpectralPairs,
    build_pairs,
    join_cells,
    with_cell_sizes,
    with_image_shape,
)
from deeper_jax.errors import InputError
from deeper_jax.maps.array_files import ARRAY_SUFFIXES, find_array, find_optional, plain_key, read_arrays
from deeper_jax.maps.names import AXES, WAVELENGTHS, rank_of
from deeper_jax.spectra.axis import AXIS_FILE, read_axis

__all__ = ["SpectralPairs", "read_pairs"]

SPLITS = ("train", "validation", "test")
CELLS_FILE = "cells.json"
_NOISY_KEYS = ("noisy", "low", "inputs", "input", "Train_Inputs", "Test_Inputs")
_TARGET_KEYS = ("target", "high", "outputs", "output", "Train_Outputs", "Test_Outputs")
_AXIS_KEYS = ("wavenumbers", "wavenumber", "axis")


def read_pairs(
    path: str | Path,
    *,
    image_shape: tuple[int, int] | None = None,
    cell_sizes: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, SpectralPairs]:
    """Read paired spectra: {'train', 'validation', 'test'} as far as present, or {'all'} without splits.

    path: (a) a folder in DeepeR's layout (Train_Inputs.mat, Train_Outputs.mat, Test_..., axis.txt optional);
    (b) the same plus Train_Truth.mat and cells.json, as `writing.write_pairs` leaves it; (c) one .npz or .mat file
    with noisy/target, low/high or Inputs/Outputs of [N, L] or [H, W, L], optional wavenumbers, cell,
    image_shape and truth; (d) a folder of such files, one cell a file; (e) a folder with the folders `noisy` and
    `target`, in which maps of one name, in any format that `read_map` knows, are one cell.

    image_shape: (H, W) of every cell whose file does not say it. cell_sizes: rows of each consecutive cell,
    by split, for files that do not say it: DeepeR's own files do not, so without `cell_sizes` each of their
    splits counts as one cell. A descending axis is reversed, and the spectra with it.
    Raises InputError, before any other work, if anything is missing, damaged or contradictory.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; expected Train_Inputs.mat and its like, check the path.")
    if path.is_file():
        splits = {"all": _read_pair_file(path)}
    elif _split_files(path):
        splits = _read_deeper_folder(path)
    elif any((path / name).is_dir() for name in (NOISY_FOLDER, TARGET_FOLDER)):
        splits = {"all": _joined(read_map_pairs(path), list(map_files(path / NOISY_FOLDER).values()), path)}
    else:
        splits = {"all": _read_cell_files(path)}
    unknown = sorted(set(cell_sizes or ()) - set(splits))
    if unknown:
        raise InputError(
            f"cell_sizes: found the splits {unknown}, expected some of {sorted(splits)} for {path}; correct the names."
        )
    return {
        name: with_image_shape(with_cell_sizes(pairs, (cell_sizes or {}).get(name), name), image_shape)
        for name, pairs in splits.items()
    }


def _split_files(folder: Path) -> dict[str, dict[str, Path]]:
    """{'train': {'inputs': path, 'outputs': path, 'truth': path}, ...} as far as present, in any case."""
    by_name = {plain_key(item.stem): item for item in sorted(folder.glob("*")) if item.suffix.lower() == ".mat"}
    kinds = ("inputs", "outputs", "truth")
    found = {split: {kind: by_name[split + kind] for kind in kinds if split + kind in by_name} for split in SPLITS}
    return {split: files for split, files in found.items() if files}


def _read_deeper_folder(folder: Path) -> dict[str, SpectralPairs]:
    axis = read_axis(folder / AXIS_FILE)
    record = _read_record(folder / CELLS_FILE)
    splits = {}
    for split, files in _split_files(folder).items():
        for kind in ("inputs", "outputs"):
            if kind not in files:
                raise InputError(
                    f"{folder}: found {', '.join(sorted(file.name for file in files.values()))}, expected "
                    f"{split.capitalize()}_{kind.capitalize()}.mat beside it; add the missing file."
                )
        arrays = {kind: _read_spectra(path, kind) for kind, path in files.items()}
        source = f"{files['inputs']} and its {split.capitalize()}_Outputs"
        if axis is not None:
            source += f" with {AXIS_FILE}"
        pairs = build_pairs(arrays["inputs"], arrays["outputs"], arrays.get("truth"), axis, source=source, name=split)
        splits[split] = _with_record(replace(pairs, source=str(folder)), record, split, folder / CELLS_FILE)
    _check_lengths_agree({pairs.noisy.shape[1] for pairs in splits.values()}, folder)
    return splits


def _check_lengths_agree(lengths: set[int], folder: Path) -> None:
    if len(lengths) > 1:
        raise InputError(
            f"{folder}: found spectra of {sorted(lengths)} channels, expected one length in all files; "
            "resample them to one axis."
        )


def _read_spectra(path: Path, kind: str) -> np.ndarray:
    names = (path.stem, kind, kind.rstrip("s"), "data")
    return find_array(read_arrays(path), names, path, only_one=True)


def _read_pair_file(path: Path) -> SpectralPairs:
    arrays = read_arrays(path)
    _refuse_wavelengths(arrays, path)
    pairs = build_pairs(
        find_array(arrays, _NOISY_KEYS, path),
        find_array(arrays, _TARGET_KEYS, path),
        find_optional(arrays, ("truth",)),
        find_optional(arrays, _AXIS_KEYS),
        source=str(path),
        name=path.stem,
    )
    pairs = _with_cell_labels(pairs, find_optional(arrays, ("cell", "cells")))
    shape = find_optional(arrays, ("image_shape",))
    if shape is None:
        return pairs
    if shape.size != 2:
        raise InputError(
            f"{path}: found image_shape {shape.ravel().tolist()}, expected two numbers (H, W); correct it."
        )
    return with_image_shape(pairs, (int(shape.ravel()[0]), int(shape.ravel()[1])))


def _refuse_wavelengths(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Raise InputError if the only axis of a file is called wavelengths."""
    names = [name for name in arrays if rank_of(name, AXES) == WAVELENGTHS]
    if names and find_optional(arrays, _AXIS_KEYS) is None:
        raise InputError(
            f"{path}: found the axis '{names[0]}', expected 'wavenumbers' in cm^-1; convert it, 1e7 / laser - 1e7 / "
            "wavelength of both in nm, and save it under that name."
        )


def _with_cell_labels(pairs: SpectralPairs, labels: np.ndarray | None) -> SpectralPairs:
    if labels is None:
        return pairs
    if labels.size != len(pairs):
        raise InputError(
            f"{pairs.source}: found {labels.size} entries under 'cell', expected {len(pairs)}, one a "
            "spectrum; "
            "correct it."
        )
    names, index = np.unique(labels.ravel(), return_inverse=True)
    cell_names = tuple(str(name).strip() for name in names)
    whole_raster = len(names) == 1 and pairs.image_shapes
    shapes = {cell_names[0]: pairs.image_shapes[pairs.cell_names[0]]} if whole_raster else {}
    return replace(pairs, cell=index.astype(np.int32), cell_names=cell_names, image_shapes=shapes)


def _read_cell_files(folder: Path) -> SpectralPairs:
    files = [item for item in sorted(folder.iterdir()) if item.suffix.lower() in ARRAY_SUFFIXES]
    if not files:
        raise InputError(
            f"{folder}: found no .mat or .npz file, expected Train_Inputs.mat and Train_Outputs.mat, one file of "
            f"paired spectra a cell, or the folders {NOISY_FOLDER} and {TARGET_FOLDER} of maps; check the folder."
        )
    return _joined([_read_pair_file(file) for file in files], files, folder)


def _joined(cells: Sequence[SpectralPairs], files: Sequence[Path], folder: Path) -> SpectralPairs:
    for file, pairs in zip(files, cells, strict=True):
        check_same_axis(cells[0].wavenumbers, files[0], pairs.wavenumbers, file)
    _check_lengths_agree({pairs.noisy.shape[1] for pairs in cells}, folder)
    return join_cells(cells, [file.stem for file in files], str(folder))


def _read_record(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text())
        if not isinstance(record["splits"], dict):
            raise TypeError("'splits' is no object")
        return record
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _bad_record(path, error) from error


def _bad_record(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path}: found a damaged cell list ({type(error).__name__}: {error}), expected the file written "
        "with the "
        "data; restore it, or remove it to treat each split as one cell."
    )


def _with_record(pairs: SpectralPairs, record: dict[str, Any] | None, split: str, path: Path) -> SpectralPairs:
    """Cells, image shapes and steps as cells.json tells them."""
    if record is None or split not in record["splits"]:
        return pairs
    try:
        cells = record["splits"][split]["cells"]
        names, sizes = tuple(str(cell["name"]) for cell in cells), [int(cell["rows"]) for cell in cells]
        shapes = {c["name"]: (int(c["image_shape"][0]), int(c["image_shape"][1])) for c in cells if c["image_shape"]}
        firsts = [int(cell["first_row"]) for cell in cells]
        steps = tuple(dict(step) for step in record["splits"][split].get("steps", ()))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _bad_record(path, error) from error
    contiguous = firsts == [sum(sizes[:i]) for i in range(len(sizes))]
    rasters = all(shapes[n][0] * shapes[n][1] == size for n, size in zip(names, sizes, strict=True) if n in shapes)
    if not contiguous or sum(sizes) != len(pairs) or not rasters or len(set(names)) < len(names):
        raise InputError(
            f"{path}: found cells of {sum(sizes)} rows in split '{split}' that do not fit its {len(pairs)} "
            "spectra, "
            "expected consecutive cells with whole rasters; write the data again."
        )
    cell = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    return replace(
        pairs,
        cell=cell,
        cell_names=names,
        image_shapes=shapes,
        steps=steps,
        simulated=bool(record.get("simulated", False)),
    )
