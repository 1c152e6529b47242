"""The kinds of files that hold Raman spectra in one table: name, suffixes, look, reader and writer."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deeper_jax.errors import InputError
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Format:
    """A kind of file.

    name: in messages. suffixes: that it goes by. looks: whether the first 4096 bytes of a file are its own. reader:
    'module:function' below `deeper_jax.maps`, imported when it is needed. own: the module below
    `deeper_jax.maps.formats` with `write(dataset, path)` and `read(path)` for maps that `write_map` writes so.
    several: whether such a file may hold several measurements.
    """

    name: str
    suffixes: tuple[str, ...]
    looks: Callable[[bytes], bool]
    reader: str
    own: str = ""
    several: bool = False

    def read(self, request: Request) -> xarray.DataArray:
        """The spectra of a file of this kind, as `read_map` gives them."""
        module, function = self.reader.split(":")
        return getattr(importlib.import_module(f"deeper_jax.maps.{module}"), function)(request)

    def write_own(self, dataset: xarray.Dataset, path: Path) -> None:
        """Write a map."""
        importlib.import_module(f"deeper_jax.maps.formats.{self.own}").write(dataset, path)

    def read_own(self, path: Path) -> xarray.Dataset | None:
        """What `write_own` wrote; None if the file is none of those."""
        return importlib.import_module(f"deeper_jax.maps.formats.{self.own}").read(path)


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
_NETCDF = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
# The first format whose look fits is the file's; .spc has no mark of its own and goes by its suffix.
FORMATS = (
    Format("Renishaw WiRE", (".wdf",), _begins(b"WDF1"), "vendors.renishaw:read_wdf"),
    Format("WITec project", (".wip", ".wid"), _begins(*_WITEC), "vendors.witec:read_wip", several=True),
    Format("LabSpec XML", (".xml",), _is_labspec_xml, "vendors.labspec:read_labspec_xml"),
    Format("Bruker OPUS", (".0",), _begins(b"\n\n\xfe\xfe"), "vendors.opus:read_opus"),
    Format("NumPy .npy", (".npy",), _begins(b"\x93NUMPY"), "formats.npz:read_npy", several=True),
    Format("NumPy .npz", (".npz",), _begins(b"PK\x03\x04", b"PK\x05\x06"), "formats.npz:read_npz", "npz", True),
    Format("MATLAB", (".mat",), _begins(b"MATLAB 5.0", b"MATLAB 7.3"), "formats.mat:read_mat", "mat", True),
    Format("HDF5", (".h5", ".hdf5", ".nc", ".hdf", ".mat"), _is_hdf5, "formats.hdf5:read_hdf5", "hdf5", True),
    Format(
        "NetCDF",
        (".nc", ".cdf"),
        _begins(b"CDF\x01", b"CDF\x02", b"CDF\x05"),
        "formats.hdf5:read_classic_netcdf",
        several=True,
    ),
    Format("OME-TIFF", (".tif", ".tiff"), _begins(*_TIFF), "formats.tiff:refuse_foreign", "tiff"),
    Format("GRAMS .spc", (".spc",), lambda head: False, "vendors.spc:read_spc"),
    Format("text", (".txt", ".csv", ".tsv", ".asc", ".dat", ".xy", ".prn"), _is_text, "vendors.text:read_text", "csv"),
)
# {suffix: format} of what `write_map` writes.
WRITTEN = {
    suffix: next(form for form in FORMATS if form.own and suffix in form.suffixes)
    for suffix in (".h5", ".hdf5", ".nc", ".npz", ".mat", ".csv", ".tif", ".tiff")
}


def format_of(path: Path) -> Format:
    """The kind of a file by its first bytes and its suffix.

    Raises InputError if it is missing, empty, of another kind than its name says, or of no kind known here.
    """
    if path.is_dir():
        raise InputError(f"{path}: found a folder, expected one file of spectra; give the file inside it.")
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a file of Raman spectra, check the path.")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise InputError(f"{path}: found an empty file, expected spectra; copy or export it again.")
    suffix = ".0" if re.fullmatch(r"\.\d+", path.suffix) else path.suffix.lower()
    by_content = [form for form in FORMATS if form.looks(head)]
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
