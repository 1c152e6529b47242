"""Pictures of a denoising evaluation, after the paper's Figure 2a-c: spectra, errors, peak-intensity maps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from deeper_jax.evaluation.denoising import EvaluationImage, Row
from deeper_jax.evaluation.metrics import over_own_maximum
from deeper_jax.evaluation.summary import REFERENCE, MethodSummary, metric_values, summarise_rows

Array = npt.NDArray[np.float64]

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLOURS = {
    "noisy": "#BBBBBB",
    "target": "#000000",
    "network": "#D55E00",
    "one spectrum": "#56B4E9",
    "whole map": "#0072B2",
    "raw": "#999999",
}
"""Colour of each kind of curve or bar."""

PEAK = 1450.0
"""The CH2/CH3 band of the paper's maps, in cm^-1."""
_LOG_FROM = 12.0  # means that differ by more than this factor are drawn on a log axis, as points
_AXIS_LABEL = "Raman shift (cm$^{-1}$)"


def denoising_figure(
    folder: str | Path,
    image: EvaluationImage,
    outputs: Mapping[str, npt.ArrayLike],
    rows: Sequence[Row],
    *,
    savgol: str = "SG(1,9)",
    network: str = REFERENCE,
    best_classical: str | None = None,
    dwell_noisy: float = 0.1,
    dwell_target: float = 1.0,
    data_note: str = "",
) -> dict[str, Path]:
    """Write figure_spectra.png, figure_mse.png and, for an image in raster order, figure_maps.png.

    Args:
        folder: where to write; made where it is missing.
        image: the image whose spectra and maps are shown; it needs `wavenumbers`.
        outputs: `[N, L]` of each method to show on it, by the names that the rows use.
        rows: of all images, for the bar chart.
        savgol, network: names of the two methods in every picture, each left out when not among the outputs.
        best_classical: name of a third method; by default the one of least mean MSE among the other outputs.
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
    shown = {
        name: np.asarray(outputs[name], np.float64) for name in (savgol, best, network) if name in outputs
    }
    paths = {"figure_spectra.png": folder / "figure_spectra.png", "figure_mse.png": folder / "figure_mse.png"}
    spectra_figure(paths["figure_spectra.png"], image, shown, network=network, data_note=data_note)
    mse_figure(paths["figure_mse.png"], rows, network=network, data_note=data_note)
    if image.image_shape is not None:
        paths["figure_maps.png"] = folder / "figure_maps.png"
        dwell = (dwell_noisy, dwell_target)
        maps_figure(paths["figure_maps.png"], image, shown, dwell=dwell, data_note=data_note)
    return paths


def best_method(rows: Sequence[Row], among: Mapping[str, Any], without: Sequence[str] = ()) -> str | None:
    """Name of the method of least mean MSE among some, or None."""
    names = [each.method for each in summarise_rows(rows) if each.method in among]
    return next((name for name in names if name not in without), None)


def imaging_time(pixels: int, dwell: float) -> str:
    """Pixels times dwell time in seconds as min:sec, for example 4096 x 1 s = 68:16."""
    seconds = int(pixels * dwell + 0.5 - 1e-9)
    return f"{seconds // 60}:{seconds % 60:02d}"


def peak_map(spectra: npt.ArrayLike, wavenumbers: npt.ArrayLike, peak: float = PEAK) -> Array:
    """Intensity `[N]` at the channel nearest to `peak` (cm^-1), each spectrum over its own maximum.

    Raises:
        ValueError: the peak lies outside the wavenumbers.
    """
    axis = np.asarray(wavenumbers, np.float64)
    if not axis.min() <= peak <= axis.max():
        raise ValueError(f"{peak:g} cm^-1 lies outside the axis, {axis.min():g} to {axis.max():g} cm^-1")
    return over_own_maximum(spectra)[..., int(np.argmin(np.abs(axis - peak)))]


def spectra_figure(
    path: str | Path,
    image: EvaluationImage,
    outputs: Mapping[str, npt.ArrayLike],
    *,
    network: str = REFERENCE,
    data_note: str = "",
) -> None:
    """Draw three example spectra under each other: noisy, target and each output, over their own maxima.

    The examples are the pixels at the 95th, 75th and 50th percentile of the target's strength at `PEAK` (of
    its highest intensity where the axis does not hold it), so that nobody picks the ones that look best.
    """
    axis = np.asarray(image.wavenumbers, np.float64)
    figure = Figure(figsize=(8.0, 8.4), dpi=150, layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    for panel, (percentile, index) in zip(panels, _examples(image), strict=True):
        panel.plot(
            axis, over_own_maximum(image.noisy[index]), color=COLOURS["noisy"], lw=0.8, label="noisy input"
        )
        panel.plot(
            axis, over_own_maximum(image.target[index]), color=COLOURS["target"], lw=1.3, label="target"
        )
        for name, output in outputs.items():
            style = _curve_style(name, network)
            panel.plot(axis, over_own_maximum(np.asarray(output)[index]), label=name, **style)
        place = (
            ""
            if image.image_shape is None
            else " (row {}, column {})".format(*np.unravel_index(index, image.image_shape))
        )
        panel.set_title(
            f"spectrum {index}{place}, {percentile}th percentile of band strength", fontsize=10, loc="left"
        )
        panel.set_ylim(min(0.0, panel.get_ylim()[0]), 1.05)
        panel.set_xlim(axis.min(), axis.max())
        panel.spines[["top", "right"]].set_visible(False)
    panels[1].set_ylabel("Intensity / own maximum", fontsize=11)
    panels[-1].set_xlabel(_AXIS_LABEL, fontsize=11)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False)
    _title(figure, f"Example spectra, {image.name}", data_note)
    _save(figure, path)


def mse_figure(
    path: str | Path,
    rows: Sequence[Row],
    *,
    network: str = REFERENCE,
    data_note: str = "",
    metric: str = "mse",
) -> None:
    """Draw the mean error of each method with its 95 % interval and a point for each image.

    Bars from zero; where the means differ more than twelvefold, points on a log axis instead, since a bar on a
    log axis has no honest foot.
    """
    summaries = [each for each in summarise_rows(rows, network) if metric in each.metrics][::-1]
    means = np.array([each.metrics[metric].mean for each in summaries], np.float64)
    log = bool(means.min() > 0 and means.max() / means.min() > _LOG_FROM)
    figure = Figure(figsize=(8.0, 1.6 + 0.3 * len(summaries)), dpi=150, layout="constrained")
    panel = figure.subplots()
    for height, each in enumerate(summaries):
        _draw_method(
            panel, height, each, list(metric_values(rows, each.method, metric).values()), metric, log
        )
    panel.set_yticks(range(len(summaries)), [each.method for each in summaries])
    panel.set_ylim(-0.6, len(summaries) - 0.4)
    panel.set_xscale("log" if log else "linear")
    if not log:
        panel.set_xlim(left=0)
    panel.set_xlabel(f"Mean squared error{' (log axis)' if log else ''}, spectra over their own maxima")
    panel.grid(axis="x", color="#DDDDDD", lw=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    figure.legend(
        handles=_mse_legend(summaries), loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    images = len({row.image for row in rows})
    interval = f"95 % interval over {images} images" if images > 1 else "one image, no interval"
    _title(figure, f"Error of each method ({interval})", data_note)
    _save(figure, path)


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
    height, width = image.image_shape
    stacked = width > 2 * height
    shape = (len(maps), 1) if stacked else (1, len(maps))
    size = (
        (8.0, len(maps) * (0.45 + 6.6 * height / width) + 0.9)
        if stacked
        else (
            2.5 * len(maps) + 0.8,
            2.5 * height / width + 1.3,
        )
    )
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    panels = figure.subplots(*shape, squeeze=False).ravel()
    for panel, (name, values) in zip(panels, maps.items(), strict=True):
        drawn = panel.imshow(
            values.reshape(height, width), vmin=low, vmax=high, cmap="viridis", interpolation="nearest"
        )
        time = times[1] if name == "target" else times[0]
        panel.set_title(f"{name}{'  ' if stacked else chr(10)}{time} min", fontsize=10)
        panel.set_xticks([])
        panel.set_yticks([])
    bar = figure.colorbar(drawn, ax=list(panels), extend="both", shrink=0.9, pad=0.01)
    bar.set_label(f"{peak:g} cm$^{{-1}}$ / own maximum", fontsize=9)
    _title(figure, f"Intensity at {peak:g} cm$^{{-1}}$ and imaging time, {image.name}", data_note)
    _save(figure, path)


def _examples(image: EvaluationImage) -> list[tuple[int, int]]:
    """(percentile, index) of three spectra, chosen by the target alone."""
    axis = np.asarray(image.wavenumbers, np.float64)
    inside = axis.min() <= PEAK <= axis.max()
    strength = peak_map(image.target, axis) if inside else np.asarray(image.target).max(axis=-1)
    order = np.argsort(strength, kind="stable")
    return [(percent, int(order[round((len(order) - 1) * percent / 100)])) for percent in (95, 75, 50)]


def _curve_style(name: str, network: str) -> dict[str, Any]:
    if name == network:
        return {"color": COLOURS["network"], "lw": 1.5}
    savgol = name.startswith("SG")
    return {
        "color": COLOURS["one spectrum" if savgol else "whole map"],
        "lw": 1.0,
        "ls": "-" if savgol else "--",
    }


def _kind(summary: MethodSummary) -> str:
    if summary.method in (REFERENCE, "raw"):
        return summary.method
    return "whole map" if summary.uses_whole_map else "one spectrum"


def _draw_method(
    panel: Axes, height: int, summary: MethodSummary, values: Sequence[float], metric: str, log: bool
) -> None:
    mean, low, high, _ = summary.metrics[metric]
    colour = COLOURS[_kind(summary)]
    if log:
        panel.plot(mean, height, "D", color=colour, ms=7, zorder=3)
    else:
        panel.barh(height, mean, color=colour, height=0.7)
    if len(values) > 1:
        spread = np.linspace(-0.2, 0.2, len(values)) + height
        panel.plot(values, spread, "o", ms=2.5, mfc="none", mec="#333333", mew=0.6, zorder=4)
    if low is not None and high is not None and (low > 0 or not log):
        panel.plot([low, high], [height, height], color="#000000", lw=1.4, zorder=5)


def _mse_legend(summaries: Sequence[MethodSummary]) -> list[Line2D]:
    words = {
        "network": "network (one spectrum at a time)",
        "one spectrum": "one spectrum at a time",
        "whole map": "all spectra of the map at once",
        "raw": "raw input",
    }
    used = {_kind(each) for each in summaries}
    return [
        Line2D([], [], marker="s", ls="", ms=8, color=COLOURS[kind], label=text)
        for kind, text in words.items()
        if kind in used
    ]


def _title(figure: Figure, title: str, data_note: str) -> None:
    figure.suptitle(f"{title}\n{data_note}" if data_note else title, fontsize=12)


def _save(figure: Figure, path: str | Path) -> None:
    FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})
