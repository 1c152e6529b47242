"""A denoised map made finer by the map restorers, with its coordinates, uncertainty and marks."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deeper_jax.enhancement.between_pixels import scores_between
from deeper_jax.enhancement.enhanced_map import on_finer_grid
from deeper_jax.enhancement.map_denoiser import FittedMap, placed
from deeper_jax.enhancement.score_images import Restore
from deeper_jax.enhancement.super_resolved_map import interpolated
from deeper_jax.errors import InputError
from deeper_jax.inference.map_restorer import LoadedMapRestorer
from deeper_jax.spectra.raster import Raster, finer_coordinates
from deeper_jax.tasks.load import DEFAULT_REFINER, DEFAULT_RESTORER, load_as

# Shares of the interpolation, of kriging and of each network that are best on most samples: of the restorer alone, by
# the raster's wider step, and of the restorer and its companion. Chosen on three simulated cells and two sections of
# cartilage; kriging in place of the interpolation, with the companion, on measured maps too.
_ALONE = {2: (0.5, 0.0, 0.5), 3: (0.6, 0.0, 0.4), 4: (0.85, 0.0, 0.15)}
_BOTH = (0.0, 0.1, 0.0, 0.9)


def check_refinable(image: Any, raster: Raster) -> None:
    """Raise InputError unless `image` is a map (y, x, wavenumber) that can be made finer; gaps are no hindrance."""
    if image.dims != ("y", "x", "wavenumber"):
        found = ", ".join(image.dims[:-1]) or "one spectrum"
        raise InputError(f"Only a map (y, x) can be made finer; this measurement has {found}: leave out the scale.")
    for name, step, offset in zip(("y", "x"), raster.step, raster.offset, strict=True):
        values = image[name].values
        if step > 1 and len(values) > 1 and not (np.all(np.diff(values) > 0) or np.all(np.diff(values) < 0)):
            raise InputError(f"The map's {name} neither rises nor falls throughout: it cannot be made finer.")
        finer_coordinates(values, step, offset)


def networks_between(restorer: LoadedMapRestorer) -> list[LoadedMapRestorer]:
    """What answers between the pixels of a scan: the map restorer, and its companion if it is the package's own."""
    if restorer.path != str(DEFAULT_RESTORER):
        return [restorer]
    return [restorer, load_as(DEFAULT_REFINER, LoadedMapRestorer)]


def ways_in_pixels(networks: Sequence[LoadedMapRestorer], raster: Raster) -> dict[str, Restore]:
    """How the networks estimate the pixels that were measured, for `fit_map`.

    Of a scan that is made finer the companion too: it sees the scan on the finer grid, as it was trained.

    Args:
        networks: see `networks_between`.
        raster: where the pixels lie on the finer grid.
    """
    ways: dict[str, Restore] = {"network": networks[0].restore_grid}
    if len(networks) > 1:
        ways["companion"] = CompanionInPixels(networks[-1], raster)
    return ways


def prepare(networks: Sequence[LoadedMapRestorer], raster: Raster, shape: tuple[int, ...], count: int) -> None:
    """Have what the networks need for `count` images on a map's grid [..., w] compiled; arguments else as above."""
    plane = (shape[-2] if len(shape) > 1 else 1, shape[-1])
    networks[0].prepare(plane, count)
    if max(raster.step) > 1:
        networks[-1].prepare(plane, count, raster)


class CompanionInPixels:
    """What the companion answers to a scan, from all sides, in the pixels of the scan.

    Attributes:
        scan: [h, w, K], the last that it was asked for.
        answer: to that on the finer grid, scores and deviations of their error [H, W, K], since it is asked for again.
    """

    def __init__(self, network: LoadedMapRestorer, raster: Raster) -> None:
        """Nothing is asked yet."""
        self._network, self._raster = network, raster
        self.scan: np.ndarray | None = None
        self.answer: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, scores: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Restore`."""
        self.scan, self.answer = scores, self._network.restore(scores, measured, self._raster, turned=True)
        answer, error = self.answer
        return answer[self._raster.places], error[self._raster.places]


def refined_spectra(
    fitted: FittedMap,
    present: np.ndarray,
    networks: Sequence[LoadedMapRestorer],
    raster: Raster,
    ways: Mapping[str, Restore],
) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of a fitted map on a finer grid and the standard deviation of their error, [H, W, L].

    NaN where not even the nearest pixel of the raster was measured.

    Args:
        fitted: `fit_map` of the map.
        present: [h, w], where a spectrum was measured, P of them.
        networks: see `networks_between`.
        raster: where the map's pixels lie.
        ways: those in which the map was fitted.
    """
    sampled = raster.spread(present)
    restored, error = placed(fitted.scores, present), placed(fitted.std, present)
    usual = _ALONE[max(raster.step)] if len(networks) == 1 else _BOTH
    companion = ways.get("companion")
    last = None
    if isinstance(companion, CompanionInPixels) and companion.scan is fitted.on_grid:
        last = companion.answer
    scores, std, _ = scores_between(
        fitted.on_grid, restored, error, present, raster, networks, usual, fitted.shares, last
    )
    # The pixels that were measured have their answer.
    scores[sampled], std[sampled] = fitted.scores, fitted.std
    return fitted.spectra(scores, std, _unit_between(fitted.by_pixel, present, raster))


def _unit_between(by_pixel: np.ndarray, present: np.ndarray, raster: Raster) -> np.ndarray:
    """What one unit of a score stands for on the finer grid, [H, W, 1], of [P, 1] in the measured pixels.

    Interpolated linearly between those, as it is positive and changes slowly; NaN where the nearest was not measured.
    """
    places = _places(present.shape, raster)
    known = present[..., None].astype(np.float64)
    total, weight = (interpolated(each, places, order=1) for each in (placed(by_pixel, present), known))
    last = np.reshape(present.shape, (2, 1, 1)) - 1
    nearest = np.round(places).astype(int).clip(0, last)
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=known[tuple(nearest)] > 0)


def refined(
    result: Any,
    fine: np.ndarray,
    std: np.ndarray,
    exceptions: np.ndarray,
    present: np.ndarray,
    raster: Raster,
) -> Any:
    """The data set of a map made finer.

    Args:
        result: the enhanced map (`enhanced_map`).
        fine: [H, W, L], spectra of what the map's pixels have in common (`refined_spectra`).
        std: [H, W, L], standard deviation of their error.
        exceptions: [P, L], what the enhanced map holds beyond that in measured pixels: a particle of one pixel, say.
            How far it reaches nobody knows: it is interpolated linearly, and counts as uncertain where it is.
        present: [h, w].
        raster: where the map's pixels lie.
    """
    measured = raster.spread(present)
    if exceptions.any():
        beyond = np.zeros((*present.shape, exceptions.shape[-1]))
        beyond[present] = exceptions
        beyond = interpolated(beyond, _places(present.shape, raster), order=1)
        fine, std = fine + beyond, np.hypot(std, beyond)
    std[measured] = result["uncertainty"].values[present]
    image = result["intensity"]
    grid = {
        name: finer_coordinates(image[name].values, step, offset)
        for name, step, offset in zip(("y", "x"), raster.step, raster.offset, strict=True)
    }
    finer = on_finer_grid(result, fine, std, grid)
    return finer.assign_attrs(scale=json.dumps(raster.step), raster_offset=json.dumps(raster.offset))


def _places(shape: tuple[int, ...], raster: Raster) -> np.ndarray:
    """Where the finer grid's pixels lie on the map's, [2, H, W], beyond the outermost pixels too."""
    lines = [
        (np.arange(size * step) - offset) / step
        for size, step, offset in zip(shape, raster.step, raster.offset, strict=False)
    ]
    return np.stack(np.meshgrid(*lines, indexing="ij"))
