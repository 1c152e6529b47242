"""Pictures of a super-resolution evaluation, after the paper's Figure 3: maps, spectra, scores, channels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deeper_jax.evaluation.image_scores import (
    EvaluationPair,
    SuperResolutionRow,
    border_pixels,
    over_global_maximum,
    sampled_pixels,
)
from deeper_jax.evaluation.plot_style import (
    AXIS_LABEL,
    COLOURS,
    OUTLINE,
    PEAK,
    add_title,
    bare,
    draw_scale_bar,
    holds,
    imaging_time,
    nearest_channel,
    new_figure,
    save_png,
)
from deeper_jax.evaluation.score_figures import scores_figure
from deeper_jax.evaluation.spectra_scores import Array
from deeper_jax.evaluation.summary import BANDS, REFERENCE, metric_values
from deeper_jax.evaluation.summary import best_classical as best_registered

Case = tuple[EvaluationPair, Mapping[str, npt.ArrayLike]]
"""An image and the output `[s h, s w, L]` of each method to show on it, by name."""

EXAMPLE_PERCENTILES = (98, 85)
"""Strength of the band, among the pixels that may be chosen, at which the example pixels lie."""
SCORES = {"psnr": "PSNR / dB", "ssim": "SSIM", "mse": "MSE", "mse_truth": "MSE to truth"}
"""Metrics that are drawn, and their titles."""
_PANEL = 1.75  # inches


def super_resolution_figure(
    folder: str | Path,
    cases: Sequence[Case],
    rows: Sequence[SuperResolutionRow],
    *,
    network: str = REFERENCE,
    best_classical: str | None = None,
    peak: float = PEAK,
    dwell: float | None = 1.0,
    data_note: str = "",
) -> dict[str, Path]:
    """Write figure_super_resolution_{maps,spectra,scores,channels}.png.

    The first two are left out where the first image's axis does not hold `peak` or is not known, the last
    where it is not known.

    Args:
        folder: where to write; made where it is missing.
        cases: [(pair, outputs by method)], or several of them, such as one image at 2x, 3x and 4x.
        rows: of all images and of every scale to show in the chart of scores.
        network: name of the network's output.
        best_classical: a method to show beside nearest, bicubic and the network; by default the registered
            one of least mean MSE.
        peak: wavenumber of the maps in cm^-1.
        dwell: seconds a pixel, for the imaging times; None leaves them out.
        data_note: a few words under every title, such as "simulated data".

    Returns:
        The written paths by file name.
    """
    own = [row for row in rows if row.scale == cases[0][0].scale]
    best = best_classical or best_registered(own, "mse", network)
    colours = method_colours(best, network)
    shown = {name: colour for name, colour in colours.items() if all(name in outputs for _, outputs in cases)}
    drawn = [(pair, {name: outputs[name] for name in shown}) for pair, outputs in cases]
    axis = cases[0][0].wavenumbers
    title = "Super-resolution: mean and 95 % interval over images"
    figures = {"scores": scores_figure(_score_groups(rows, colours), title=title, data_note=data_note, colours=colours)}
    if axis is not None:
        figures["channels"] = channels_figure(own, cases[0][0], colours, data_note=data_note)
        if holds(axis, peak):
            figures["maps"] = maps_figure(drawn, peak=peak, dwell=dwell, data_note=data_note)
            places = example_pixels(cases[0][0], peak)
            figures["spectra"] = spectra_figure(*drawn[0], shown, places=places, data_note=data_note)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, figure in figures.items():
        path = folder / f"figure_super_resolution_{name}.png"
        save_png(figure, path)
        paths[path.name] = path
    return paths


def _score_groups(
    rows: Sequence[SuperResolutionRow], methods: Mapping[str, str]
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """By scale, metric, method and image: what of `SCORES` is known."""
    known = {name: title for name, title in SCORES.items() if any(getattr(row, name) is not None for row in rows)}
    groups = {}
    for scale in sorted({row.scale for row in rows}):
        own = [row for row in rows if row.scale == scale]
        label = f"{scale}x, n = {len({row.image for row in own})}"
        groups[label] = {t: {name: metric_values(own, name, metric) for name in methods} for metric, t in known.items()}
    return groups


def method_colours(best_classical: str | None, network: str = REFERENCE) -> dict[str, str]:
    """Colours of the methods in every picture, by name, in their order."""
    colours = {"nearest": COLOURS["raw"], "bicubic": COLOURS["one spectrum"]}
    if best_classical is not None:
        colours.setdefault(best_classical, COLOURS["whole map"])
    return {**colours, network: COLOURS["network"]}


def band_map(image: npt.ArrayLike, pair: EvaluationPair, peak: float = PEAK) -> Array:
    """Intensity `[..., ...]` of an image at the channel nearest to `peak`, over the target's global maximum.

    Raises:
        ValueError: the pair has no wavenumbers, or the peak lies outside them.
    """
    if pair.wavenumbers is None:
        raise ValueError(f"{pair.name}: maps of a band need wavenumbers")
    return over_global_maximum(np.asarray(image)[..., nearest_channel(pair.wavenumbers, peak)], pair.hr_image)


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
    draw_scale_bar(panels[0, -1], target.shape, pair.pixel_size_um)
    errors = {name: values - target for name, values in maps.items()}
    span = float(np.percentile(np.abs(np.stack(list(errors.values()))), 98)) if errors else 1.0
    for panel, (name, error) in zip(panels[1, 1:-1], errors.items(), strict=True):
        shown = panel.imshow(error, vmin=-span, vmax=span, cmap="RdBu_r", interpolation="nearest")
        panel.set_title(f"error, MSE {np.mean(errors[name] ** 2):.2e}", fontsize=8)
    bare(panels.ravel())
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


def _mark(panel: Axes, row: int, column: int, label: str) -> None:
    panel.plot(column, row, "+", color="#FFFFFF", ms=8, mew=1.3, path_effects=OUTLINE)
    panel.annotate(
        label, (column, row), (5, 3), textcoords="offset points", color="#FFFFFF", fontsize=9, path_effects=OUTLINE
    )


def spectra_figure(
    pair: EvaluationPair,
    outputs: Mapping[str, npt.ArrayLike],
    colours: Mapping[str, str],
    *,
    places: Sequence[tuple[int, int]],
    data_note: str = "",
) -> Figure:
    """Draw the spectra of pixels that were not measured, (row, column) each, over the target's global maximum."""
    axis = np.arange(pair.hr_image.shape[-1]) if pair.wavenumbers is None else np.asarray(pair.wavenumbers, np.float64)
    figure = new_figure(8.0, 2.6 * len(places) + 1.0)
    panels = np.atleast_1d(figure.subplots(len(places), 1, sharex=True))
    for number, (panel, place) in enumerate(zip(panels, places, strict=True), 1):
        target = over_global_maximum(pair.hr_image[place], pair.hr_image)
        panel.plot(axis, target, color=COLOURS["target"], lw=1.3, label="target")
        for name, output in outputs.items():
            spectrum = over_global_maximum(np.asarray(output)[place], pair.hr_image)
            error = np.mean((spectrum - target) ** 2)
            panel.plot(axis, spectrum, color=colours[name], lw=1.0, label=f"{name}, MSE {error:.1e}")
        panel.set_title(f"{number}: row {place[0]}, column {place[1]}, not measured", fontsize=10, loc="left")
        panel.set_xlim(axis.min(), axis.max())
        panel.legend(fontsize=8, frameon=False, loc="upper left")
        panel.spines[["top", "right"]].set_visible(False)
    figure.supylabel("Intensity over the target's maximum", fontsize=11)
    panels[-1].set_xlabel("Channel" if pair.wavenumbers is None else AXIS_LABEL, fontsize=11)
    add_title(figure, f"Spectra at the marked pixels, {pair.name}, {pair.scale}x", data_note)
    return figure


def channels_figure(
    rows: Sequence[SuperResolutionRow], pair: EvaluationPair, colours: Mapping[str, str], *, data_note: str = ""
) -> Figure:
    """Draw each method's MSE by wavenumber, mean over images, over the mean spectrum of one target."""
    axis = np.asarray(pair.wavenumbers, np.float64)
    figure = new_figure(8.0, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for name, colour in colours.items():
        errors = [row.channel_mse for row in rows if row.method == name]
        if errors:
            upper.plot(axis, np.mean(errors, axis=0), color=colour, lw=1.2, label=name)
    upper.set_yscale("log")
    upper.set_ylabel("MSE of the channel, log axis", fontsize=10)
    upper.legend(fontsize=9, frameon=False, ncols=4, loc="upper left")
    mean = over_global_maximum(pair.hr_image, pair.hr_image).mean(axis=(0, 1))
    lower.plot(axis, mean, color=COLOURS["target"], lw=1.1)
    lower.set_ylabel("target's mean", fontsize=10)
    lower.set_xlabel(AXIS_LABEL, fontsize=11)
    lower.set_xlim(axis.min(), axis.max())
    for panel in (upper, lower):
        for low, high in BANDS.values():
            panel.axvspan(max(low, axis.min()), min(high, axis.max()), color="#EEEEEE", zorder=0)
        panel.spines[["top", "right"]].set_visible(False)
    add_title(figure, f"Error by wavenumber, {pair.scale}x", data_note)
    return figure
