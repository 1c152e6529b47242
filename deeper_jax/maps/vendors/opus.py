"""Read Bruker OPUS files (.0, .1, ...): Raman spectra and series of them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.grid import arrange
from deeper_jax.maps.raman_map import build_map
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

# Keys of the library: Raman spectra, then single-channel and emission ones, as which some instruments store them.
_KEYS = ("ra", "rasm", "sm", "e")
_UNITS = {"WN": "abs 1/cm", "MI": "um", "NM": "nm", "RSH": "", "RAM": "", "": ""}


def read_opus(request: Request) -> xarray.DataArray:
    """The Raman block of an OPUS file; a series has its times, or is a list where it has none.

    The axis is the Raman shift as OPUS writes it for Raman blocks. Raises InputError if the file holds no Raman
    spectrum or is damaged.
    """
    import brukeropus

    path = request.path
    _check_series(path)
    file = brukeropus.OPUSFile(str(path))
    if not file.is_opus:
        raise InputError(f"{path}: found no OPUS file, expected one of Bruker OPUS; check the path.")
    keys = [key for wanted in _KEYS for key in file.all_data_keys if key == wanted or key.startswith(f"{wanted}_")]
    if not keys:
        kinds = ", ".join(sorted(file.all_data_keys)) or "no readable data"
        raise InputError(
            f"{path}: found {kinds} in the OPUS file, expected a Raman spectrum (block 'ra'); save that block, "
            "or copy the file again if it is cut short."
        )
    data = getattr(file, keys[0])
    spectra = np.atleast_2d(np.asarray(data.y))
    if np.ndim(scales := data.params["csf"] if "csf" in data.params.keys() else 1.0) == 1:
        # The library scales lone spectra by this factor, and series not.
        spectra = spectra * np.asarray(scales)[:, None]
    if spectra.shape[1] != data.x.size:
        raise InputError(
            f"{path}: found {spectra.shape[1]} values for {data.x.size} channels, expected as many; "
            "the file is cut short, copy it again."
        )
    arrangement = arrange(len(spectra), _positions(data, len(spectra)))
    unit = str(data.params["dxu"]) if "dxu" in data.params.keys() else ""
    # OPUS calls the Raman shift of a Raman block a wavenumber too.
    unit = "" if keys[0].startswith("ra") and unit == "WN" else _UNITS.get(unit, unit)
    return build_map(
        arrangement.place(spectra),
        request.shift(data.x, unit, _laser(file)),
        arrangement.dims,
        arrangement.coords,
        path=path,
        instrument=f"Bruker {_parameter(file, 'ins') or ''}".strip(),
        title=str(_parameter(file, "snm") or path.stem),
        metadata=_metadata(file, data, keys),
    )


def _check_series(path: Path) -> None:
    """Raises InputError for a series whose spectra have no size: the library would walk on for ever."""
    from brukeropus.file.block import FileBlock
    from brukeropus.file.parse import parse_directory

    content = path.read_bytes()
    directory, most = struct.unpack_from("<2i", content, 12)
    for kind, size, start in parse_directory(content[directory : directory + 12 * most]):
        block = FileBlock(content, kind, size, start)
        if block.is_data_series() and len(block.bytes) >= 24:
            _, _, offset, data_size, info_size = struct.unpack_from("<5i", block.bytes)
            if min(offset, data_size, info_size) < 1:
                raise InputError(
                    f"{path}: found a series of spectra of {data_size} bytes, records of {info_size}, expected both "
                    "above 0; the file is damaged, copy it again."
                )


def _positions(data: Any, count: int) -> dict[str, np.ndarray]:
    """The start times in s of a series, as far as they differ."""
    found = {}
    for key in ("srt", "ert"):
        if key in data.params.keys() and np.size(times := np.asarray(getattr(data.params, key))) == count > 1:
            if len(np.unique(times)) == count:
                found["time"] = times - times[0] if key == "srt" else times
                break
    return found


def _parameter(file: Any, name: str) -> Any:
    return getattr(file.params, name) if name in file.params.keys() else None


def _laser(file: Any) -> float | None:
    """The excitation in nm: OPUS stores the Raman laser's wavenumber (RLW), the other one is the interferometer's."""
    wavenumber = _parameter(file, "rlw")
    return 1e7 / float(wavenumber) if wavenumber else None


def _metadata(file: Any, data: Any, keys: list[str]) -> dict[str, Any]:
    settings = {name: _parameter(file, name) for name in file.params.keys()}
    record = {name: value for name, value in settings.items() if isinstance(value, str | int | float)}
    return record | {"laser_nm": _laser(file), "data_blocks": list(keys)}
