"""The Bokeh figures of a page as what goes into its HTML."""

from bokeh.document import Document
from bokeh.embed import components
from bokeh.events import DocumentReady
from bokeh.models import CustomJS
from bokeh.resources import Resources

from deeper_jax.enhancement.report.explorer_figures import explorer_figures
from deeper_jax.enhancement.report.explorer_outline import ExplorerDocument, Outline


def explorer_document(outline: Outline) -> ExplorerDocument:
    """Figures that the page's script fills, offline."""
    figures = explorer_figures(outline)
    document = Document()
    with document.models.freeze():  # or all models are looked for anew with each
        for model in figures.models.values():
            document.add_root(model)
    document.js_on_event(DocumentReady, CustomJS(code="window.explorer.start(Bokeh.documents[0])"))
    script, places = components(figures.models, wrap_plot_info=True)
    # The core alone: no widgets, no tables.
    library = "".join(f"<script>{each}</script>\n" for each in Resources(mode="inline", components=["bokeh"]).js_raw)
    return ExplorerDocument(library, script, places, figures.grids, figures.columns.tolist())
