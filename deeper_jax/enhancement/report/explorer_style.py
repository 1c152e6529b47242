"""What the Bokeh figures of a page share: how they look, their colours and legends."""

from typing import Any

GAP = "#9E9E9E"
"""Colour of places without a spectrum."""
MEASURED, RESTORED, BASELINE = "#808080", "#D55E00", "#2E8BC9"
"""Colours of curves."""
_MARKS = {"flagged": "#CC79A7", "cosmic ray, removed": "#0072B2", "cosmic ray? not removed": "#E69F00"}
MARK_COLOURS = tuple(_MARKS.values())
"""Of flagged channels, removed cosmic rays and suspected ones."""
MARK_NAMES = tuple(_MARKS)
"""What each of them is called."""


def empty_figure(name: str, **settings: Any) -> Any:
    """A figure on the page's own ground; the page's script sets its size. `settings` are those of Bokeh's `figure`."""
    from bokeh.models import ResetTool
    from bokeh.plotting import figure

    drawn = figure(
        name=name,
        tools="",
        toolbar_location="below",
        min_border_left=66,
        min_border_right=20,
        min_border_top=2,
        min_border_bottom=6,
        frame_width=300,
        frame_height=200,
        **settings,
    )
    drawn.toolbar.logo = None
    # The page's own ground shows through, be it light or dark.
    drawn.background_fill_color = drawn.border_fill_color = None
    drawn.add_tools(ResetTool())
    drawn.title.text_font_size = "13px"
    for axis in drawn.axis:
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
        axis.axis_label_text_font_style = "normal"
        axis.minor_tick_line_color = None
    return drawn


def legend_above(drawn: Any) -> None:
    """Put the legend of a figure above its frame, in one line."""
    legend = drawn.legend[0]
    legend.orientation = "horizontal"
    legend.label_text_font_size = "12px"
    legend.margin, legend.padding, legend.spacing = 0, 2, 12
    legend.border_line_color = legend.background_fill_color = None
    legend.glyph_width = 16
    drawn.add_layout(legend, "above")
