"""The picture of upsampled maps and their errors (paper, Figure 3a)."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from deeper_jax.evaluation.figures import PEAK, imaging_time
from deeper_jax.evaluation.plot_style import add_title, new_figure
from deeper_jax.evaluation.super_resolution import (
    Array,
    EvaluationPair,
    border_pixels,
    over_global_maximum,
    sampled_pixels,
)

Case = tuple[EvaluationPair, Mapping[str, npt.ArrayLike]]
"""An image and the output `[s h, s w, L]` of each method to show on it, by name."""

EXAMPLE_PERCENTILES = (98, 85)
"""Strength of the band, among the pixels that may be chosen, at which the example pixels lie."""
_BAR_LENGTHS_UM = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_PANEL = 1.75  # inches
_OUTLINE = [withStroke(linewidth=2.0, foreground="#000000")]


def band_map(image: npt.ArrayLike, pair: EvaluationPair, peak: float = PEAK) -> Array:
    """Intensity `[..., ...]` of an image at the channel nearest to `peak`, over the target's global maximum.

    Raises:
        ValueError: the pair has no wavenumbers, or the peak lies outside them.
    """
    if pair.wavenumbers is None:
        raise ValueError(f"{pair.name}: maps of a band need wavenumbers")
    axis = np.asarray(pair.wavenumbers, np.float64)
    if not axis.min() <= peak <= axis.max():
        raise ValueError(f"{peak:g} cm^-1 lies outside the axis, {axis.min():g} to {axis.max():g} cm^-1")
    channel = int(np.argmin(np.abs(axis - peak)))
    return over_global_maximum(np.asarray(image)[..., channel], pair.hr_image)


def example_pixels(pair: EvaluationPair, peak: float = PEAK) -> list[tuple[int, int]]:
    """(row, column) of the pixels whose spectra are shown, chosen by the target alone.

    They lie off the border and between the samples, where a method has to invent something, at the
    `EXAMPLE_PERCENTILES` of the band's strength there.
    """
    allowed = ~sampled_pixels(pair) & ~border_pixels(pair)
    if not allowed.any():
        allowed = np.ones_like(allowed)
    places = np.argwhere(allowed)
    order = np.argsort(band_map(pair.hr_image, pair, peak)[allowed], kind="stable")
    picked = [order[round((len(order) - 1) * percent / 100)] for percent in EXAMPLE_PERCENTILES]
    return [(int(row), int(column)) for row, column in places[picked]]


def maps_figure(cases: Sequence[Case], *, peak: float = PEAK, dwell: float | None = 1.0, data_note: str = "") -> Figure:
    """Draw, for each case, the maps of one band and under them the errors of the outputs.

    Columns: the low-resolution image in its own size, every output, the target. The colour scale of the maps
    runs from the 1st to the 99th percentile of the target, that of the errors over plus and minus the 98th
    percentile of all their sizes, both shared by a case. Crosses on the first case's target mark the
    `example_pixels`.

    Args:
        cases: usually one image at one scale or several; all with the same methods.
        peak: wavenumber of the maps in cm^-1.
        dwell: seconds a pixel for the imaging times; None leaves them out.
        data_note: a few words under the title, such as "simulated data".

    Raises:
        ValueError: the cases' methods differ, or a pair cannot give the map.
    """
    names = list(cases[0][1])
    if any(list(outputs) != names for _, outputs in cases):
        raise ValueError("all cases of one figure need the same methods in the same order")
    ratio = np.shape(cases[0][0].hr_image)[0] / np.shape(cases[0][0].hr_image)[1]
    figure = new_figure(_PANEL * (len(names) + 2) + 0.9, 2 * len(cases) * (_PANEL * ratio + 0.2) + 0.6)
    panels = figure.subplots(2 * len(cases), len(names) + 2, squeeze=False)
    for index, (pair, outputs) in enumerate(cases):
        _draw_case(figure, panels[2 * index : 2 * index + 2], pair, outputs, peak, dwell)
    for number, (row, column) in enumerate(example_pixels(cases[0][0], peak), 1):
        _mark(panels[0, -1], row, column, str(number))
    images = dict.fromkeys(pair.name for pair, _ in cases)
    add_title(figure, f"Intensity at {peak:g} cm$^{{-1}}$, {', '.join(images)}", data_note)
    return figure


def _draw_case(
    figure: Figure,
    panels: npt.NDArray,
    pair: EvaluationPair,
    outputs: Mapping[str, npt.ArrayLike],
    peak: float,
    dwell: float | None,
) -> None:
    target = band_map(pair.hr_image, pair, peak)
    maps = {name: band_map(output, pair, peak) for name, output in outputs.items()}
    low, high = np.percentile(target, [1, 99])
    _draw_input(panels[0, 0], pair, peak, (low, high), dwell)
    for panel, (name, values) in zip(panels[0, 1:], {**maps, "target": target}.items(), strict=True):
        drawn = panel.imshow(values, vmin=low, vmax=high, cmap="viridis", interpolation="nearest")
        title = name if dwell is None or name != "target" else f"{name}, {imaging_time(target.size, dwell)}"
        panel.set_title(title, fontsize=9)
    _draw_scale_bar(panels[0, -1], pair)
    errors = {name: values - target for name, values in maps.items()}
    span = float(np.percentile(np.abs(np.stack(list(errors.values()))), 98)) if errors else 1.0
    for panel, (name, error) in zip(panels[1, 1:-1], errors.items(), strict=True):
        shown = panel.imshow(error, vmin=-span, vmax=span, cmap="RdBu_r", interpolation="nearest")
        panel.set_title(f"error, MSE {np.mean(errors[name] ** 2):.2e}", fontsize=8)
    for panel in panels.ravel():
        panel.set_xticks([])
        panel.set_yticks([])
    panels[1, 0].set_axis_off()
    if pair.truth is None:
        panels[1, -1].set_axis_off()
    else:
        panels[1, -1].imshow(
            band_map(pair.truth, pair, peak), vmin=low, vmax=high, cmap="viridis", interpolation="nearest"
        )
        panels[1, -1].set_title("noise-free truth", fontsize=9)
    bar = figure.colorbar(drawn, ax=list(panels[0]), extend="both", pad=0.01, aspect=12, shrink=0.85)
    bar.set_label("over target's maximum", fontsize=8)
    if errors:
        bar = figure.colorbar(shown, ax=list(panels[1]), extend="both", pad=0.01, aspect=12, shrink=0.85)
        bar.set_label("output - target", fontsize=8)


def _draw_input(
    panel: Axes, pair: EvaluationPair, peak: float, limits: tuple[float, float], dwell: float | None
) -> None:
    """The low-resolution image, its pixels as large as the others', in the middle of an empty panel."""
    values = band_map(pair.lr_image, pair, peak)
    (height, width), (rows, columns) = values.shape, np.shape(pair.hr_image)[:2]
    left, top = (columns - width) / 2 - 0.5, (rows - height) / 2 - 0.5
    panel.imshow(
        values,
        vmin=limits[0],
        vmax=limits[1],
        cmap="viridis",
        interpolation="nearest",
        extent=(left, left + width, top + height, top),
    )
    panel.set_xlim(-0.5, columns - 0.5)
    panel.set_ylim(rows - 0.5, -0.5)
    panel.spines[:].set_visible(False)
    time = "" if dwell is None else f", {imaging_time(values.size, dwell)}"
    panel.set_title(f"input {height} x {width}{time}", fontsize=9)
    panel.set_ylabel(f"{pair.scale}x", fontsize=13, fontweight="bold", rotation=0, labelpad=14, va="center")


def _draw_scale_bar(panel: Axes, pair: EvaluationPair) -> None:
    if not pair.pixel_size_um:
        return
    rows, columns = np.shape(pair.hr_image)[:2]
    quarter = columns * pair.pixel_size_um / 4
    length = max((each for each in _BAR_LENGTHS_UM if each <= quarter), default=_BAR_LENGTHS_UM[0])
    pixels, height, left, bottom = length / pair.pixel_size_um, rows / 35, columns * 0.05, rows * 0.94
    panel.add_patch(
        Rectangle((left, bottom - height), pixels, height, facecolor="#FFFFFF", edgecolor="#000000", lw=0.5)
    )
    panel.text(
        left,
        bottom - 1.6 * height,
        f"{length:g} µm",
        color="#FFFFFF",
        fontsize=8,
        va="bottom",
        path_effects=_OUTLINE,
    )


def _mark(panel: Axes, row: int, column: int, label: str) -> None:
    panel.plot(column, row, "+", color="#FFFFFF", ms=8, mew=1.3, path_effects=_OUTLINE)
    panel.annotate(
        label,
        (column, row),
        (5, 3),
        textcoords="offset points",
        color="#FFFFFF",
        fontsize=9,
        path_effects=_OUTLINE,
    )
