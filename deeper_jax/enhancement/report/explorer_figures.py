"""Bokeh figures of an enhanced map, empty until the page's script fills them: maps, a series, and its profile."""

from typing import Any, NamedTuple

import numpy as np

from deeper_jax.enhancement.report.comparison import Positions
from deeper_jax.enhancement.report.explorer_outline import Grid, Outline
from deeper_jax.enhancement.report.explorer_spectra import spectrum_figures
from deeper_jax.enhancement.report.explorer_style import GAP, MEASURED, RESTORED, empty_figure, legend_above

_COLUMNS = 600  # of a series drawn as a picture


class Figures(NamedTuple):
    """The models of a page by the name of their place, and what the script must know of them."""

    models: dict[str, Any]
    grids: dict[str, Grid]
    columns: np.ndarray
    """[C] for a series: the channel that each column of its picture shows."""


def explorer_figures(shown: Outline) -> Figures:
    """Figures of a map, a series or one spectrum, as there are two axes of pixels, one or none."""
    models = spectrum_figures(shown)
    if not shown.positions:
        return Figures(models, {}, np.arange(0))
    columns = np.arange(0)
    if len(shown.positions) == 2:
        before, after = (
            Grid(tuple(len(each.values) for each in places), *reversed([each.edges() for each in places]))
            for places in (shown.measured_positions, shown.positions)
        )
        labels = [each.label for each in reversed(shown.positions)]
    else:
        # An even axis for the picture: channels of an instrument lie closer at one end than at the other.
        even = np.linspace(shown.axis[0], shown.axis[-1], min(_COLUMNS, len(shown.axis)))
        columns = np.rint(np.interp(even, shown.axis, np.arange(len(shown.axis)))).astype(int)
        before = after = Grid((len(shown.positions[0].values), len(columns)), _axis_edges(even), _series_edges(shown))
        labels = ["Raman shift (cm⁻¹)", shown.positions[0].label]
    grids = {"before": before, "after": after, "layer": after}
    # The first line of the scan is at the top, whichever way the stage counts.
    ranges = {"x_range": _range(*after.x), "y_range": _range(after.y[1], after.y[0])}
    models["before"] = _map("before", "measured", before, ranges, labels)
    models["after"] = _map("after", "restored", after, ranges, labels)
    models["layer"] = _layer(after, ranges, labels)
    if len(shown.positions) == 1:
        models["profile"] = _profile(shown)
        _name_ticks([models[name].yaxis for name in grids], shown.positions[0])
        _name_ticks([models["profile"].xaxis], shown.positions[0])
    return Figures(models, grids, columns)


def _series_edges(shown: Outline) -> tuple[float, float]:
    """Spectra at uneven distances are drawn one after another."""
    (positions,) = shown.positions
    return positions.edges() if positions.even else (-0.5, len(positions.values) - 0.5)


def _axis_edges(axis: np.ndarray) -> tuple[float, float]:
    half = 0.5 * (axis[-1] - axis[0]) / max(len(axis) - 1, 1)
    return float(axis[0] - half), float(axis[-1] + half)


def _range(start: float, end: float) -> Any:
    from bokeh.models import Range1d

    return Range1d(start, end)


def _map(name: str, title: str, grid: Grid, ranges: dict[str, Any], labels: list[str]) -> Any:
    from bokeh.models import BasicTicker, BoxZoomTool, ColorBar, HoverTool, LinearColorMapper, PanTool, WheelZoomTool

    drawn = empty_figure(name, title=title, x_axis_label=labels[0], y_axis_label=labels[1], **ranges)
    mapper = LinearColorMapper(palette="Viridis256", low=0, high=1, nan_color=GAP, name=f"{name}_colours")
    image = _image(drawn, f"{name}_source", grid, mapper)
    bar = ColorBar(color_mapper=mapper, ticker=BasicTicker(desired_num_ticks=3), name=f"{name}_bar", title=" ", **_BAR)
    drawn.add_layout(bar, "below")
    tips = [("value", "@image{0,0.[000]}")]
    drawn.add_tools(
        PanTool(), WheelZoomTool(), BoxZoomTool(match_aspect=True), HoverTool(renderers=[image], tooltips=tips)
    )
    _few_ticks(drawn)
    _listen_to_clicks(drawn, name)
    _add_marker(drawn)
    return drawn


_BAR = {
    "height": 10,
    "padding": 8,
    "margin": 14,
    "title_standoff": 3,
    "title_text_font_size": "12px",
    "title_text_font_style": "normal",
    "major_label_text_font_size": "12px",
    "bar_line_color": None,
    "background_fill_color": None,
}


def _layer(grid: Grid, ranges: dict[str, Any], labels: list[str]) -> Any:
    """One figure with a scale for each layer that the page offers, of which one is seen."""
    from bokeh.models import BasicTicker, BasicTickFormatter, ColorBar, FixedTicker, LinearColorMapper, LogColorMapper

    drawn = empty_figure("layer", title="uncertainty", x_axis_label=labels[0], y_axis_label=labels[1], **ranges)
    mappers = {
        "log": (LogColorMapper(palette="Magma256", low=1, high=10, nan_color=GAP), FixedTicker(ticks=[1, 10])),
        "linear": (
            LinearColorMapper(palette="Cividis256", low=0, high=1, nan_color=GAP),
            BasicTicker(desired_num_ticks=3),
        ),
        "kinds": (
            LinearColorMapper(palette=["#3B3B4F", "#E69F00", "#56B4E9"], low=-0.5, high=2.5, nan_color=GAP),
            FixedTicker(ticks=[0, 1, 2]),
        ),
    }
    first = None
    for name, (mapper, ticker) in mappers.items():
        mapper.name = f"layer_{name}_colours"
        image = _image(drawn, "layer_source", grid, mapper, first)
        first = first or image.data_source
        image.name = f"layer_{name}"
        bar = ColorBar(color_mapper=mapper, ticker=ticker, name=f"layer_{name}_bar", title=" ", **_BAR)
        bar.formatter = BasicTickFormatter(use_scientific=True)
        if name == "kinds":
            bar.major_label_overrides = {0: "none", 1: "suspected", 2: "removed"}
        image.visible = bar.visible = name == "log"
        drawn.add_layout(bar, "below")
    _few_ticks(drawn)
    _listen_to_clicks(drawn, "layer")
    _add_marker(drawn)
    return drawn


def _image(drawn: Any, name: str, grid: Grid, mapper: Any, source: Any = None) -> Any:
    from bokeh.models import ColumnDataSource

    if source is None:
        source = ColumnDataSource({"image": [np.full(grid.shape, np.nan, np.float32)]}, name=name)
    low_x, low_y = min(grid.x), min(grid.y)
    size = {"dw": abs(grid.x[1] - grid.x[0]), "dh": abs(grid.y[1] - grid.y[0])}
    return drawn.image("image", x=low_x, y=low_y, **size, color_mapper=mapper, source=source, level="image")


def _few_ticks(drawn: Any) -> None:
    drawn.grid.visible = False
    drawn.xaxis.ticker.desired_num_ticks = drawn.yaxis.ticker.desired_num_ticks = 4


def _name_ticks(axes: list[Any], positions: Positions) -> None:
    """Whole numbers where spectra are counted, their places where these are at uneven distances."""
    from bokeh.models import BasicTicker

    if not positions.counted and positions.even:
        return
    for axis in axes:
        axis.ticker = BasicTicker(desired_num_ticks=4, min_interval=1, num_minor_ticks=0)
        if not positions.counted:
            axis.major_label_overrides = {i: positions.place(i) for i in range(len(positions.values))}


def _listen_to_clicks(drawn: Any, name: str) -> None:
    from bokeh.events import DoubleTap, Tap
    from bokeh.models import CustomJS

    # Of two quick clicks, be they on two pixels, the second is no Tap.
    for event in (Tap, DoubleTap):
        drawn.js_on_event(event, CustomJS(code=f"window.explorer.tapped({name!r}, cb_obj.x, cb_obj.y)"))


def _add_marker(drawn: Any) -> None:
    """A ring at the chosen pixel that is seen on every colour; all figures share what they are fed from."""
    for width, colour in ((4, "black"), (2, "white")):
        drawn.scatter("x", "y", source=_chosen(), size=13, fill_color=None, line_color=colour, line_width=width)


def _chosen() -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({"x": [], "y": []}, tags=["chosen"])


def _profile(shown: Outline) -> Any:
    """Height of the chosen band along a series."""
    from bokeh.models import ColumnDataSource, HoverTool, Range1d, Span

    edges = _series_edges(shown)
    drawn = empty_figure(
        "profile",
        title="band height",
        x_axis_label=shown.positions[0].label,
        y_axis_label=shown.unit,
        x_range=Range1d(*edges),
        y_range=Range1d(0, 1),
    )
    names = ("place", "measured", "restored", "low", "high")
    source = ColumnDataSource({name: [] for name in names}, name="profile_source")
    drawn.varea("place", "low", "high", source=source, color=RESTORED, alpha=0.3)
    measured = drawn.scatter("place", "measured", source=source, size=5, color=MEASURED, legend_label="measured")
    drawn.line("place", "restored", source=source, color=RESTORED, line_width=2, legend_label="restored")
    drawn.scatter("place", "restored", source=source, color=RESTORED, size=3)
    drawn.add_layout(Span(dimension="height", location=edges[0], name="profile_place", line_dash="dashed"))
    drawn.add_tools(HoverTool(renderers=[measured], tooltips=[("measured", "@measured"), ("restored", "@restored")]))
    legend_above(drawn)
    _listen_to_clicks(drawn, "profile")
    return drawn
