"""Read Horiba LabSpec files saved as .xml (LSX): spectra, maps (also rotated), lines, depth and time series, stacks.

The file is a tree of <LSX> elements named by ID, found by looking at exported files, and a matrix of rows, one a
spectrum. The axes are numbered: 0 the intensity, 1 the spectral axis, 2 and on the scan, the lowest one fastest.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.grid import scan_form
from deeper_jax.maps.raman_map import build_map, empty_to_missing
from deeper_jax.maps.request import Request

if TYPE_CHECKING:
    import xarray

_AXES = ("0x7A74D9D6", "0x7B697861")
_TYPE, _UNIT, _VALUES, _PARENT_AXIS = "0x6D707974", "0x7C696E75", "0x7D6CD4DB", "0x6D6261D8"
_TITLE, _ANGLES, _RECORD = "0x6C7469D9", "0x6C676EC6", "0x6C62D4D9"
_NAME, _VALUE, _NUMBER = "0x6D6D616E", "0x7D6C61DB", "0x8736F70"


def read_labspec_xml(request: Request) -> xarray.DataArray:
    """The measurement of a LabSpec .xml file.

    A map that LabSpec rotated keeps its own directions as x and y; x_stage and y_stage are these turned by the
    file's angle, counter-clockwise about the origin of the map's coordinates. Raises InputError if the file is
    damaged or holds no spectrum.
    """
    path = request.path
    root = ElementTree.parse(path).getroot()
    tree, matrix = root.find("LSX_Tree"), root.find("LSX_Matrix")
    axes_root = _child(_child(tree, _AXES[0]), _AXES[1])
    if tree is None or matrix is None or axes_root is None:
        raise InputError(
            f"{path}: found no LabSpec spectrum in the XML, expected LSX_Tree and LSX_Matrix; save it again."
        )
    axes = {int(_id(axis), 16): axis for axis in axes_root}
    record = _record(tree)
    laser = _number(record.get("Laser (nm)"))
    shift = request.shift(_numbers(_child(axes[1], _VALUES)), _text(axes[1], _UNIT), laser)
    rows = empty_to_missing(_rows(matrix, shift.size, path))
    scan = [
        (_axis_name(axes[key]), _text(axes[key], _UNIT), _numbers(_child(axes[key], _VALUES)))
        for key in sorted(axes)
        if key > 1
    ]
    angle = _text(_child(tree, _ANGLES), "0x0")
    values, dims, coords, units = scan_form(rows, scan, float(angle) if angle else 0.0, path)
    return build_map(
        values,
        shift,
        dims,
        coords,
        path=path,
        instrument=f"Horiba {record.get('Instrument', 'LabSpec')}",
        title=_text(tree, _TITLE),
        units="counts" if _text(axes[0], _UNIT).lower() in ("cnt", "counts") else _text(axes[0], _UNIT) or "a.u.",
        metadata=record | {"laser_nm": laser, "map_angle_degrees": math.degrees(float(angle)) if angle else 0.0},
        position_units=units,
    )


def _id(element: ElementTree.Element) -> str:
    return element.get("ID", "")


def _child(element: ElementTree.Element | None, identity: str) -> ElementTree.Element | None:
    if element is None:
        return None
    return next((child for child in element if _id(child).lower() == identity.lower()), None)


def _text(element: ElementTree.Element | None, identity: str) -> str:
    child = _child(element, identity)
    return "" if child is None or child.text is None else child.text.strip()


def _numbers(element: ElementTree.Element | None) -> np.ndarray:
    text = "" if element is None or element.text is None else element.text
    return np.array(text.replace(",", ".").split(), np.float64)


def _number(text: str | None) -> float | None:
    try:
        return float(str(text).replace(",", "."))
    except ValueError:
        return None


def _axis_name(axis: ElementTree.Element) -> str:
    """'X', 'Y', 'Z', 'Time' ...; an axis of a rotated map ('XA') by the stage axis that it was turned from."""
    return _text(axis, _PARENT_AXIS) or _text(axis, _TYPE)


def _rows(matrix: ElementTree.Element, length: int, path: Path) -> np.ndarray:
    rows = [_numbers(row) for row in matrix.iter("LSX_Row")]
    if not rows or {row.size for row in rows} != {length}:
        raise InputError(
            f"{path}: found rows of {sorted({row.size for row in rows})} values, expected spectra of {length}, as long "
            "as the spectral axis; the file is damaged, save it again."
        )
    return np.stack(rows)


def _record(tree: ElementTree.Element) -> dict[str, Any]:
    """{name: value} of the settings; the exact number where a setting has one beside its label (Laser 633: 632.817)."""
    settings: dict[str, Any] = {}
    record = _child(tree, _RECORD)
    for entry in [] if record is None else record.iter("LSX"):
        name, value, number = _text(entry, _NAME), _text(entry, _VALUE), _text(entry, _NUMBER)
        if name and (value or number):
            exact = name in ("Laser (nm)", "Spectro (nm)") and number
            settings.setdefault(name, number if exact else value)
    return settings
