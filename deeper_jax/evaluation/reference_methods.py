"""Classical denoising methods that the network is compared with.

Each function takes spectra `[N, L]`, the spectral axis last, and returns `[N, L]` float64 in the same unit.
Savitzky-Golay, Whittaker and wavelets look at one spectrum at a time, as the network does; principal
components look at all the spectra of a map at once, so the spectra given must be those of one image.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pywt
import scipy.linalg
import scipy.signal

from deeper_jax.spectra.principal_components import principal_components

Array = npt.NDArray[np.float64]

SAVGOL_GRID = (
    *((1, 3), (1, 5), (1, 7), (1, 9)),
    *((2, 3), (2, 5), (2, 7), (2, 9)),
    *((3, 5), (3, 7), (3, 9), (3, 11)),
)
"""(order, frame) pairs of the paper; the frame is the window's length in channels, odd."""

_MAD_OF_NORMAL = 0.6744897501960817  # median absolute deviation of the standard normal distribution


def raw(spectra: npt.ArrayLike) -> Array:
    """Return the noisy spectra as they are."""
    return np.asarray(spectra, np.float64)


def savitzky_golay(spectra: npt.ArrayLike, order: int, frame: int) -> Array:
    """Fit a polynomial of `order` in a window of `frame` channels (odd, above `order`, at most L).

    The half windows at the two ends are read off the polynomial of the first and the last whole window.
    """
    return scipy.signal.savgol_filter(np.asarray(spectra, np.float64), frame, order, axis=-1)


def whittaker(spectra: npt.ArrayLike, lam: float, order: int = 2) -> Array:
    """Penalised least squares (Eilers 2003): minimise |y - z|^2 + lam |D z|^2, D the `order`-th difference.

    `lam` has no unit; the larger, the smoother. All spectra share one banded Cholesky solve.
    """
    values = np.asarray(spectra, np.float64)
    return scipy.linalg.solveh_banded(_whittaker_bands(values.shape[-1], lam, order), values.T).T


def wavelet(spectra: npt.ArrayLike, name: str = "db4", levels: int = 5, threshold_factor: float = 1.0) -> Array:
    """Soft-threshold the detail coefficients of each spectrum's discrete wavelet transform.

    The threshold is `threshold_factor` times the universal one, sigma sqrt(2 ln L) (Donoho and Johnstone
    1994), with sigma from the median absolute deviation of the finest details. `name` is PyWavelets' name;
    `levels` is cut to what the length L allows.
    """
    values = np.asarray(spectra, np.float64)
    length = values.shape[-1]
    levels = max(1, min(levels, pywt.dwt_max_level(length, pywt.Wavelet(name).dec_len)))
    approximation, *details = pywt.wavedec(values, name, level=levels, axis=-1)
    sigma = np.median(np.abs(details[-1]), axis=-1, keepdims=True) / _MAD_OF_NORMAL
    threshold = threshold_factor * sigma * np.sqrt(2 * np.log(length))
    kept = [np.sign(part) * np.maximum(np.abs(part) - threshold, 0) for part in details]
    return pywt.waverec([approximation, *kept], name, axis=-1)[..., :length]


def pca(spectra: npt.ArrayLike, components: int) -> Array:
    """Project the spectra of ONE map on their mean and their first `components` principal components."""
    values = np.asarray(spectra, np.float64)
    mean, basis = principal_components(values, components)
    return mean + (values - mean) @ basis.T @ basis


def pca_whittaker(spectra: npt.ArrayLike, components: int, lam: float) -> Array:
    """`pca` of the whole map, then `whittaker` along each spectrum."""
    return whittaker(pca(spectra, components), lam)


FAMILIES: Mapping[str, Callable[..., Array]] = MappingProxyType(
    {
        "raw": raw,
        "savitzky_golay": savitzky_golay,
        "whittaker": whittaker,
        "wavelet": wavelet,
        "pca": pca,
        "pca_whittaker": pca_whittaker,
    }
)
"""Every family of reference methods by name."""

WHOLE_MAP_FAMILIES = frozenset({"pca", "pca_whittaker"})
"""Families that need all the spectra of one image at once."""


@dataclass(frozen=True)
class ReferenceMethod:
    """A family with its parameters, called like a function: spectra `[N, L]` to `[N, L]`.

    Attributes:
        family: a key of `FAMILIES`.
        parameters: the family's keyword arguments.
        name: short label for tables and figures, such as SG(1,9).
        uses_whole_map: the spectra of a call must be those of one image.
        validation_score: the metric on the validation images where `tuning.tune` chose the parameters.
    """

    family: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    uses_whole_map: bool = False
    validation_score: float | None = None

    def __call__(self, noisy: npt.ArrayLike) -> Array:
        """Denoise spectra `[N, L]`."""
        return FAMILIES[self.family](noisy, **self.parameters)


def reference_method(family: str, **parameters: Any) -> ReferenceMethod:
    """Bind a family to its parameters, for example `reference_method("savitzky_golay", order=1, frame=9)`.

    Raises:
        ValueError: `family` is not a key of `FAMILIES`.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family of methods {family!r}: choose one of {', '.join(FAMILIES)}")
    return ReferenceMethod(family, parameters, _label(family, parameters), family in WHOLE_MAP_FAMILIES)


def paper_methods() -> dict[str, ReferenceMethod]:
    """Return the raw input and the Savitzky-Golay filters of the paper, by name."""
    methods = [reference_method("raw")]
    methods += [reference_method("savitzky_golay", order=order, frame=frame) for order, frame in SAVGOL_GRID]
    return {method.name: method for method in methods}


def _label(family: str, parameters: Mapping[str, Any]) -> str:
    forms = {
        "savitzky_golay": "SG({order},{frame})",
        "whittaker": "Whittaker({lam:g})",
        "wavelet": "wavelet({name},{levels},{threshold_factor:g})",
        "pca": "PCA({components})",
        "pca_whittaker": "PCA({components})+Whittaker({lam:g})",
    }
    return forms.get(family, family).format(**parameters)


def _whittaker_bands(length: int, lam: float, order: int) -> Array:
    """Upper bands of I + lam D'D in the layout of `scipy.linalg.solveh_banded`."""
    stencil = np.diff(np.eye(order + 1), n=order, axis=0)[0]  # such as 1, -2, 1
    rows = max(length - order, 0)
    bands = np.zeros((order + 1, length))
    for shift in range(order + 1):  # distance from the diagonal
        for first in range(order + 1 - shift):
            column = first + shift
            bands[order - shift, column : column + rows] += lam * stencil[first] * stencil[column]
    bands[order] += 1.0
    return bands
