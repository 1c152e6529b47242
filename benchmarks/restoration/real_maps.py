"""Measured maps for the benchmarks: read, and rid of cosmic rays for all methods alike."""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

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


class CountedMap(NamedTuple):
    """A file whose values less `pedestal`, over `gain`, are photo-electrons: their variance is their mean."""

    path: Path
    gain: float = 1.0
    pedestal: float = 0.0

    @classmethod
    def parsed(cls, text: str) -> "CountedMap":
        """Of FILE or FILE=GAIN,PEDESTAL on the command line."""
        path, _, found = text.partition("=")
        numbers = [float(each) for each in found.split(",")] if found else []
        if len(numbers) not in (0, 2) or (numbers and numbers[0] <= 0):
            raise argparse.ArgumentTypeError(f"found {text!r}; expected FILE or FILE=GAIN,PEDESTAL with a gain above 0")
        return cls(Path(path), *numbers)

    def electrons(self) -> tuple[np.ndarray, np.ndarray]:
        """Photo-electrons [H, W, L] without cosmic rays, and wavenumbers [L].

        Raises:
            InputError: a map with pixels that were not measured.
        """
        data = real_map(self.path, self.gain, self.pedestal)
        if not np.isfinite(data.values).all():
            raise InputError(f"{self.path}: some pixels were not measured; this benchmark takes maps without gaps.")
        return data.values, data["wavenumber"].values

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """As `electrons`, rounded to whole ones, none negative."""
        electrons, axis = self.electrons()
        return np.maximum(np.round(electrons), 0).astype(np.int64), axis


def map_variance(cube: np.ndarray) -> float:
    """The variance of a map [H, W, L] about its mean spectrum."""
    return float(((cube - cube.mean((0, 1))) ** 2).mean())


def noise_free_variance(counts: np.ndarray) -> float:
    """That of photo-electrons [H, W, L] without their shot noise."""
    return map_variance(counts) - float(counts.mean())
