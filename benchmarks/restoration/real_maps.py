"""Measured maps for the benchmarks: read, and rid of cosmic rays for all methods alike."""

from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.enhancement.cosmic_rays import find_cosmic_rays
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.errors import InputError
from deeper_jax.maps import read_map
from deeper_jax.spectra.noise import estimate_noise

# Of a file of arrays that has no axis of its own, in cm^-1: the first channel, and from one to the next.
_FIRST, _STEP = 600.0, 4.0


def real_map(path: Path, gain: float = 1.0, pedestal: float = 0.0) -> Any:
    """A map (y, x, wavenumber) without cosmic rays, NaN where no spectrum was measured.

    Args:
        path: a file that `read_map` reads. If it is an .npz without an axis, its channels count as evenly spaced.
        gain, pedestal: values become (value - pedestal) / gain, photo-electrons say.
    """
    axis = None
    if path.suffix == ".npz":
        with np.load(path) as stored:
            if list(stored) == ["cube"]:
                axis = _FIRST + _STEP * np.arange(stored["cube"].shape[-1])
    data = read_map(path, wavenumbers=axis)
    if data.dims != ("y", "x", "wavenumber"):
        raise InputError(f"{path}: found {', '.join(data.dims)}; this benchmark takes maps (y, x, wavenumber).")
    cube = (data.values.astype(np.float64) - pedestal) / gain
    present = np.isfinite(cube).all(-1)
    spectra = MeasuredSpectra(cube, present)
    noise_model = estimate_noise(cube[present])
    spectra.replace(find_cosmic_rays(spectra, data["wavenumber"].values, noise_model=noise_model).filled)
    cube[present] = spectra.rows(slice(0, len(spectra)))
    return data.copy(data=cube)
