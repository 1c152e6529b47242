"""Read the MATLAB files that WITec Project exports: one structure (a PLS_Toolbox dataset) for each measurement."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.io

from deeper_jax.errors import InputError
from deeper_jax.maps.entries import choose_entry
from deeper_jax.maps.raman_map import build_map, empty_to_missing
from deeper_jax.maps.spectral_axis import raman_shift

if TYPE_CHECKING:
    import xarray


def read_witec_structure(path: Path, entry: str | int | None) -> "xarray.DataArray | None":
    """The measurement of a .mat file that holds structures with 'data' and 'axisscale'; None if it holds none.

    data: [N, L], the first dimension of imagesize varying fastest; imagesize: [rows, columns] of a map; axisscale:
    the spectral axis and its unit; imageaxisscale: y and x. Raises InputError if several fit and `entry` is None.
    """
    # WITec's structures are of the class 'dataset'; plain ones from a script will do as well.
    plain = {"double", "single", "char", "logical", "sparse", "cell"} | {
        f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)
    }
    if {kind for _, _, kind in scipy.io.whosmat(path)} <= plain:
        return None
    content = scipy.io.loadmat(path)
    found = {name: value[0, 0] for name, value in content.items() if _is_dataset(value)}
    if not found:
        return None
    names = list(found)
    name = names[choose_entry(names, [value["data"].size for value in found.values()], entry, path)]
    data = found[name]
    spectra = empty_to_missing(np.atleast_2d(data["data"]))
    axis, unit = data["axisscale"][1]
    if axis.size != spectra.shape[1]:
        raise InputError(
            f"{path}: found {axis.size} places on the axis of '{name}' for spectra of {spectra.shape[1]} channels, "
            "expected as many; export it from WITec again."
        )
    values, dims, coords, units = _form(data, spectra)
    return build_map(
        values,
        raman_shift(axis.ravel(), _text(unit), None, path),
        dims,
        coords,
        path=path,
        instrument="WITec",
        title=_text(data["name"]) if "name" in data.dtype.names else name,
        units="a.u.",
        metadata={"entries": names, "date": [float(part) for part in np.ravel(data["date"])]}
        if "date" in data.dtype.names
        else {},
        position_units=units,
    )


def _is_dataset(value: object) -> bool:
    if not isinstance(value, np.ndarray) or value.size != 1:
        return False
    return {"data", "axisscale"} <= set(value.dtype.names or ())


def _text(value: Any) -> str:
    return str(np.ravel(value)[0]).strip() if np.size(value) else ""


def _form(data: Any, spectra: np.ndarray) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any], str]:
    size = np.ravel(data["imagesize"]).astype(int) if "imagesize" in data.dtype.names else np.zeros(0, int)
    if len(spectra) == 1:
        return spectra[0], (), {}, "um"
    if size.size != 2 or size.prod() != len(spectra):
        return spectra, ("spectrum",), {}, "um"
    scales = (
        [np.ravel(data["imageaxisscale"][place, 0]) for place in (0, 1)] if "imageaxisscale" in data.dtype.names else []
    )
    known = len(scales) == 2 and all(scale.size == n for scale, n in zip(scales, size, strict=True))
    y, x = scales if known else [np.arange(float(n)) for n in size]
    units = "um" if known else "pixel"
    cube = spectra.reshape(size[0], size[1], -1, order="F")
    if 1 in size:
        along = y if size[0] > 1 else x
        return spectra, ("distance",), {"distance": along - along[0]}, units
    return cube, ("y", "x"), {"y": y, "x": x}, units
