"""Pictures of a super-resolution evaluation, after the paper's Figure 3: maps, spectra, scores, channels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deeper_jax.evaluation.image_scores import (
    EvaluationPair,
    SuperResolutionRow,
    border_pixels,
    over_global_maximum,
    sampled_pixels,
)
from deeper_jax.evaluation.map_figures import Panel, Row, panels_figure, percentile_limits
from deeper_jax.evaluation.plot_style import (
    COLOURS,
    PEAK,
    add_title,
    holds,
    imaging_time,
    nearest_channel,
    save_figures,
    series_colours,
    spectral_panels,
)
from deeper_jax.evaluation.score_figures import scores_figure
from deeper_jax.evaluation.spectra_scores import Array
from deeper_jax.evaluation.summary import BANDS, REFERENCE, metric_values

EXAMPLE_PERCENTILES = (98, 85)
"""Strength of the band, among the pixels that may be chosen, at which the example pixels lie."""
SCORES = {"psnr": "PSNR / dB", "ssim": "SSIM", "mse": "MSE", "mse_truth": "MSE to truth"}
"""Metrics that are drawn, and their titles."""
DWELL = 1.0
"""Seconds a pixel, for the imaging times."""


def super_resolution_figure(
    folder: str | Path,
    pair: EvaluationPair,
    outputs: Mapping[str, npt.ArrayLike],
    rows: Sequence[SuperResolutionRow],
    *,
    data_note: str = "",
) -> dict[str, Path]:
    """Write figure_super_resolution_{maps,spectra,scores,channels}.png.

    The first two are left out where the image's axis does not hold `PEAK` or is not known, the last where it is
    not known.

    Args:
        folder: where to write; made where it is missing.
        pair: the image to show.
        outputs: `[s h, s w, L]` of each method to show on it and in the charts, by the names that the rows use.
        rows: of all images.
        data_note: a few words under every title, such as "simulated data".

    Returns:
        The written paths by file name.
    """
    title = "Super-resolution: mean and 95 % interval over images"
    figures = {"scores": scores_figure(_score_groups(rows, list(outputs)), title=title, data_note=data_note)}
    if pair.wavenumbers is not None:
        colours = series_colours(outputs, REFERENCE)
        figures["channels"] = channels_figure(rows, pair, colours, data_note=data_note)
        if holds(pair.wavenumbers, PEAK):
            figures["maps"] = maps_figure(pair, outputs, data_note=data_note)
            places = example_pixels(pair)
            figures["spectra"] = spectra_figure(pair, outputs, colours, places=places, data_note=data_note)
    return save_figures(folder, {f"figure_super_resolution_{name}.png": each for name, each in figures.items()})


def _score_groups(
    rows: Sequence[SuperResolutionRow], methods: Sequence[str]
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """By the scale in words, metric, method and image: what of `SCORES` is known."""
    known = {name: title for name, title in SCORES.items() if any(getattr(row, name) is not None for row in rows)}
    label = f"{rows[0].scale}x, n = {len({row.image for row in rows})}"
    return {label: {t: {name: metric_values(rows, name, metric) for name in methods} for metric, t in known.items()}}


def band_map(image: npt.ArrayLike, pair: EvaluationPair) -> Array:
    """Intensity `[..., ...]` of an image at the channel nearest to `PEAK`, over the target's global maximum.

    Raises:
        ValueError: the pair has no wavenumbers, or `PEAK` lies outside them.
    """
    if pair.wavenumbers is None:
        raise ValueError(f"{pair.name}: maps of a band need wavenumbers")
    return over_global_maximum(np.asarray(image)[..., nearest_channel(pair.wavenumbers, PEAK)], pair.hr_image)


def example_pixels(pair: EvaluationPair) -> list[tuple[int, int]]:
    """(row, column) of the pixels whose spectra are shown, chosen by the target alone.

    They lie off the border and between the samples, where a method has to invent something, at the
    `EXAMPLE_PERCENTILES` of the band's strength there.
    """
    allowed = ~sampled_pixels(pair) & ~border_pixels(pair)
    if not allowed.any():
        allowed = np.ones_like(allowed)
    places = np.argwhere(allowed)
    order = np.argsort(band_map(pair.hr_image, pair)[allowed], kind="stable")
    picked = [order[round((len(order) - 1) * percent / 100)] for percent in EXAMPLE_PERCENTILES]
    return [(int(row), int(column)) for row, column in places[picked]]


def maps_figure(pair: EvaluationPair, outputs: Mapping[str, npt.ArrayLike], *, data_note: str = "") -> Figure:
    """Draw the maps of the band at `PEAK`, and under them the errors of the outputs and the truth, if known.

    Columns: the low-resolution image in its own size, every output, the target. The colour scale of the maps
    runs from the 1st to the 99th percentile of the target, that of the errors over plus and minus the 98th
    percentile of all their sizes. Crosses on the target mark the `example_pixels`.

    Raises:
        ValueError: the pair cannot give the map.
    """
    target, given = band_map(pair.hr_image, pair), band_map(pair.lr_image, pair)
    maps = {name: band_map(output, pair) for name, output in outputs.items()}
    limits, times = percentile_limits(target), [imaging_time(each.size, DWELL) for each in (given, target)]
    errors = {name: values - target for name, values in maps.items()}
    span = float(np.percentile(np.abs(list(errors.values())), 98))
    marks = {str(number): place for number, place in enumerate(example_pixels(pair), 1)}
    upper = [
        Panel("input {} x {}".format(*given.shape), _amid_nothing(given, target.shape), times[0], limits),
        *(Panel(name, values, "", limits) for name, values in maps.items()),
        Panel("target", target, times[1], limits, marks=marks),
    ]
    lower = [
        None,
        *(Panel(f"error, MSE {np.mean(each**2):.2e}", each, "", (-span, span), "RdBu_r") for each in errors.values()),
        None if pair.truth is None else Panel("noise-free truth", band_map(pair.truth, pair), "", limits),
    ]
    rows = [
        Row(f"{pair.scale}x", upper, "over target's maximum", pair.pixel_size_um),
        Row("", lower, "output - target"),
    ]
    title = f"Intensity at {PEAK:g} cm⁻¹, {pair.name}"
    return panels_figure(rows, title=title, data_note=data_note)


def _amid_nothing(image: Array, shape: tuple[int, ...]) -> Array:
    """An image in the middle of a larger one of NaN, so that its pixels are drawn as large as the others'."""
    around = np.full(shape, np.nan)
    top, left = ((whole - part) // 2 for whole, part in zip(shape, image.shape, strict=True))
    around[top : top + image.shape[0], left : left + image.shape[1]] = image
    return around


def spectra_figure(
    pair: EvaluationPair,
    outputs: Mapping[str, npt.ArrayLike],
    colours: Mapping[str, str],
    *,
    places: Sequence[tuple[int, int]],
    data_note: str = "",
) -> Figure:
    """Draw the spectra of pixels that were not measured, (row, column) each, over the target's global maximum."""
    height = 2.6 * len(places) + 1.0
    figure, panels, axis = spectral_panels(len(places), height, pair.wavenumbers, pair.hr_image.shape[-1])
    for number, (panel, place) in enumerate(zip(panels, places, strict=True), 1):
        target = over_global_maximum(pair.hr_image[place], pair.hr_image)
        panel.plot(axis, target, color=COLOURS["target"], lw=1.3, label="target")
        for name, output in outputs.items():
            spectrum = over_global_maximum(np.asarray(output)[place], pair.hr_image)
            error = np.mean((spectrum - target) ** 2)
            panel.plot(axis, spectrum, color=colours[name], lw=1.0, label=f"{name}, MSE {error:.1e}")
        panel.set_title(f"{number}: row {place[0]}, column {place[1]}, not measured", fontsize=10, loc="left")
        panel.legend(fontsize=8, frameon=False, loc="upper left")
    figure.supylabel("Intensity over the target's maximum", fontsize=11)
    add_title(figure, f"Spectra at the marked pixels, {pair.name}, {pair.scale}x", data_note)
    return figure


def channels_figure(
    rows: Sequence[SuperResolutionRow], pair: EvaluationPair, colours: Mapping[str, str], *, data_note: str = ""
) -> Figure:
    """Draw each method's MSE by wavenumber, mean over images, over the mean spectrum of one target."""
    length = pair.hr_image.shape[-1]
    figure, (upper, lower), axis = spectral_panels(2, 5.2, pair.wavenumbers, length, height_ratios=(3, 1))
    for name, colour in colours.items():
        errors = [row.channel_mse for row in rows if row.method == name]
        if errors:
            upper.plot(axis, np.mean(errors, axis=0), color=colour, lw=1.2, label=name)
    upper.set_yscale("log")
    upper.set_ylabel("MSE of the channel, log axis", fontsize=10)
    # Above the panel, where no curve can run through it.
    upper.legend(fontsize=9, frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    mean = over_global_maximum(pair.hr_image, pair.hr_image).mean(axis=(0, 1))
    lower.plot(axis, mean, color=COLOURS["target"], lw=1.1)
    lower.set_ylabel("target's mean", fontsize=10)
    for panel in (upper, lower):
        for low, high in BANDS.values():
            panel.axvspan(max(low, axis.min()), min(high, axis.max()), color="#EEEEEE", zorder=0)
    add_title(figure, f"Error by wavenumber, {pair.scale}x", data_note)
    return figure
