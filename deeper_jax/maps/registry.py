"""The kinds of files that hold Raman spectra in one table: name, suffixes, look, reader and writer."""

from __future__ import annotations

import gzip
import importlib
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deeper_jax.errors import InputError
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

# Formats, as `Format.own` names them, that are read and written in pieces.
IN_PIECES = ("hdf5",)


@dataclass(frozen=True)
class Format:
    """A kind of file.

    name: in messages. suffixes: that it goes by. looks: whether the first 4096 bytes of a file are its own. reader:
    'module:function' below `deeper_jax.maps`, imported when it is needed. own: the module below
    `deeper_jax.maps.formats` with `write(dataset, path)` and `read(path)` for maps that `write_map` writes so.
    """

    name: str
    suffixes: tuple[str, ...]
    looks: Callable[[bytes], bool]
    reader: str
    own: str = ""

    def read(self, request: Request) -> xarray.DataArray:
        """The spectra of a file of this kind, as `read_map` gives them."""
        module, function = self.reader.split(":")
        return getattr(importlib.import_module(f"deeper_jax.maps.{module}"), function)(request)

    def write_own(self, dataset: xarray.Dataset, path: Path) -> None:
        """Write a map."""
        importlib.import_module(f"deeper_jax.maps.formats.{self.own}").write(dataset, path)

    def read_own(self, path: Path, *, lazy: bool = False) -> xarray.Dataset | None:
        """What `write_own` wrote; None if the file is none of those.

        lazy: where the format allows, the values of large variables stay in the file until they are asked for.
        """
        settings = {"lazy": True} if lazy and self.own in IN_PIECES else {}
        return importlib.import_module(f"deeper_jax.maps.formats.{self.own}").read(path, **settings)


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


_WITEC = (b"WIT_PRCT", b"WIT_DATA", b"WIT_PR06", b"WIT_DA06")
_HDF5 = (".h5", ".hdf5", ".nc", ".hdf", ".he5", ".hspy", ".nxs", ".mat")
_TEXT = (".txt", ".csv", ".tsv", ".asc", ".dat", ".xy", ".prn", ".jdx", ".dx", ".jcamp")
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
# The first format whose look fits is the file's; .spc has no mark of its own and goes by its suffix.
FORMATS = (
    Format("Renishaw WiRE", (".wdf",), _begins(b"WDF1"), "vendors.renishaw:read_wdf"),
    Format("WITec project", (".wip", ".wid"), _begins(*_WITEC), "vendors.witec:read_wip"),
    Format("LabSpec XML", (".xml",), _is_labspec_xml, "vendors.labspec:read_labspec_xml"),
    Format("Bruker OPUS", (".0",), _begins(b"\n\n\xfe\xfe"), "vendors.opus:read_opus"),
    Format("NumPy .npy", (".npy",), _begins(b"\x93NUMPY"), "formats.npz:read_npy"),
    Format("NumPy .npz", (".npz",), _begins(b"PK\x03\x04", b"PK\x05\x06"), "formats.npz:read_npz", "npz"),
    Format("MATLAB", (".mat",), _begins(b"MATLAB 5.0", b"MATLAB 7.3"), "formats.mat:read_mat", "mat"),
    Format("HDF5", _HDF5, _is_hdf5, "formats.hdf5:read_hdf5", "hdf5"),
    Format(
        "NetCDF",
        (".nc", ".cdf"),
        _begins(b"CDF\x01", b"CDF\x02", b"CDF\x05"),
        "formats.hdf5:read_classic_netcdf",
    ),
    Format("OME-TIFF", (".tif", ".tiff"), _begins(*_TIFF), "formats.tiff:refuse_foreign", "tiff"),
    Format("GRAMS .spc", (".spc",), lambda head: False, "vendors.spc:read_spc"),
    Format("ENVI", (".hdr",), _begins(b"ENVI"), "formats.envi:read_envi"),
    Format("text", _TEXT, _is_text, "vendors.text:read_text", "csv"),
)
# Files that no reader here knows, by suffix or first bytes, and what to do with them.
_TABLE = "save the spectra as text (.csv or .txt)"
_UNREAD = {
    ".tvf": ("a TriVista file", "export the spectra in VistaControl as text"),
    ".spa": ("a Thermo OMNIC spectrum", "save it in OMNIC as CSV or JCAMP-DX"),
    ".srs": ("a Thermo OMNIC series", "save its spectra in OMNIC as CSV"),
    ".spe": ("a Princeton Instruments file", "export it in LightField or WinSpec as CSV or text"),
    ".sif": ("an Andor Solis file", "export it in Solis as ASCII"),
    ".l6s": ("a LabSpec 6 file", "save it in LabSpec as XML or text"),
    ".l6m": ("a LabSpec 6 map", "save it in LabSpec as XML or text"),
    ".ngs": ("a LabSpec 5 file", "save it in LabSpec as XML or text"),
    ".xls": ("an Excel workbook", _TABLE),
    ".xlsx": ("an Excel workbook", _TABLE),
    ".ods": ("a spreadsheet", _TABLE),
    ".7z": ("an archive", "unpack it and give the file inside"),
    ".rar": ("an archive", "unpack it and give the file inside"),
    ".pkl": ("a pickle, which could run any program and is never opened", "save the arrays with numpy.savez"),
    ".pickle": ("a pickle, which could run any program and is never opened", "save the arrays with numpy.savez"),
}
# {suffix: format} of what `write_map` writes.
WRITTEN = {
    suffix: next(form for form in FORMATS if form.own and suffix in form.suffixes)
    for suffix in (".h5", ".hdf5", ".nc", ".npz", ".mat", ".csv", ".tif", ".tiff")
}

_HAVE_READERS = {suffix for form in FORMATS for suffix in form.suffixes} - {".dat"}


def format_of(path: Path) -> Format:
    """The kind of a file by its first bytes and its suffix.

    Raises InputError if it is missing, empty, of another kind than its name says, or of no kind known here.
    """
    check_is_file(path, "a file of Raman spectra")
    suffix, head = _suffix_and_head(path)
    _refuse_archive(path, suffix, head)
    if (header := envi_header(path)) is not None and header != path and suffix not in _HAVE_READERS:
        return next(form for form in FORMATS if form.name == "ENVI")
    by_content = [form for form in FORMATS if form.looks(head) and not (suffix in _UNREAD and form.name == "text")]
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
    if suffix in _UNREAD:
        found, remedy = _UNREAD[suffix]
        raise InputError(f"{path}: found {found} ('{suffix}'), for which there is no reader here; {remedy}.")
    known = ", ".join(sorted({suffix for form in FORMATS for suffix in form.suffixes}))
    problem = f"whose content is not {by_suffix[0].name}" if by_suffix else "of an unknown kind"
    raise InputError(
        f"{path}: found a '{path.suffix}' file {problem}, expected one of {known}; "
        "export the spectra from the instrument's software as one of these."
    )


def check_is_file(path: Path, expected: str) -> None:
    """Raises InputError saying what is there, if it is not a file that may be read; a pipe is never opened."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink():
            raise InputError(
                f"{path}: found a link that leads nowhere ({error.strerror}), expected {expected}; mend it."
            ) from error
        found = "no such file" if isinstance(error, FileNotFoundError) else f"found nothing usable ({error.strerror})"
        raise InputError(f"{path}: {found}; expected {expected}, check the path.") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: found a folder, expected {expected}; give the file inside it.")
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
        raise InputError(
            f"{path}: found {kinds.get(stat.S_IFMT(mode), 'a device')}, expected {expected}; copy it to one."
        )
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read; change its permissions.")


def envi_header(path: Path) -> Path | None:
    """The ENVI header that is the file or lies beside it: 'map.hdr' of 'map.img', 'map' and 'map.hdr' itself."""
    for header in (path, path.with_suffix(".hdr"), path.with_name(f"{path.name}.hdr")):
        if header.suffix.lower() == ".hdr" and header.is_file():
            with header.open("rb") as file:
                if file.read(4) == b"ENVI":
                    return header
    return None


def _suffix_and_head(path: Path) -> tuple[str, bytes]:
    """The suffix and the first bytes; of a gzipped text those of the text."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise InputError(f"{path}: found an empty file, expected spectra; copy or export it again.")
    suffix = path.suffix.lower()
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(path) as packed:
                head = packed.read(4096)
        except (OSError, EOFError, zlib.error) as error:
            raise cannot_be_read(path, "gzip", error) from error
        suffix = path.with_suffix("").suffix.lower() if suffix == ".gz" else suffix
        if not _is_text(head):
            raise InputError(f"{path}: found a gzipped file that is no text; unpack it and give the file inside.")
    return ".0" if re.fullmatch(r"\.\d+", suffix) else suffix, head


def _refuse_archive(path: Path, suffix: str, head: bytes) -> None:
    """Raises InputError for zip archives and workbooks, which begin as .npz files do."""
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"{path}: found an Excel workbook or another Office file, expected spectra; {_TABLE}.")
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        # An archive cut short: its suffix tells what it was.
        if suffix in _UNREAD or suffix == ".zip":
            raise InputError(f"{path}: found an archive that is damaged or cut short; copy it again.") from None
        return
    if any(name.startswith("xl/") for name in names) or suffix in (".xlsx", ".ods"):
        raise InputError(f"{path}: found an Excel workbook, expected a file of spectra; {_TABLE}.")
    if not names or not all(name.endswith(".npy") for name in names):
        listed = ", ".join(names[:4]) + (" ..." if len(names) > 4 else "") or "nothing"
        raise InputError(f"{path}: found a zip archive of {listed}; unpack it and give the file inside.")


def cannot_be_read(path: Path, kind: str, error: Exception) -> InputError:
    """The error for bytes on which a reader failed; they raise a dozen kinds, which mean the same to the user."""
    if isinstance(error, ImportError):
        return InputError(
            f"{path}: its reader needs the library {error.name}, which is not installed; pip install deeper-jax anew."
        )
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(
        f"{path}: found bytes that cannot be read ({reason}), expected a complete {kind} file; "
        "the file is damaged or cut short, copy or export it again."
    )
