"""What the names of columns, arrays and settings mean: axes, intensities, numbers of rows, units, the laser."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deeper_jax.maps.words import in_english

# The surest kind first; of several axes and intensities the first kind is taken.
AXES = (
    r"raman ?shifts?.*|shifts?( axis)?|delta ?(nu|wave ?numbers?)?|rel(ative)? ?wave ?numbers?.*",
    r"(spectral )?wave ?n(umbers?|o)( axis)?|wns?|nu|waves?|x ?axis|x ?data|spectral( axis| coords?)?|axis|bands"
    r"|freq(s|uency|uencies)?|cm ?\^?[-⁻−]? ?[1¹]|1/cm|abscissa|variable",
    r"wave ?lengths?( axis)?|lambdas?|λ|lam|nm|wl|wls",
    r"(photon )?energy|energies|ev",
)
INTENSITIES = (
    r".*(processed|corrected|subtracted|net|dark ?sub|denoised|baseline ?removed|normali[sz]ed).*",
    r"(raman )?intensit(y|ies)|counts?|signal|int|i|y|spectrum|spectra|cts|ccd cts|a ?u|arb.*|ordinate|values?",
    r"sample|raw( data| counts| intensity)?|scope|light",
    r"(dark|background|bkg|bg|reference|ref|baseline|white|noise|error|std|stdev|sd|sigma|stray|residuals?|fit"
    r"|%? ?tr(ansmi\w+)?|absorbance|irradiance|reflectance|mask|valid|flags?|quality|snr)\b.*"
    r"|(.* )?time|temp(erature)?",
)
BACKGROUNDS = 3
WAVELENGTHS = 2
ROWS = ("row", "rows", "line", "iy", "r", "j", "y px", "px y")
COLUMNS = ("col", "cols", "column", "columns", "ix", "c", "i", "x px", "px x")
_COUNTED = (
    r"unnamed.*|((row|spectrum|spectra|sample) ?)?(id|idx|index)|no|nr|n|#|num(ber)?|channels?"
    r"|pixels?( ?(no|number|index|id))?|points?( ?number)?|(spectrum|channel|sample|row) ?(no|nr|number)"
)
_UNITS = re.compile(r" ?(in )?(nm|cm ?\^?[-⁻−.]? ?[1¹]\.?|/? ?cm|1/cm|counts|um|µm)$")
_LASER = re.compile(r"laser|excit|incident|lambda ?(0|ex\w*|l$)|\bpump\b|\bexc?[. ]? ?(wave|wl|nm)|λ0")
_NO_WAVELENGTH = re.compile(r"power|intens|mw\b|%|time|slit|spot|polari[sz]|attenuat|serial|number")


def plain_name(name: str) -> str:
    """A name as it is compared: lower case words in English, without unit in brackets ('RamanShift_(nm)')."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name.strip("# "))
    plain = in_english(re.sub(r"[_\s]+|(?<=[^\W\d])[.-]+(?=[^\W\d]|\s|$)|\.{2,}", " ", spaced))
    word = re.sub(r"[\[(].*$", "", plain).strip()
    return word or plain.strip("[]() ")


def rank_of(name: str, kinds: Sequence[str]) -> int | None:
    """The first of the kinds that a name is, with or without a number or unit at its end; None if none."""
    plain = plain_name(name)
    for word in (plain, re.sub(r"[ .#]*\d+$", "", plain), _UNITS.sub("", plain), re.sub(r" ?/.*$", "", plain)):
        for rank, kind in enumerate(kinds):
            if word and re.fullmatch(kind, word):
                return rank
    return None


def grid_axis(name: str) -> str:
    """'y' of the name of a row's number ('row', 'Zeile', 'y (pixel)'), 'x' of a column's; '' of any other."""
    unit = re.search(r"[\[( _](px|pixels?)[\])]?\s*$", name.lower())
    plain = re.sub(r"\b(pixels?|px|index|idx|number|no|nr)\b", "", plain_name(name)).strip()
    numbered = plain != plain_name(name) or unit
    if numbered and plain in ("x", "y"):
        return plain
    return "y" if plain in ROWS else "x" if plain in COLUMNS else ""


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
    plain = in_english(name.replace("_", " "))
    if re.search(r"cm|raman|shift|number", plain) and "pixel" not in plain:
        return "abs 1/cm" if "abs" in plain else ""
    if re.search(r"wave ?length|lambda|λ|^lam$|^wls?$", plain):
        return "nm"
    return "eV" if "energy" in plain else "pixel" if "pixel" in plain else ""


def laser_in(settings: Mapping[str, Any]) -> float | None:
    """The laser's wavelength in nm among settings such as {'Laser (nm)': '632,8'}; None where there is none."""
    for name, value in settings.items():
        plain = f"{plain_name(name)} {in_english(name)}".replace("_", " ")
        if not _LASER.search(plain) or _NO_WAVELENGTH.search(plain):
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
