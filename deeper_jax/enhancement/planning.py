"""How finely to scan: what the same light is worth on every pixel, or longer on every second, third or fourth.

A user's first map stands for the sample. Noise n added to it makes scans of less light out of it; n over its variance,
taken from the map in turn, leaves a second measurement whose noise is independent of theirs (data fission: Leiner,
Duan, Wasserman and Ramdas 2023). What `enhance` makes of each scan is scored on that, so no truth is needed. The noise
is normal; counts of a few photons a channel are not, and what `enhance` makes of such scans is worse than told. Where
the map's noise is estimated wrongly, all errors are wrong by about as much; which step is better they still tell.
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.enhancement.options import LARGEST_SCALE
from deeper_jax.enhancement.pipeline import as_map, enhance
from deeper_jax.errors import InputError
from deeper_jax.spectra.noise import NOISE_SAMPLE, NoiseModel, estimate_noise
from deeper_jax.spectra.raster import Raster

_log = logging.getLogger(__name__)

# Light of the planned scans over the first map's. A pixel of a scan has no more than half of the first map's, so that
# as much is left to score it with.
LIGHT = (1 / 128, 1 / 32, 1 / 8)
_MOST = 0.5
# Pixels of a scan's sides at least, and spectra.
_SIDE, _SPECTRA = 5, 36
# Parts of a side of the map, over which the error is compared.
_PARTS = 5


class PlannedScan(NamedTuple):
    """One way to spend some light.

    Attributes:
        light: all light of the scan over that of the first map.
        step: every so many pixels are scanned, in y and in x, each `step` squared times as long as with a step of 1.
        error: root mean square error of what `enhance` makes of it on the first map's grid, over the root mean square
            noise of the first map.
        low, high: 95 % interval of it, by parts of the map.
        better: whether it is better than a step of 1 with the same light: true or false where a paired t-test over
            parts of the map says so (p < 0.05), else None.
    """

    light: float
    step: int
    error: float
    low: float
    high: float
    better: bool | None


def plan_scan(
    source: Any,
    *,
    light: Sequence[float] = LIGHT,
    model: Any = None,
    entry: str | int | None = None,
    noise: float | None = None,
) -> list[PlannedScan]:
    """Compare scans of a sample of which there is a first map, each step with the same light.

    Their noise is taken for shot noise: its variance goes as the light. Read-out noise, which does not, makes short
    exposures worse than is said here, and speaks for wider steps.

    Args:
        source: a map (y, x, wavenumber), as for `enhance`; the better it is, the more light can be planned with.
        light: of a scan over that of the map, above 0 and at most 0.5.
        model, entry, noise: as for `enhance`.

    Returns:
        For each amount of light, the steps that can be compared.

    Raises:
        InputError: as `enhance`; a map that is too small, or light that cannot be planned with.
    """
    if not all(0 < each <= _MOST for each in light):
        raise InputError(f"light is {tuple(light)}; give shares of the first map's light, above 0 and at most {_MOST}.")
    # The scans' channels rise, so the map's must.
    data = as_map(source, entry).sortby("wavenumber")
    _check(data)
    _log.info("restoring the first map")
    first = enhance(data, model, noise=noise)
    expected = first["intensity"].values
    measured = np.where(first["cosmic_ray"].values, expected, first["measured"].values)
    present = np.asarray(np.isfinite(measured).all(-1))
    if noise is None:
        noise_model = estimate_noise(MeasuredSpectra(measured, present).sample(NOISE_SAMPLE))
    else:
        noise_model = NoiseModel(0.0, noise**2, noise**2)
    std = noise_model.std(np.where(np.isfinite(expected), expected, 0.0))
    scans = []
    for amount in light:
        by_part: dict[int, np.ndarray] = {}
        for step in range(1, LARGEST_SCALE + 1):
            share = amount * step**2
            size = [side // step for side in present.shape]
            if share > _MOST or min(size) < _SIDE or np.prod(size) < _SPECTRA:
                continue
            _log.info("a scan with 1/%.4g of the light, a pixel in %d in y and x", 1 / amount, step)
            by_part[step] = _errors(measured, present, std, data["wavenumber"].values, share, step, model)
        scans += [_planned(amount, step, by_part) for step in by_part]
    return scans


def _check(data: Any) -> None:
    if data.dims != ("y", "x", "wavenumber") or min(data.shape[:2]) < 2 * _SIDE:
        name = data.attrs.get("source_file") or "the map"
        found = " x ".join(f"{size} ({axis})" for axis, size in data.sizes.items())
        raise InputError(
            f"{name}: found {found}; a plan needs a first map (y, x) of {2 * _SIDE} x {2 * _SIDE} pixels or more."
        )


def _errors(
    measured: np.ndarray,
    present: np.ndarray,
    noise: np.ndarray,
    axis: np.ndarray,
    share: float,
    step: int,
    model: Any,
) -> np.ndarray:
    """Mean squared error over the noise's variance in each part of the map, of a scan with `share` of a pixel's light.

    Args:
        measured: [H, W, L], without cosmic rays.
        present: [H, W].
        noise: [H, W, L], its standard deviation.
    """
    from deeper_jax.maps import raman_map

    raster = Raster.of((step, step))
    height, width = (side // step * step for side in present.shape)
    inside = np.s_[:height, :width]
    measured, present, noise = measured[inside], present[inside], noise[inside]
    # Of `share` of the light, per light, the variance is that of all over `share`.
    more = 1 / share - 1
    added = noise * np.sqrt(more) * np.random.default_rng(step).standard_normal(noise.shape)
    scan = np.where(present[..., None], measured + added, np.nan)[raster.places]
    result = enhance(raman_map(scan, axis), model, scale=step, cosmic_rays="keep")["intensity"].values
    taken = raster.spread(np.ones(scan.shape[:2], bool))[..., None]
    # Where the scan has measured, what it has not seen of the measurement is left.
    target = np.where(taken, measured - added / more, measured)
    variance = noise**2 * np.where(taken, 1 + 1 / more, 1.0)
    squared = ((result - target) ** 2 - variance).mean(-1)
    squared[~(present & np.isfinite(squared))] = np.nan
    parts = [np.array_split(rows, _PARTS, axis=1) for rows in np.array_split(squared, _PARTS, axis=0)]
    means = np.array([np.nanmean(part) if np.isfinite(part).any() else np.nan for row in parts for part in row])
    return means / (noise[present] ** 2).mean()


def _planned(light: float, step: int, by_part: dict[int, np.ndarray]) -> PlannedScan:
    own, finest = by_part[step], by_part.get(1)
    known = np.isfinite(own)
    mean, half = own[known].mean(), stats.t.ppf(0.975, known.sum() - 1) * stats.sem(own[known])
    error, low, high = (float(np.sqrt(max(each, 0.0))) for each in (mean, mean - half, mean + half))
    better = None
    if finest is not None and step > 1:
        both = known & np.isfinite(finest)
        if stats.ttest_rel(own[both], finest[both]).pvalue < 0.05:
            better = bool(own[both].mean() < finest[both].mean())
    return PlannedScan(light, step, error, low, high, better)
