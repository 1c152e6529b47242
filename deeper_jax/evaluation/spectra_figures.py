"""Pictures of a denoising evaluation, after the paper's Figure 2a-c: spectra, errors, peak-intensity maps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deeper_jax.evaluation.metrics import over_own_maximum
from deeper_jax.evaluation.plot_style import (
    AXIS_LABEL,
    COLOURS,
    PEAK,
    add_title,
    bare,
    holds,
    imaging_time,
    nearest_channel,
    new_figure,
    save_png,
)
from deeper_jax.evaluation.score_figures import mse_figure
from deeper_jax.evaluation.spectra_scores import EvaluationImage, Row
from deeper_jax.evaluation.summary import REFERENCE, summarise_rows

Array = npt.NDArray[np.float64]


def denoising_figure(
    folder: str | Path,
    image: EvaluationImage,
    outputs: Mapping[str, npt.ArrayLike],
    rows: Sequence[Row],
    *,
    savgol: str = "SG(1,9)",
    network: str = REFERENCE,
    best_classical: str | None = None,
    peak: float = PEAK,
    dwell_noisy: float = 0.1,
    dwell_target: float = 1.0,
    data_note: str = "",
) -> dict[str, Path]:
    """Write figure_spectra.png, figure_mse.png and figure_maps.png.

    The maps are left out for spectra without a raster and where the axis does not hold `peak`.

    Args:
        folder: where to write; made where it is missing.
        image: the image whose spectra and maps are shown; it needs `wavenumbers`.
        outputs: `[N, L]` of each method to show on it, by the names that the rows use.
        rows: of all images, for the bar chart.
        savgol, network: names of the two methods in every picture, each left out when not among the outputs.
        best_classical: name of a third method; by default the one of least mean MSE among the other outputs.
        peak: wavenumber of the maps in cm^-1.
        dwell_noisy, dwell_target: seconds a pixel, for the imaging times.
        data_note: a few words under every title, such as "simulated data".

    Returns:
        The written paths by file name.

    Raises:
        ValueError: the image has no wavenumbers.
    """
    if image.wavenumbers is None:
        raise ValueError(f"{image.name}: the figures need wavenumbers")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    best = best_classical or best_method(rows, outputs, without=("raw", savgol, network))
    chosen = [name for name in (savgol, best, network) if name is not None and name in outputs]
    shown = {name: np.asarray(outputs[name], np.float64) for name in chosen}
    paths = {name: folder / name for name in ("figure_spectra.png", "figure_mse.png", "figure_maps.png")}
    spectra_figure(paths["figure_spectra.png"], image, shown, network=network, data_note=data_note)
    mse_figure(paths["figure_mse.png"], rows, network=network, data_note=data_note)
    if image.image_shape is None or not holds(image.wavenumbers, peak):
        del paths["figure_maps.png"]
        return paths
    dwell = (dwell_noisy, dwell_target)
    maps_figure(paths["figure_maps.png"], image, shown, peak=peak, dwell=dwell, data_note=data_note)
    return paths


def best_method(rows: Sequence[Row], among: Mapping[str, Any], without: Sequence[str] = ()) -> str | None:
    """Name of the method of least mean MSE among some, or None."""
    names = [each.method for each in summarise_rows(rows) if each.method in among]
    return next((name for name in names if name not in without), None)


def peak_map(spectra: npt.ArrayLike, wavenumbers: npt.ArrayLike, peak: float = PEAK) -> Array:
    """Intensity `[N]` at the channel nearest to `peak` (cm^-1), each spectrum over its own maximum.

    Raises:
        ValueError: the peak lies outside the wavenumbers.
    """
    return over_own_maximum(spectra)[..., nearest_channel(wavenumbers, peak)]


def spectra_figure(
    path: str | Path,
    image: EvaluationImage,
    outputs: Mapping[str, npt.ArrayLike],
    *,
    network: str = REFERENCE,
    data_note: str = "",
) -> None:
    """Draw three example spectra under each other: noisy, target, outputs, over their own maxima.

    The examples are the pixels at the 95th, 75th and 50th percentile of the target's strength at `PEAK` (of
    its highest intensity where the axis does not hold it), so that nobody picks the ones that look best.
    """
    axis = np.asarray(image.wavenumbers, np.float64)
    figure = new_figure(8.0, 8.4)
    panels = figure.subplots(3, 1, sharex=True)
    for panel, (percentile, index) in zip(panels, _examples(image), strict=True):
        curves = {"noisy input": image.noisy, "target": image.target, **outputs}
        for name, spectra in curves.items():
            style = _curve_style(name, list(outputs), network)
            panel.plot(axis, over_own_maximum(np.asarray(spectra)[index]), label=name, **style)
        title = f"spectrum {index}{_place(index, image)}, {percentile}th percentile of band strength"
        panel.set_title(title, fontsize=10, loc="left")
        panel.set_ylim(min(0.0, panel.get_ylim()[0]), 1.05)
        panel.set_xlim(axis.min(), axis.max())
        panel.spines[["top", "right"]].set_visible(False)
    panels[1].set_ylabel("Intensity / own maximum", fontsize=11)
    panels[-1].set_xlabel(AXIS_LABEL, fontsize=11)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False)
    add_title(figure, f"Example spectra, {image.name}", data_note)
    save_png(figure, path)


def maps_figure(
    path: str | Path,
    image: EvaluationImage,
    outputs: Mapping[str, npt.ArrayLike],
    *,
    peak: float = PEAK,
    dwell: tuple[float, float] = (0.1, 1.0),
    data_note: str = "",
) -> None:
    """Draw maps of the intensity at `peak` cm^-1: noisy, outputs, target, one colour scale for all.

    The scale runs from the 1st to the 99th percentile of the target. `dwell` is seconds a pixel of the noisy
    and of the target measurement; the outputs cost the noisy one's time.

    Raises:
        ValueError: the image has no raster, or `peak` lies outside its wavenumbers.
    """
    if image.image_shape is None or image.wavenumbers is None:
        raise ValueError(f"{image.name}: maps need the image's shape and wavenumbers")
    times = [imaging_time(len(image.noisy), seconds) for seconds in dwell]
    named = {"noisy input": image.noisy, **outputs, "target": image.target}
    maps = {name: peak_map(spectra, image.wavenumbers, peak) for name, spectra in named.items()}
    low, high = np.percentile(maps["target"], [1, 99])
    stacked = image.image_shape[1] > 2 * image.image_shape[0]
    figure = _maps_canvas(len(maps), image.image_shape, stacked)
    panels = figure.subplots(*((len(maps), 1) if stacked else (1, len(maps))), squeeze=False).ravel()
    for panel, (name, values) in zip(panels, maps.items(), strict=True):
        drawn = panel.imshow(
            values.reshape(image.image_shape), vmin=low, vmax=high, cmap="viridis", interpolation="nearest"
        )
        time = times[1] if name == "target" else times[0]
        panel.set_title(f"{name}, {time}" if stacked else f"{name}\n{time}", fontsize=10)
    bare(panels)
    bar = figure.colorbar(drawn, ax=list(panels), extend="both", shrink=0.9, pad=0.01)
    bar.set_label(f"{peak:g} cm$^{{-1}}$ / own maximum", fontsize=9)
    add_title(figure, f"Intensity at {peak:g} cm$^{{-1}}$ and imaging time (min:s), {image.name}", data_note)
    save_png(figure, path)


def _examples(image: EvaluationImage) -> list[tuple[int, int]]:
    """(percentile, index) of three spectra, chosen by the target alone."""
    axis = np.asarray(image.wavenumbers, np.float64)
    strength = peak_map(image.target, axis) if holds(axis, PEAK) else np.asarray(image.target).max(axis=-1)
    order = np.argsort(strength, kind="stable")
    return [(percent, int(order[round((len(order) - 1) * percent / 100)])) for percent in (95, 75, 50)]


def _place(index: int, image: EvaluationImage) -> str:
    if image.image_shape is None:
        return ""
    row, column = divmod(index, image.image_shape[1])
    return f" (row {row}, column {column})"


def _maps_canvas(count: int, image_shape: tuple[int, int], stacked: bool) -> Figure:
    """Room for maps of one shape, under each other where they are much wider than high."""
    ratio = image_shape[0] / image_shape[1]
    if stacked:
        return new_figure(8.0, count * (0.3 + max(0.3, 6.6 * ratio)) + 0.9)
    return new_figure(2.5 * count + 0.8, min(2.5 * ratio, 7.0) + 1.3)


def _curve_style(name: str, methods: Sequence[str], network: str) -> dict[str, Any]:
    if name == "noisy input":
        return {"color": COLOURS["noisy"], "lw": 0.8}
    if name == "target":
        return {"color": COLOURS["target"], "lw": 1.3}
    if name == network:
        return {"color": COLOURS["network"], "lw": 1.5}
    if name == methods[0]:
        return {"color": COLOURS["one spectrum"], "lw": 1.0}
    return {"color": COLOURS["whole map"], "lw": 1.0, "ls": "--"}
