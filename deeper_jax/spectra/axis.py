"""The spectral axis: wavenumbers in cm⁻¹, checked in one place, read from lists and converted from other units."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.errors import InputError

# Lists the wavenumbers of the files beside it.
AXIS_FILE = "axis.txt"
# Light of 200 nm has 50,000 cm^-1: no Raman shift is larger, in either direction.
_LARGEST_SHIFT = 50_000.0
_USUAL_SHIFTS = (0.0, 4000.0)
_NARROWEST = 0.2  # cm^-1 from channel to channel, on average
_LIGHT, _FINEST_STEP = (200.0, 1700.0), 0.3  # nm, and a step too small for cm^-1
_PER_EV = 8065.543937  # cm^-1, CODATA 2018: e / (h c)
_WAVELENGTHS = {
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres", "wavelength", "nanometers (nm)"), 1.0),
    **dict.fromkeys(("µm", "um", "\u03bcm", "micron", "microns", "micrometer", "micrometers"), 1e3),
    **dict.fromkeys(("å", "\u212b", "angstrom", "angstroms", "ångström"), 0.1),
    "m": 1e9,
}
_SHIFTS = re.compile(r"(raman.*|rel.*|delta |d|Δ)?(1/cm|cm-1|cm\^-1|cm\^\{-1\}|cm⁻¹|cm−1|/cm|cm\*\*-1|wavenumbers?)?")
_PIXELS = ("pixel", "pixels", "pixel number", "channel", "channels", "index", "data points", "points", "px")


def checked_axis(wavenumbers: Any, length: int, source: str | Path, *, any_order: bool = False) -> np.ndarray:
    """The wavenumbers of spectra of `length` channels, checked.

    Args:
        wavenumbers: `[L]` in cm⁻¹; an array with one axis longer than 1 is taken as one-dimensional.
        length: number of channels of the spectra that the axis belongs to.
        source: the file or setting that the errors name.
        any_order: take values that neither rise nor fall throughout, as long as all differ.

    Returns:
        `[L]` float64, in the order given.

    Raises:
        InputError: not one finite value a channel, two equal ones, an order that turns back, or values beyond
            50,000 cm⁻¹, more than any Raman shift.
    """
    try:
        axis = np.ma.asarray(wavenumbers, np.float64).filled(np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"{source}: found wavenumbers that are no numbers, expected [{length}] in cm^-1.") from error
    if axis.size != max(axis.shape, default=1):
        raise InputError(f"{source}: found wavenumbers of shape {axis.shape}, expected one axis [{length}] in cm^-1.")
    axis = axis.ravel()
    if axis.size != length:
        raise InputError(
            f"{source}: found {length} spectral channels and {axis.size} wavenumbers, expected as many of both; "
            "give spectra [..., L] and the axis that belongs to them."
        )
    if not np.isfinite(axis).all():
        at = int(np.flatnonzero(~np.isfinite(axis))[0])
        raise InputError(
            f"{source}: found {int((~np.isfinite(axis)).sum())} wavenumbers that are missing or no numbers, "
            f"first at entry {at}, expected a value in cm^-1 for every channel; correct the axis."
        )
    if np.abs(axis).max(initial=0.0) > _LARGEST_SHIFT:
        raise InputError(
            f"{source}: found the wavenumber {axis[np.abs(axis).argmax()]:g} cm^-1, expected Raman shifts, which are "
            "a few thousand; correct the axis or its unit."
        )
    steps = np.diff(axis)
    if not any_order and not ((steps > 0).all() or (steps < 0).all()):
        at = int(np.flatnonzero(np.sign(steps) != (np.sign(axis[-1] - axis[0]) or 1))[0]) + 1
        raise InputError(
            f"{source}: found wavenumbers that turn back at entry {at} ({axis[at - 1]:g} then {axis[at]:g}), expected "
            "a strictly ascending or descending axis in cm^-1; correct the axis."
        )
    unique, counts = np.unique(axis, return_counts=True)
    if unique.size < axis.size:
        raise InputError(
            f"{source}: found the wavenumber {unique[counts > 1][0]:g} cm^-1 {counts.max()} times, expected every "
            "channel at a wavenumber of its own; join the overlapping windows before exporting, or remove the channels."
        )
    return axis


def unusual_range(axis: np.ndarray) -> str | None:
    """A sentence on an axis below 0, beyond 4000 cm⁻¹ or of very narrow channels; None for a usual one."""
    low, high = float(np.min(axis)), float(np.max(axis))
    if len(axis) > 1 and (high - low) / (len(axis) - 1) < _NARROWEST:
        return (
            f"the axis goes from {low:g} to {high:g} in {len(axis)} channels, very narrow ones for cm^-1; look whether "
            "it is a wavelength, and give the file's laser or another axis if so"
        )
    if low >= _USUAL_SHIFTS[0] and high <= _USUAL_SHIFTS[1]:
        return None
    return (
        f"the axis goes from {low:g} to {high:g} cm^-1, and Raman shifts are mostly between 0 and 4000; "
        "look whether it is a Raman shift"
    )


def like_wavelengths(axis: np.ndarray) -> str | None:
    """A sentence on an axis [L] whose channels lie as close as those of wavelengths in nm; None for a usual one."""
    step = float(np.ptp(axis)) / max(axis.size - 1, 1)
    # The finest gratings in use have about 0.3 cm^-1 a channel, and 500 nm light about 0.1 nm.
    if axis.size < 2 or step > _FINEST_STEP or not (_LIGHT[0] <= np.min(axis) and np.max(axis) <= _LIGHT[1]):
        return None
    return (
        f"the axis goes from {np.min(axis):g} to {np.max(axis):g} in steps of {step:.2g}, as wavelengths in nm do, "
        "and is taken for wavenumbers in cm^-1; if it is not, give 1e7 / laser - 1e7 / wavelength"
    )


def same_axis(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    """Whether two axes are both absent, or equal to a tenth of a channel: calibrations hold no better."""
    if first is None or second is None:
        return first is second
    if first.shape != second.shape:
        return False
    smallest = np.abs(np.diff(first)).min(initial=np.inf)
    return bool(np.abs(first - second).max(initial=0.0) < 0.1 * smallest)


def read_axis(path: Path) -> np.ndarray | None:
    """The wavenumbers `[L]` in cm⁻¹ that a text file lists, float64; None where there is no such file.

    Raises:
        InputError: the text is not numbers, or empty.
    """
    if not path.is_file():
        return None
    try:
        axis = np.array([float(word) for word in path.read_text("utf-8-sig").replace(",", " ").split()])
    except ValueError as error:
        raise InputError(
            f"{path}: found text that is no number ({error}), expected one wavenumber in cm^-1 a line; correct it."
        ) from error
    if not axis.size:
        raise InputError(f"{path}: found no number, expected one wavenumber in cm^-1 a line; correct it.")
    return axis


def plain_unit(unit: str) -> str:
    """The unit as it is compared: lower case, without brackets and doubled blanks."""
    return " ".join(unit.lower().replace("[", "").replace("]", "").strip("() ").split())


def raman_shift(values: np.ndarray, unit: str, laser_nm: float | None, source: str | Path) -> np.ndarray:
    """An axis in the unit that a file names as the Raman shift in cm⁻¹, 1e7 (1 / laser - 1 / wavelength).

    The laser and the axis must both be wavelengths in vacuum, or both in air: then the shift comes out too large
    by the refractive index of air, 0.03 % (0.8 cm⁻¹ at 3000 cm⁻¹); one in air and the other in vacuum would be
    wrong by 5 cm⁻¹.

    Args:
        values: `[L]`, the axis as stored.
        unit: as written; '' means cm⁻¹ relative to the laser.
        laser_nm: the laser's wavelength in nm, if known.
        source: the file that the errors name.

    Returns:
        `[L]` float64 in cm⁻¹.

    Raises:
        InputError: a unit that is no spectral one, or one that needs the laser's wavelength, which is unknown.
    """
    plain = plain_unit(unit)
    # A title in place of the unit: 'Wavenumber (cm-1)', 'Wavelength / nm'.
    in_title = re.search(r"(?:[\[(/]|\bin\b)\s*([^\[(/]*?)\s*[\])]?$", unit.lower())
    if in_title and plain_unit(in_title[1]) in (*_WAVELENGTHS, "ev", "mev"):
        plain = plain_unit(in_title[1])
    elif plain not in _WAVELENGTHS and re.search(r"cm", plain) and not re.search(r"abs|\bcm$", plain):
        plain = "1/cm"
    values = np.asarray(values, np.float64)
    if plain in _WAVELENGTHS:
        nanometres = _WAVELENGTHS[plain] * values
        return _to_shift(1e7 / np.where(nanometres == 0, np.nan, nanometres), laser_nm, source, "wavelengths")
    if plain in ("ev", "mev"):
        return _to_shift((_PER_EV if plain == "ev" else 1e-3 * _PER_EV) * values, laser_nm, source, "photon energies")
    if plain in ("rel. ev", "rel. mev"):
        return (_PER_EV if plain == "rel. ev" else 1e-3 * _PER_EV) * values
    if plain.startswith("abs") or plain.endswith("abs"):
        return _to_shift(values, laser_nm, source, "absolute wavenumbers")
    if plain == "" or _SHIFTS.fullmatch(plain.replace(" ", "")) or plain.startswith("raman"):
        return values
    if plain in _PIXELS:
        raise InputError(
            f"{source}: found the axis '{unit}', which only counts the channels, expected wavenumbers in cm^-1; "
            "give the axis with --wavenumbers FILE (in Python, wavenumbers=)."
        )
    raise InputError(
        f"{source}: found a spectral axis in '{unit}', expected 1/cm, nm or eV; export it with the Raman shift as "
        "axis, or give the axis with --wavenumbers FILE (in Python, wavenumbers=)."
    )


def _to_shift(absolute: np.ndarray, laser_nm: float | None, source: str | Path, kind: str) -> np.ndarray:
    if laser_nm is None or not np.isfinite(laser_nm) or laser_nm <= 0:
        raise InputError(
            f"{source}: found {kind} as axis, {absolute_words(absolute)}, and no laser wavelength to convert them "
            "with, expected Raman shifts; give the laser in nm with --laser NM (in Python, laser=), or export the "
            "file with the Raman shift as its axis."
        )
    return 1e7 / laser_nm - absolute


def absolute_words(absolute: np.ndarray) -> str:
    """'543.567 to 588.27 nm' of absolute wavenumbers."""
    finite = absolute[np.isfinite(absolute) & (absolute != 0)]
    return f"{1e7 / finite.max():.6g} to {1e7 / finite.min():.6g} nm" if finite.size else "without a finite value"
