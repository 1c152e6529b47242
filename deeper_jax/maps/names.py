"""What the names of columns, arrays and settings mean: axes, intensities, numbers of rows, units, the laser."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# The surest kind first; of several axes and intensities the first kind is taken.
AXES = (
    r"raman ?shifts?.*|shifts?( axis)?|delta ?(nu|wave ?numbers?)?|rel(ative|\.)? ?wave ?numbers?.*",
    r"(spectral )?wave ?n(umbers?|o)\.?( axis)?|wns?|nu|waves?|x ?-?axis|x ?data|spectral( axis| coords?)?|axis|bands"
    r"|freq(s|uency|uencies)?|cm ?\^?-? ?1|1/cm|abscissa",
    r"wave ?lengths?( axis)?|lambdas?|nm|wl|wls",
    r"(photon )?energy|energies|ev",
)
INTENSITIES = (
    r".*(processed|corrected|subtracted|net|dark ?sub|denoised|baseline ?removed|normali[sz]ed).*",
    r"(raman )?intensit(y|ies)|counts?|signal|int|i|y|spectrum|spectra|cts|ccd cts|a\.?u\.?|arb.*|ordinate",
    r"sample|raw( data| counts| intensity)?|scope|light",
    r"(dark|background|bkg|bg|reference|ref|baseline|white|noise|error|std|stdev|sd|sigma|stray|residuals?|fit)\b.*",
)
BACKGROUNDS = 3
ROWS = ("row", "rows", "line", "row index", "y index", "iy", "r", "j", "pixel y", "y pixel")
COLUMNS = ("col", "cols", "column", "columns", "col index", "x index", "ix", "c", "i", "pixel x", "x pixel")
_COUNTED = (
    r"unnamed.*|(row ?|spectrum ?|sample ?)?(id|idx|index)|no\.?|nr\.?|n|#|num(ber)?|channels?"
    r"|pixels?( ?(no\.?|number|index))?|points?( ?number)?|spectrum ?(no\.?|number)"
)
_UNITS = re.compile(r" ?(in )?(nm|cm ?\^?-? ?1|/? ?cm|1/cm|counts|um|µm)$")
_LASER = re.compile(r"laser|excit|lambda ?0|\bpump\b|exc\.? ?wavelength|λ0")
_NO_WAVELENGTH = re.compile(r"power|intens|mw\b|%|time|slit|spot|polari[sz]|attenuat")


def plain_name(name: str) -> str:
    """A name as it is compared: lower case words, without unit in brackets and punctuation ('RamanShift_(nm)')."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name.strip("# "))
    plain = re.sub(r"[_\s]+", " ", spaced.lower())
    word = re.sub(r"[\[(].*$", "", plain).strip()
    return word or plain.strip("[]() ")


def rank_of(name: str, kinds: Sequence[str]) -> int | None:
    """The first of the kinds that a name is, with or without a number or unit at its end; None if none."""
    plain = plain_name(name)
    for word in (plain, re.sub(r"[ .]*\d+$", "", plain), _UNITS.sub("", plain)):
        for rank, kind in enumerate(kinds):
            if word and re.fullmatch(kind, word):
                return rank
    return None


def is_counted(name: str) -> bool:
    """Whether the name is that of a number of the row, the pixel or the like."""
    return bool(re.fullmatch(_COUNTED, plain_name(name)))


def is_index(values: np.ndarray) -> bool:
    """Whether the values only count: 0, 1, 2 ... or 1, 2, 3 ..."""
    return values.size > 2 and values[0] in (0, 1) and bool((np.diff(values) == 1).all())


def unit_in(name: str) -> str:
    """The unit of an axis that its name tells: nm, µm, eV, 'abs 1/cm', pixel; '' takes it for the Raman shift."""
    found = re.search(r"(?<![A-Za-z])(nm|nanomet\w+|meV|eV|µm|um|microns?)(?![A-Za-z])", name.replace("_", " "))
    if found:
        return found.group()
    plain = name.lower()
    if re.search(r"cm|raman|shift|number", plain) and "pixel" not in plain:
        return "abs 1/cm" if "abs" in plain else ""
    if re.search(r"wave ?_?length|lambda|^wls?$", plain):
        return "nm"
    return "pixel" if "pixel" in plain else ""


def laser_in(settings: Mapping[str, Any]) -> float | None:
    """The laser's wavelength in nm among settings such as {'Laser (nm)': '632,8'}; None where there is none."""
    for name, value in settings.items():
        plain = plain_name(name) + " " + name.lower()
        if not _LASER.search(plain.replace("_", " ")) or _NO_WAVELENGTH.search(plain):
            continue
        if np.ndim(value) > 0 and np.size(value) == 1 or isinstance(value, np.generic):
            value = np.ravel(value)[0]
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        number = re.search(r"(?<![\d.,])(\d+)(?:[.,](\d+))?(e-\d+)?(?!\d)(?!\s*(mw|µw|%|ms))", text.lower())
        if number is None:
            continue
        laser = float(f"{number[1]}.{number[2] or 0}{number[3] or ''}")
        # In nm, µm or m.
        for scale in (1.0, 1e3, 1e9):
            if 150 <= scale * laser <= 3000:
                return scale * laser
    return None
