"""Pictures of a denoising evaluation, after the paper's Figure 2a-c: spectra, errors, peak-intensity maps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deeper_jax.evaluation.map_figures import Panel, Row, panels_figure, percentile_limits
from deeper_jax.evaluation.metrics import over_own_maximum
from deeper_jax.evaluation.plot_style import (
    COLOURS,
    PEAK,
    add_title,
    holds,
    imaging_time,
    nearest_channel,
    save_figures,
    spectral_panels,
)
from deeper_jax.evaluation.score_figures import mse_figure
from deeper_jax.evaluation.spectra_scores import EvaluationImage
from deeper_jax.evaluation.spectra_scores import Row as Scores
from deeper_jax.evaluation.summary import REFERENCE

Array = npt.NDArray[np.float64]


def denoising_figure(
    folder: str | Path,
    image: EvaluationImage,
    outputs: Mapping[str, npt.ArrayLike],
    rows: Sequence[Scores],
    *,
    in_unit: Mapping[str, npt.ArrayLike] | None = None,
    data_note: str = "",
) -> dict[str, Path]:
    """Write figure_spectra.png, figure_mse.png and figure_maps.png.

    The maps are left out for spectra without a raster and where the axis does not hold `PEAK`.

    Args:
        folder: where to write; made where it is missing.
        image: the image whose spectra and maps are shown.
        outputs: `[N, L]` of each method to show on it, by the names that the rows use.
        rows: of all images, for the bar chart.
        in_unit: the same outputs `[N, L]` in the unit of the input; None: `outputs` are.
        data_note: a few words under every title, such as "simulated data".

    Returns:
        The written paths by file name.
    """
    figures = {
        "figure_spectra.png": spectra_figure(image, outputs, data_note=data_note),
        "figure_mse.png": mse_figure(rows, data_note=data_note),
    }
    if image.image_shape is not None and holds(image.wavenumbers, PEAK):
        size = image.pixel_size_um
        figures["figure_maps.png"] = maps_figure(
            image, outputs, in_unit=in_unit, pixel_size_um=size, data_note=data_note
        )
    return save_figures(folder, figures)


def peak_map(spectra: npt.ArrayLike, wavenumbers: npt.ArrayLike, peak: float = PEAK) -> Array:
    """Intensity `[N]` at the channel nearest to `peak` (cm^-1), each spectrum over its own maximum.

    Raises:
        ValueError: the peak lies outside the wavenumbers.
    """
    return over_own_maximum(spectra)[..., nearest_channel(wavenumbers, peak)]


def spectra_figure(image: EvaluationImage, outputs: Mapping[str, npt.ArrayLike], *, data_note: str = "") -> Figure:
    """Draw three example spectra under each other: noisy, target, outputs, over their own maxima.

    The examples are the pixels at the 95th, 75th and 50th percentile of the target's strength at `PEAK` (of
    its highest intensity where the axis does not hold it), so that nobody picks the ones that look best.
    """
    figure, panels, axis = spectral_panels(3, 8.4, image.wavenumbers, np.shape(image.noisy)[1])
    for panel, (percentile, index) in zip(panels, _examples(image), strict=True):
        curves = {"noisy input": image.noisy, "target": image.target, **outputs}
        for name, spectra in curves.items():
            style = _curve_style(name, list(outputs))
            panel.plot(axis, over_own_maximum(np.asarray(spectra)[index]), label=name, **style)
        title = f"spectrum {index}{_place(index, image)}, {percentile}th percentile of band strength"
        panel.set_title(title, fontsize=10, loc="left")
        panel.set_ylim(min(0.0, panel.get_ylim()[0]), 1.05)
    panels[1].set_ylabel("Intensity / own maximum", fontsize=11)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False)
    add_title(figure, f"Example spectra, {image.name}", data_note)
    return figure


def maps_figure(
    image: EvaluationImage,
    outputs: Mapping[str, npt.ArrayLike],
    *,
    in_unit: Mapping[str, npt.ArrayLike] | None = None,
    pixel_size_um: float | None = None,
    dwell: tuple[float, float] = (0.1, 1.0),
    data_note: str = "",
) -> Figure:
    """Draw maps of the intensity at `PEAK`, noisy, outputs and target: in the measurement's unit, and as in the paper.

    In the unit, `in_unit` (None: `outputs`) and the input share a colour scale, and the target, measured longer, has
    one of its own; both run from the 1st to the 99th percentile, of the outputs and of the target. As in
    the paper, each spectrum is divided by its own maximum, which hides how much of anything there is; all panels share
    the target's scale. `dwell` is seconds a pixel of the noisy and of the target measurement; the outputs cost the
    noisy one's time. Maps much wider than high lie under each other.

    Raises:
        ValueError: the image has no raster, or `PEAK` lies outside its wavenumbers.
    """
    if image.image_shape is None or image.wavenumbers is None:
        raise ValueError(f"{image.name}: maps need the image's shape and wavenumbers")
    shape, axis = image.image_shape, image.wavenumbers
    fast, slow = (imaging_time(len(image.noisy), seconds) for seconds in dwell)
    channel = nearest_channel(axis, PEAK)
    named = {"noisy input": image.noisy, **(in_unit or outputs), "target": image.target}
    maps = {name: np.asarray(spectra)[:, channel].reshape(shape) for name, spectra in named.items()}
    answers = np.concatenate([maps[name] for name in outputs])
    shared, own = percentile_limits(answers), percentile_limits(maps["target"])
    ends = {name: own if name == "target" else shared for name in maps}
    counted = [
        Panel(name, values, f"{ends[name][0]:.3g} to {ends[name][1]:.3g}", ends[name]) for name, values in maps.items()
    ]
    named |= outputs
    maps = {name: peak_map(spectra, axis).reshape(shape) for name, spectra in named.items()}
    limits = percentile_limits(maps["target"])
    shares = [Panel(name, values, slow if name == "target" else fast, limits) for name, values in maps.items()]
    bars = (f"{PEAK:g} cm⁻¹, input's unit", f"{PEAK:g} cm⁻¹ / own maximum")
    wide = shape[1] > 2 * shape[0]
    rows = [
        Row("", line, bar, pixel_size_um)
        for panels, bar in zip((counted, shares), bars, strict=True)
        for line in ([[panel] for panel in panels] if wide else [panels])
    ]
    title = f"Intensity at {PEAK:g} cm⁻¹ and imaging time (min:s), {image.name}"
    return panels_figure(rows, title=title, data_note=data_note, width=6.6 if wide else 2.5)


def _examples(image: EvaluationImage) -> list[tuple[int, int]]:
    """(percentile, index) of three spectra, chosen by the target alone."""
    axis = image.wavenumbers
    if axis is not None and holds(axis, PEAK):
        strength = peak_map(image.target, axis)
    else:
        strength = np.asarray(image.target).max(axis=-1)
    order = np.argsort(strength, kind="stable")
    return [(percent, int(order[round((len(order) - 1) * percent / 100)])) for percent in (95, 75, 50)]


def _place(index: int, image: EvaluationImage) -> str:
    if image.image_shape is None:
        return ""
    row, column = divmod(index, image.image_shape[1])
    return f" (row {row}, column {column})"


def _curve_style(name: str, methods: Sequence[str]) -> dict[str, Any]:
    if name == "noisy input":
        return {"color": COLOURS["noisy"], "lw": 0.8}
    if name == "target":
        return {"color": COLOURS["target"], "lw": 1.3}
    if name == REFERENCE:
        return {"color": COLOURS["network"], "lw": 1.5}
    if name == methods[0]:
        return {"color": COLOURS["one spectrum"], "lw": 1.0}
    return {"color": COLOURS["whole map"], "lw": 1.0, "ls": "--"}
