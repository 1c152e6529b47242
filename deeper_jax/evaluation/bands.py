"""Error by wavenumber: which Raman bands a method gets right."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deeper_jax.evaluation.statistics import Summary, summarise
from deeper_jax.evaluation.super_resolution import SuperResolutionRow

BANDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "nucleic acids 785": (770.0, 800.0),
        "phenylalanine 1003": (993.0, 1013.0),
        "phosphate 1090": (1075.0, 1105.0),
        "amide III 1260": (1230.0, 1290.0),
        "lipids 1301": (1291.0, 1315.0),
        "CH2/CH3 1450": (1430.0, 1470.0),
        "amide I 1660": (1635.0, 1685.0),
        "silent region": (1720.0, 1800.0),
    }
)
"""First and last wavenumber of each band group in cm^-1; the last holds no band of biology, so noise alone."""


class BandRow(NamedTuple):
    """MSE of one method over one band group, as a summary over images; `channels` is how many it holds."""

    method: str
    band: str
    low: float
    high: float
    channels: int
    mse: Summary


def band_channels(wavenumbers: npt.ArrayLike) -> dict[str, npt.NDArray[np.int_]]:
    """Channel indices of each group of `BANDS` that the axis `[L]` (cm^-1) holds any channel of."""
    axis = np.asarray(wavenumbers, np.float64)
    found = {name: np.flatnonzero((axis >= low) & (axis <= high)) for name, (low, high) in BANDS.items()}
    return {name: channels for name, channels in found.items() if channels.size}


def band_errors(rows: Sequence[SuperResolutionRow], wavenumbers: npt.ArrayLike) -> list[BandRow]:
    """Mean MSE of each method in each band group, methods in the order of the rows.

    Args:
        rows: with `channel_mse`, all on one axis.
        wavenumbers: that axis, `[L]` in cm^-1.

    Raises:
        ValueError: a row's `channel_mse` does not have L entries.
    """
    length = np.size(wavenumbers)
    if any(len(row.channel_mse) != length for row in rows):
        raise ValueError(f"the rows' channel errors do not fit an axis of {length} wavenumbers")
    result = []
    for method in dict.fromkeys(row.method for row in rows):
        errors = np.array([row.channel_mse for row in rows if row.method == method])
        for band, channels in band_channels(wavenumbers).items():
            values = errors[:, channels].mean(axis=1)
            result.append(BandRow(method, band, *BANDS[band], channels.size, summarise(values)))
    return result
