"""Read a Raman map from an instrument's file, an export or an array file, whichever it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps import array_map_files, labspec_xml, opus, renishaw, spc, text_maps, witec_project
from deeper_jax.maps.own_files import read_own
from deeper_jax.spectra.axis import AXIS_FILE, read_axis

if TYPE_CHECKING:
    import xarray

Reader = Callable[[Path, str | int | None, np.ndarray | None], "xarray.DataArray"]


@dataclass(frozen=True)
class Format:
    """A kind of file: its name, the suffixes it goes by, the look of its first bytes, and its reader."""

    name: str
    suffixes: tuple[str, ...]
    starts: Callable[[bytes], bool]
    read: Reader


def _begins(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _is_hdf5(head: bytes) -> bool:
    return any(head[place : place + 4] == b"\x89HDF" for place in (0, 512, 1024, 2048))


def _is_labspec_xml(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") and b"<LSX" in head


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not re.search(rb"[\x00-\x08\x0e-\x1f]", head) and not head.lstrip().startswith(b"<")


def _single(read: Callable[..., Any], *, entry: bool = False) -> Reader:
    """The reader with the arguments that it does not take left out; without `entry` it knows of one measurement."""

    def reader(path: Path, which: str | int | None, _: np.ndarray | None) -> "xarray.DataArray":
        if entry:
            return read(path, which)
        found = read(path)
        if which not in (None, 0, found.attrs["title"]):
            raise InputError(
                f"{path}: found no measurement {which!r}, expected '{found.attrs['title']}', the only one; "
                "leave entry out."
            )
        return found

    return reader


def _foreign_tiff(path: Path, *_: Any) -> "xarray.DataArray":
    raise InputError(
        f"{path}: found a TIFF that was not written by deeper_jax, expected one with wavenumbers; export the spectra "
        "as text, HDF5, .npz or .mat."
    )


# The first format whose look fits is the file's; .spc has no mark of its own and goes by its suffix.
FORMATS = (
    Format("Renishaw WiRE", (".wdf",), _begins(b"WDF1"), _single(renishaw.read_wdf)),
    Format(
        "WITec project",
        (".wip", ".wid"),
        _begins(b"WIT_PRCT", b"WIT_DATA", b"WIT_PR06", b"WIT_DA06"),
        _single(witec_project.read_wip, entry=True),
    ),
    Format("LabSpec XML", (".xml",), _is_labspec_xml, _single(labspec_xml.read_labspec_xml)),
    Format("Bruker OPUS", (".0",), _begins(b"\n\n\xfe\xfe"), _single(opus.read_opus_file)),
    Format("NumPy .npy", (".npy",), _begins(b"\x93NUMPY"), array_map_files.read_npy),
    Format("NumPy .npz", (".npz",), _begins(b"PK\x03\x04", b"PK\x05\x06"), array_map_files.read_npz_or_mat),
    Format("MATLAB", (".mat",), _begins(b"MATLAB 5.0", b"MATLAB 7.3"), array_map_files.read_npz_or_mat),
    Format("HDF5", (".h5", ".hdf5", ".hdf", ".nc", ".mat"), _is_hdf5, array_map_files.read_hdf5),
    Format("NetCDF", (".nc", ".cdf"), _begins(b"CDF\x01", b"CDF\x02", b"CDF\x05"), array_map_files.read_classic_netcdf),
    Format("OME-TIFF", (".tif", ".tiff"), _begins(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"), _foreign_tiff),
    Format("GRAMS .spc", (".spc",), lambda head: False, _single(spc.read_spc)),
    Format(
        "text",
        (".txt", ".csv", ".tsv", ".asc", ".dat", ".xy", ".prn"),
        _is_text,
        _single(text_maps.read_text),
    ),
)


def read_map(path: str | Path, *, entry: str | int | None = None, wavenumbers: Any = None) -> "xarray.DataArray":
    """Read Raman spectra with their coordinates into an `xarray.DataArray` named 'intensity'.

    path: a file of Renishaw WiRE (.wdf), WITec (.wip, .wid, its MATLAB and text exports), Horiba LabSpec (.xml,
    .txt), GRAMS (.spc), Bruker OPUS (.0, .1, ...), arrays (.mat, .npz, .npy, .h5, .nc) or text (.csv, .txt).
    entry: the name or number, from 0, of one of several measurements in the file. wavenumbers: the spectral axis
    [L] in cm^-1, or a file that lists it, for files that have none; axis.txt beside the file is taken by itself.

    Returns the dimensions (wavenumber) for one spectrum, (spectrum, wavenumber) for a list, (y, x, wavenumber)
    for a map, (distance, wavenumber) for a line scan, (z, wavenumber) or (time, wavenumber) for a series, and
    (z, y, x, wavenumber) or (time, y, x, wavenumber) for a stack of maps; wavenumber is in cm^-1, ascending,
    positions in um, time in s. Places of a scan that was interrupted are NaN. attrs holds units, instrument,
    source_file, title and metadata, a JSON string.

    Raises InputError if the file is missing, empty, damaged, of another kind than its name says or unknown, if it
    holds several measurements and `entry` does not say which, and if it has no spectral axis.
    """
    path = Path(path)
    form = _format_of(path)
    own = read_own(path)
    if own is not None:
        return _variable(own, entry, path)
    axis = None
    if form.read in _TAKE_AXIS:
        axis = _given_axis(path, wavenumbers)
    try:
        return form.read(path, entry, axis)
    except InputError:
        raise
    # The readers raise a dozen kinds of error on damaged bytes; all mean the same to the user.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: found bytes that cannot be read ({reason}), expected a complete {form.name} file; "
            "the file is damaged or cut short, copy or export it again."
        ) from error


def read_data_set(path: str | Path) -> "xarray.Dataset":
    """All variables of a file that `write_map` wrote: of an enhanced map the intensity, the uncertainty and the marks.

    Raises InputError if the file is missing, damaged or not one of those.
    """
    found = read_own(path)
    if found is None:
        raise InputError(f"{path}: found a file that was not written by deeper_jax; read it with read_map.")
    return found


def _variable(own: "xarray.Dataset", entry: str | int | None, path: Path) -> "xarray.DataArray":
    """The intensity of a file of our own, or the variable that `entry` names, with what the file says of itself."""
    names = [str(name) for name in own.data_vars]
    name = names[0] if entry is None else names[entry] if isinstance(entry, int) and entry < len(names) else entry
    if name not in names:
        raise InputError(f"{path}: found no variable {entry!r}, expected one of {', '.join(names)}; give one of these.")
    return own[name].assign_attrs(own.attrs)


_TAKE_AXIS = (
    array_map_files.read_npy,
    array_map_files.read_npz_or_mat,
    array_map_files.read_hdf5,
    array_map_files.read_classic_netcdf,
)


def _format_of(path: Path) -> Format:
    if path.is_dir():
        raise InputError(f"{path}: found a folder, expected one file of spectra; give the file inside it.")
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a file of Raman spectra, check the path.")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise InputError(f"{path}: found an empty file, expected spectra; copy or export it again.")
    suffix = ".0" if re.fullmatch(r"\.\d+", path.suffix) else path.suffix.lower()
    by_content = [form for form in FORMATS if form.starts(head)]
    by_suffix = [form for form in FORMATS if suffix in form.suffixes]
    both = [form for form in by_content if form in by_suffix]
    if both:
        return both[0]
    if by_content and by_suffix:
        raise InputError(
            f"{path}: found a {by_content[0].name} file by its content, expected {by_suffix[0].name} as its suffix "
            f"'{path.suffix}' says; rename it to {by_content[0].suffixes[0]}, or export it as what the name says."
        )
    if suffix in (".spc", ".mat"):
        # These may have no mark at their beginning.
        return by_suffix[0]
    if by_content:
        return by_content[0]
    known = ", ".join(sorted({suffix for form in FORMATS for suffix in form.suffixes}))
    problem = f"whose content is not {by_suffix[0].name}" if by_suffix else "of an unknown kind"
    raise InputError(
        f"{path}: found a '{path.suffix}' file {problem}, expected one of {known}; "
        "export the spectra from the instrument's software as one of these."
    )


def _given_axis(path: Path, wavenumbers: Any) -> np.ndarray | None:
    if wavenumbers is None:
        return read_axis(path.parent / AXIS_FILE)
    if isinstance(wavenumbers, str | Path):
        axis = read_axis(Path(wavenumbers))
        if axis is None:
            raise InputError(f"{wavenumbers}: no such file; expected a list of wavenumbers in cm^-1, check the path.")
        return axis
    return np.asarray(wavenumbers, np.float64).ravel()
