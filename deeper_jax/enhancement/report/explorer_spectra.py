"""Bokeh figures of the chosen spectrum, its residual and a component, empty until the page's script fills them."""

from typing import Any

import numpy as np

from deeper_jax.enhancement.report.explorer_outline import Outline
from deeper_jax.enhancement.report.explorer_style import BASELINE, MEASURED, RESTORED, empty_figure, legend_above

_CURVES = ("measured", "restored", "low", "high", "residual", "noise_low", "noise_high")
_AXIS_LABEL = "Raman shift (cm⁻¹)"


def spectrum_figures(shown: Outline) -> dict[str, Any]:
    """The spectrum of the chosen pixel, under it the residual, and a component where there are some: on one axis."""
    from bokeh.models import ColumnDataSource, Range1d

    axis = np.asarray(shown.axis, np.float64)
    curves = {name: np.full(len(axis), np.nan) for name in _CURVES}
    source = ColumnDataSource({"axis": axis, **curves}, name="spectrum_source")
    marks = ColumnDataSource({"x0": [], "x1": [], "colour": [], "kind": []}, name="marks_source")
    x_range = Range1d(float(axis[0]), float(axis[-1]))
    figures = {
        "spectrum": _spectrum(source, marks, x_range, shown.unit),
        "residual": _residual(source, marks, x_range, shown.unit),
    }
    if shown.has_components:
        figures["component"] = _component(axis, x_range)
    for drawn in figures.values():
        _finish(drawn)
    return figures


def _spectrum(source: Any, marks: Any, x_range: Any, unit: str) -> Any:
    from bokeh.models import ColumnDataSource, Range1d

    settings = {"x_axis_label": _AXIS_LABEL, "y_axis_label": f"intensity ({unit})"}
    drawn = empty_figure("spectrum", title="spectrum", x_range=x_range, y_range=Range1d(0, 1), **settings)
    _shade(drawn, marks)
    drawn.line("axis", "measured", source=source, color=MEASURED, line_width=1, legend_label="measured")
    drawn.varea("axis", "low", "high", source=source, color=RESTORED, alpha=0.3, legend_label="90 % band")
    restored = drawn.line("axis", "restored", source=source, color=RESTORED, line_width=1.6, legend_label="restored")
    baseline = ColumnDataSource({"x": [], "y": []}, name="baseline_source")
    drawn.line("x", "y", source=baseline, color=BASELINE, line_width=1.6, line_dash="dashed")
    _choose_band(drawn, restored)
    legend_above(drawn)
    return drawn


def _choose_band(drawn: Any, restored: Any) -> None:
    """What is dragged over becomes the band of the maps."""
    from bokeh.events import SelectionGeometry
    from bokeh.models import BoxSelectTool, BoxZoomTool, CustomJS, HoverTool, PanTool

    tips = [("cm⁻¹", "@axis{0.0}"), ("measured", "@measured{0.00}"), ("restored", "@restored{0.00}")]
    hover = HoverTool(renderers=[restored], mode="vline", tooltips=tips, line_policy="nearest")
    choose = BoxSelectTool(dimensions="width", renderers=[], description="choose the band of the maps")
    drawn.add_tools(choose, BoxZoomTool(), PanTool(dimensions="width"), hover)
    drawn.toolbar.active_drag = choose
    code = "if (cb_obj.final) window.explorer.dragged(cb_obj.geometry.x0, cb_obj.geometry.x1)"
    drawn.js_on_event(SelectionGeometry, CustomJS(code=code))


def _residual(source: Any, marks: Any, x_range: Any, unit: str) -> Any:
    from bokeh.models import Range1d

    settings = {"x_axis_label": _AXIS_LABEL, "y_axis_label": f"residual ({unit})"}
    title = "residual: measured − restored"
    drawn = empty_figure("residual", title=title, x_range=x_range, y_range=Range1d(-1, 1), **settings)
    _shade(drawn, marks)
    noise = {"color": BASELINE, "alpha": 0.25, "legend_label": "± noise"}
    drawn.varea("axis", "noise_low", "noise_high", source=source, **noise)
    drawn.line("axis", "residual", source=source, color=MEASURED, line_width=1, legend_label="residual")
    _zero(drawn)
    legend_above(drawn)
    return drawn


def _component(axis: np.ndarray, x_range: Any) -> Any:
    from bokeh.models import ColumnDataSource, Range1d

    source = ColumnDataSource({"axis": axis, "value": np.full(len(axis), np.nan)}, name="component_source")
    title, labels = "spectrum of the component", {"x_axis_label": _AXIS_LABEL, "y_axis_label": "over its highest"}
    drawn = empty_figure("component", title=title, x_range=x_range, y_range=Range1d(-1, 1), **labels)
    drawn.line("axis", "value", source=source, color=RESTORED, line_width=1.4)
    _zero(drawn)
    return drawn


def _shade(drawn: Any, marks: Any) -> None:
    drawn.vstrip(x0="x0", x1="x1", source=marks, fill_color="colour", fill_alpha=0.35, line_color=None)


def _zero(drawn: Any) -> None:
    from bokeh.models import Span

    drawn.add_layout(Span(dimension="width", location=0, line_color=BASELINE, line_width=1))


def _finish(drawn: Any) -> None:
    """Few ticks, a line under the pointer, and the chosen band."""
    from bokeh.models import BoxAnnotation, CrosshairTool

    drawn.xaxis.ticker.desired_num_ticks = 5
    drawn.yaxis.ticker.desired_num_ticks = 4
    drawn.add_tools(CrosshairTool(dimensions="height", line_alpha=0.4))
    drawn.add_layout(BoxAnnotation(name=f"{drawn.name}_band", fill_color=BASELINE, fill_alpha=0.12, level="underlay"))
