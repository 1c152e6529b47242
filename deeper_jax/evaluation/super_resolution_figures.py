"""Pictures of a super-resolution evaluation, after the paper's Figure 3: maps, spectra, scores, channels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deeper_jax.evaluation.bands import BANDS
from deeper_jax.evaluation.comparisons import best_classical as best_registered
from deeper_jax.evaluation.figures import PEAK
from deeper_jax.evaluation.plot_style import COLOURS, add_title, new_figure, save_png
from deeper_jax.evaluation.score_figure import scores_figure
from deeper_jax.evaluation.summary import REFERENCE
from deeper_jax.evaluation.super_resolution import EvaluationPair, SuperResolutionRow, over_global_maximum
from deeper_jax.evaluation.super_resolution_maps import Case, example_pixels, maps_figure

_AXIS_LABEL = "Raman shift (cm$^{-1}$)"


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
    own = rows_of(cases[0], rows)
    best = best_classical or best_registered(own, "mse", network)
    colours = method_colours(best, network)
    shown = {name: colour for name, colour in colours.items() if all(name in outputs for _, outputs in cases)}
    drawn = [(pair, {name: outputs[name] for name in shown}) for pair, outputs in cases]
    axis = cases[0][0].wavenumbers
    figures = {"scores": scores_figure(rows, colours, data_note=data_note)}
    if axis is not None:
        figures["channels"] = channels_figure(own, cases[0][0], colours, data_note=data_note)
        if np.min(axis) <= peak <= np.max(axis):
            figures["maps"] = maps_figure(drawn, peak=peak, dwell=dwell, data_note=data_note)
            figures["spectra"] = spectra_figure(*drawn[0], shown, peak=peak, data_note=data_note)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, figure in figures.items():
        path = folder / f"figure_super_resolution_{name}.png"
        save_png(figure, path)
        paths[path.name] = path
    return paths


def rows_of(case: Case, rows: Sequence[SuperResolutionRow]) -> list[SuperResolutionRow]:
    """Return the rows of the case's scale."""
    return [row for row in rows if row.scale == case[0].scale]


def method_colours(best_classical: str | None, network: str = REFERENCE) -> dict[str, str]:
    """Colours of the methods in every picture, by name, in their order."""
    colours = {"nearest": COLOURS["raw"], "bicubic": COLOURS["one spectrum"]}
    if best_classical is not None:
        colours.setdefault(best_classical, COLOURS["whole map"])
    return {**colours, network: COLOURS["network"]}


def spectra_figure(
    pair: EvaluationPair,
    outputs: Mapping[str, npt.ArrayLike],
    colours: Mapping[str, str],
    *,
    peak: float = PEAK,
    data_note: str = "",
) -> Figure:
    """Draw the spectra of the marked pixels of the maps, over the target's global maximum."""
    axis = np.asarray(pair.wavenumbers, np.float64)
    places = example_pixels(pair, peak)
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
    panels[-1].set_xlabel(_AXIS_LABEL, fontsize=11)
    add_title(figure, f"Spectra at the marked pixels, {pair.name}, {pair.scale}x", data_note)
    return figure


def channels_figure(
    rows: Sequence[SuperResolutionRow],
    pair: EvaluationPair,
    colours: Mapping[str, str],
    *,
    data_note: str = "",
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
    lower.set_xlabel(_AXIS_LABEL, fontsize=11)
    lower.set_xlim(axis.min(), axis.max())
    for panel in (upper, lower):
        for low, high in BANDS.values():
            panel.axvspan(max(low, axis.min()), min(high, axis.max()), color="#EEEEEE", zorder=0)
        panel.spines[["top", "right"]].set_visible(False)
    add_title(figure, f"Error by wavenumber, {pair.scale}x", data_note)
    return figure
