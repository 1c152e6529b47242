"""Read WITec's TrueMatch text export: sections of a header, an axis and the values of one or more spectra."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.raman_map import build_map
from deeper_jax.maps.spectral_axis import raman_shift

if TYPE_CHECKING:
    import xarray

_SECTION = re.compile(r"\[([A-Za-z_]+)\]\s*$")


def is_truematch(lines: list[str]) -> bool:
    """Whether the lines begin as a TrueMatch file does."""
    return bool(lines) and lines[0].strip() == "[WITEC_TRUEMATCH_ASCII_HEADER]"


def read_truematch(lines: list[str], path: Path) -> "xarray.DataArray":
    """The spectra of a TrueMatch file, one or a list, on the axis of its section XData.

    Raises InputError if the axes differ, or a spectrum is longer or shorter than its axis.
    """
    header: dict[str, str] = {}
    axes: list[np.ndarray] = []
    spectra: list[np.ndarray] = []
    titles: list[str] = []
    for name, body in _sections(lines):
        if name == "XData":
            axes.append(_numbers(body))
        elif name == "SpectrumData":
            values = _numbers(body)
            # Two columns where the axis is written beside the values.
            if not axes or values.size == 2 * axes[-1].size:
                axes.append(values[::2])
                values = values[1::2]
            spectra.append(values)
        else:
            pairs = [line.split("=", 1) for line in body if "=" in line]
            header |= {key.strip(): value.strip() for key, value in pairs}
            titles += [header["Title"]] if name == "SpectrumHeader" and "Title" in header else []
    if not spectra or any(not np.array_equal(a, axes[0]) for a in axes) or {s.size for s in spectra} != {axes[0].size}:
        raise InputError(
            f"{path}: found {len(spectra)} spectra of {sorted({s.size for s in spectra})} values on {len(axes)} axes, "
            "expected whole spectra of one axis; the file is cut short or holds different ranges, export it again."
        )
    laser = header.get("ExcitationWavelength", "")
    shift = raman_shift(axes[0], header.get("XDataKind", ""), float(laser) if laser else None, path)
    dims: tuple[str, ...] = () if len(spectra) == 1 else ("spectrum",)
    coords = {"name": ("spectrum", np.array(titles))} if dims and len(titles) == len(spectra) else {}
    values = np.stack(spectra) if dims else spectra[0]
    return build_map(
        values, shift, dims, coords, path=path, instrument="WITec", title=titles[0] if titles else "", metadata=header
    )


def _sections(lines: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if (match := _SECTION.match(line.strip())) is not None:
            found.append((match[1], []))
        elif found and line.strip():
            found[-1][1].append(line)
    return found


def _numbers(body: list[str]) -> np.ndarray:
    return np.array(" ".join(body).replace(",", ".").split(), np.float64)
