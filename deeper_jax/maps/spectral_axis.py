"""Turn a spectral axis, in the unit that a file names, into the Raman shift in cm^-1."""

from pathlib import Path

import numpy as np

from deeper_jax.errors import InputError
from deeper_jax.maps.raman_map import absolute_to_shift, wavelength_to_shift

_PER_EV = 8065.543937  # cm^-1, CODATA 2018: e / (h c)
_SHIFTS = ("1/cm", "cm-1", "cm^-1", "rel. 1/cm", "rel.1/cm", "cm⁻¹", "delta cm-1", "")


def raman_shift(values: np.ndarray, unit: str, laser_nm: float | None, path: Path) -> np.ndarray:
    """The axis [L] in cm^-1 relative to the laser. unit: as written; '' means cm^-1 relative to the laser.

    Raises InputError for a unit that is no spectral one, or one that needs a laser wavelength and has none.
    """
    plain = " ".join(unit.lower().replace("[", "").replace("]", "").split())
    if plain in _SHIFTS or plain.startswith("raman"):
        return np.asarray(values, np.float64)
    if plain in ("nm", "nanometers", "nanometres", "wavelength"):
        return wavelength_to_shift(values, laser_nm, path)
    if plain in ("µm", "um", "\u03bcm"):
        return wavelength_to_shift(1e3 * np.asarray(values), laser_nm, path)
    if plain in ("ev", "mev"):
        scale = _PER_EV if plain == "ev" else 1e-3 * _PER_EV
        return absolute_to_shift(scale * np.asarray(values), laser_nm, path)
    if plain in ("rel. ev", "rel. mev"):
        return (_PER_EV if plain == "rel. ev" else 1e-3 * _PER_EV) * np.asarray(values, np.float64)
    if plain.endswith("abs") or plain.startswith("abs"):
        return absolute_to_shift(values, laser_nm, path)
    raise InputError(
        f"{path}: found a spectral axis in '{unit}', expected 1/cm, nm or eV; export it with the Raman shift as axis."
    )
