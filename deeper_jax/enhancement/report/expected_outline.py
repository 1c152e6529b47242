"""What the figures of a page will probably be told of a map, known before it is enhanced."""

import math
from typing import TYPE_CHECKING

import numpy as np

from deeper_jax.enhancement.finer_map import check_refinable
from deeper_jax.enhancement.report.comparison import Explored, finer_positions, positions_of, unit_of
from deeper_jax.enhancement.report.embedded_spectra import outline_of
from deeper_jax.enhancement.report.explorer_outline import Outline
from deeper_jax.spectra.raster import Raster, finer_coordinates

if TYPE_CHECKING:
    import xarray

# That a map usually has.
_COMPONENTS = 8


def expected_outline(measured: "xarray.DataArray", scales: tuple[int, int]) -> Outline:
    """That of a map whose spectra have something in common, and of which no channel is left out.

    Args:
        measured: [..., wavenumber]; values are not looked at.
        scales: how many times finer the answer is in y and in x.

    Raises:
        InputError: it cannot be made finer.
    """
    coarse = fine = positions_of(measured)
    if scales != (1, 1):
        raster = Raster.of(scales)
        check_refinable(measured, raster)
        coarse = tuple(each._replace(name=f"{each.name}_measured") for each in coarse)
        places = [measured[each].values for each in measured.dims[:-1]]
        finer = [
            (each.name, finer_coordinates(known, step, offset))
            for each, known, step, offset in zip(fine, places, raster.step, raster.offset, strict=True)
        ]
        fine = finer_positions(finer, fine, places)
    long = [each for each in coarse if len(each.values) > 1]
    nothing = np.zeros(0)
    spectra = Explored(
        axis=np.asarray(measured["wavenumber"], np.float64),
        measured=nothing,
        restored=nothing,
        std=nothing,
        flagged=nothing,
        cosmic_ray=nothing,
        removed=nothing,
        scores=nothing,
        components=np.zeros((_COMPONENTS, measured.sizes["wavenumber"])),
        measured_positions=tuple(long[-2:]),
        positions=fine if scales != (1, 1) else tuple(long[-2:]),
        unit=unit_of(measured),
        slices=("",) * math.prod(len(each.values) for each in long[:-2]),
    )
    return outline_of(spectra)
