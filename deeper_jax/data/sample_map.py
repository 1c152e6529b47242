"""A small SIMULATED scan to try things on where no instrument is at hand; no file is shipped for it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps import raman_map, write_map
from deeper_jax.maps.writing import check_writable
from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_cell

if TYPE_CHECKING:
    import xarray

STEP_UM = 0.5  # between two pixels
LASER_NM = 532.0
EXPOSURE_S = 0.1  # what the simulator's short exposure stands for
SMALLEST, LARGEST = 4, 512  # pixels on a side

# More cosmic rays than a scan of so few pixels would have, so that there is one to find.
_RANGES = SimulatorConfig(low_cosmic_rate=0.005)
_simulate = jax.jit(simulate_cell, static_argnums=(1, 2, 4))


def sample_map(height: int = 30, width: int = 30, *, seed: int = 3, truth: bool = False) -> "xarray.DataArray":
    """A SIMULATED scan of one cell in counts, as `deeper_jax.maps.read_map` would read it from a file.

    One exposure of 0.1 s a pixel at 532 nm, with shot noise, read noise and cosmic rays, of the package's own
    simulator. Its attributes say that it is simulated.

    Args:
        height: H, 4 to 512 pixels of 0.5 micrometres.
        width: W, likewise.
        seed: of everything random, 0 or more; the same seed gives the same scan.
        truth: the expected counts of the same exposure instead: no noise, no cosmic rays.

    Returns:
        `xarray.DataArray` [H, W, 500] float32 named "intensity" with the coordinates y and x in micrometres and
        wavenumber in cm⁻¹, 498 to 1800.

    Raises:
        InputError: a size or seed that is no whole number of that range.
    """
    cell = _cell(height, width, seed)
    return _labelled(cell.low_truth if truth else cell.low, seed)


def write_sample(
    path: str | Path, *, height: int = 30, width: int = 30, seed: int = 3, overwrite: bool = False
) -> None:
    """Write `sample_map` to a file, in any format of `write_map`, with the noise-free `truth` as a second variable.

    Raises InputError as `sample_map` and `deeper_jax.maps.write_map` do, before anything is written.
    """
    check_writable(path, overwrite=overwrite, further_variables=["truth"])
    cell = _cell(height, width, seed)
    measured, truth = (_labelled(values, seed) for values in (cell.low, cell.low_truth))
    truth.attrs = {"units": "counts", "long_name": "expected counts: no noise, no cosmic rays"}
    write_map(measured.to_dataset(name="intensity").assign(truth=truth), path, overwrite=overwrite)


def _cell(height: int, width: int, seed: int) -> Any:
    for name, value, lowest, highest in (
        ("height", height, SMALLEST, LARGEST),
        ("width", width, SMALLEST, LARGEST),
        ("seed", seed, 0, 2**31 - 1),
    ):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or not lowest <= value <= highest:
            raise InputError(f"{name} is {value!r}; give a whole number from {lowest} to {highest}.")
    return _simulate(jax.random.key(seed), int(height), int(width), default_wavenumbers(), _RANGES)


def _labelled(values: Any, seed: int) -> "xarray.DataArray":
    spectra = np.array(values)  # a copy, which may be written to
    y, x = (STEP_UM * np.arange(size) for size in spectra.shape[:2])
    found = raman_map(spectra, default_wavenumbers(), y=y, x=x, units="counts", title="SIMULATED cell")
    record = {
        "simulated": True,
        "sample": "one cell",
        "seed": int(seed),
        "laser_nm": LASER_NM,
        "exposure_s": EXPOSURE_S,
        "resolution": f"{_RANGES.resolution:g} cm-1",
    }
    return found.assign_attrs(
        instrument="SIMULATED by deeper_jax", source_file="SIMULATED cell", metadata=json.dumps(record)
    )
