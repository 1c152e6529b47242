"""The axes of a map as HyperSpy wants them.

    import hyperspy.api as hs
    signal = hs.signals.Signal1D(data.values, axes=to_hyperspy_axes(data))

HyperSpy is not imported here and need not be installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray

_UNITS = {"um": "µm", "cm-1": "1/cm"}
# A stage's steps and a linear axis written with a few digits are even for all purposes.
_EVEN = 1e-4


def to_hyperspy_axes(data: xarray.DataArray) -> list[dict[str, Any]]:
    """One dictionary a dimension of `data`, in its order; the last one, `wavenumber`, is the signal axis.

    Evenly spaced coordinates become 'offset' and 'scale' (each value kept within a ten-thousandth of a step),
    others 'axis', which HyperSpy 1.7 and later takes; a dimension without a coordinate counts from 0.
    """
    return [_axis(data, str(dim)) for dim in data.dims]


def _axis(data: xarray.DataArray, dim: str) -> dict[str, Any]:
    # Without a coordinate, xarray gives 0, 1, 2 ...
    values = np.asarray(data[dim].values)
    units = data[dim].attrs.get("units", "") if dim in data.coords else ""
    described = {"name": dim, "units": _UNITS.get(units, units), "navigate": dim != "wavenumber"}
    if values.dtype.kind not in "iuf":
        values = np.arange(len(values))
    step = float(values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else 1.0
    even = np.abs(values - (values[0] + step * np.arange(len(values)))).max() <= _EVEN * abs(step)
    if even and step != 0:
        return described | {"size": len(values), "offset": float(values[0]), "scale": step}
    return described | {"axis": values}
