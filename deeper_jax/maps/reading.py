"""Read a Raman map from an instrument's file, an export or an array file, whichever it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.registry import WRITTEN, cannot_be_read, check_is_file, format_of
from deeper_jax.maps.request import Request
from deeper_jax.spectra.axis import read_axis, unusual_range

if TYPE_CHECKING:
    import xarray


def read_map(
    path: str | Path,
    *,
    entry: str | int | None = None,
    wavenumbers: Any = None,
    laser: float | None = None,
    lazy: bool = False,
) -> xarray.DataArray:
    """Read Raman spectra with their coordinates into an `xarray.DataArray` named 'intensity'.

    What had to be decided about a file (which column is the axis, what was merged) is warned of and listed in
    `attrs["notes"]`.

    Args:
        path: a file of an instrument, its export, arrays or text; docs/formats.md lists all that is read.
        entry: the name or number, from 0, of one of several measurements in the file.
        wavenumbers: the spectral axis [L] in cm^-1, or a file that lists it, in place of the file's own; axis.txt
            beside a file of arrays without an axis is taken by itself.
        laser: the laser's wavelength in nm, in place of the file's, for axes that are wavelengths; both in air or
            both in vacuum, see `deeper_jax.spectra.axis.raman_shift`.
        lazy: leave the values of a large map in its file, which stays open, until they are asked for, such as by
            `deeper_jax.enhance`, which then never has all in memory; only of .h5, .hdf5 and .nc that `write_map` wrote,
            any other file is read at once.

    Returns:
        The dimensions (wavenumber) for one spectrum, (spectrum, wavenumber) for a list, (y, x, wavenumber) for a map,
        (distance, wavenumber) for a line scan, (z, wavenumber) or (time, wavenumber) for a series, and
        (z, y, x, wavenumber) or (time, y, x, wavenumber) for a stack of maps; wavenumber is in cm^-1, ascending,
        positions in um, time in s. Places of a scan that was interrupted are NaN. attrs holds units, instrument,
        source_file, title and metadata, a JSON string.

    Raises:
        InputError: the file is missing, empty, damaged, of another kind than its name says or unknown, it holds
            several measurements and `entry` does not say which, or it has no spectral axis.
    """
    path = Path(path)
    form = format_of(path)
    own = read_own(path, lazy=lazy)
    if own is not None:
        return _variable(own, entry, path)
    request = Request(path, entry, _given_axis(wavenumbers), _given_laser(laser))
    try:
        found = form.read(request)
    except InputError:
        raise
    except Exception as error:
        raise cannot_be_read(path, form.name, error) from error
    if not request.chosen:
        request.check_only(found.attrs["title"])
    if (unusual := unusual_range(found["wavenumber"].values)) is not None:
        request.note(unusual)
    return found.assign_attrs(notes="; ".join(request.notes)) if request.notes else found


def read_data_set(path: str | Path, *, lazy: bool = False) -> xarray.Dataset:
    """All variables of a file that `write_map` wrote: of an enhanced map the intensity, the uncertainty and the marks.

    lazy: as for `read_map`.

    Raises InputError if the file is missing, damaged or not one of those.
    """
    found = read_own(path, lazy=lazy)
    if found is None:
        raise InputError(f"{path}: found a file that was not written by deeper_jax; read it with read_map.")
    return found


def read_own(path: str | Path, *, lazy: bool = False) -> xarray.Dataset | None:
    """What `write_map` wrote to `path`; None if the file is not one of those.

    A map that was a DataArray comes as a Dataset without attributes whose one variable it is: take
    `["intensity"]`. A file that is too damaged to show whose it is gives None as well.

    Raises InputError if the file is missing, or is ours but damaged, incomplete or of a later version.
    """
    path = Path(path)
    check_is_file(path, "a map that write_map wrote")
    form = WRITTEN.get(path.suffix.lower())
    if form is None:
        return None
    try:
        return form.read_own(path, lazy=lazy)
    except InputError as error:
        raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from error
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: found a map that cannot be read back ({reason}), expected the file as it was written; "
            "it is damaged, cut short or was changed by another program, copy it again."
        ) from error


def _variable(own: xarray.Dataset, entry: str | int | None, path: Path) -> xarray.DataArray:
    """The intensity of a file of our own, or the variable that `entry` names, with what the file says of itself."""
    names = [str(name) for name in own.data_vars]
    name = names[0] if entry is None else names[entry] if isinstance(entry, int) and entry < len(names) else entry
    if name not in names:
        raise InputError(f"{path}: found no variable {entry!r}, expected one of {', '.join(names)}; give one of these.")
    return own[name].assign_attrs(own.attrs)


def _given_axis(wavenumbers: Any) -> np.ndarray | None:
    if wavenumbers is None:
        return None
    if isinstance(wavenumbers, str | Path):
        check_is_file(Path(wavenumbers), "a list of wavenumbers in cm^-1")
        return read_axis(Path(wavenumbers))
    return np.ma.asarray(wavenumbers, np.float64).filled(np.nan).ravel()


def _given_laser(laser: float | None) -> float | None:
    if laser is None:
        return None
    # Raman lasers reach from the deep ultraviolet to the near infrared.
    if not 150 <= laser <= 3000:
        raise InputError(f"laser: found {laser:g}, expected the laser's wavelength in nm, such as 532; correct it.")
    return float(laser)
