"""The part of a page that answers to clicks: Bokeh's figures, the spectra in text, and the controls around them."""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deeper_jax.enhancement.report.bands import Band
from deeper_jax.enhancement.report.comparison import Explored, Positions, nearest
from deeper_jax.enhancement.report.embedded_spectra import Embedded, notices
from deeper_jax.enhancement.report.explorer_outline import ExplorerDocument, Grid
from deeper_jax.enhancement.report.explorer_style import MARK_COLOURS, MARK_NAMES
from deeper_jax.enhancement.report.marks import Mark

_HERE = Path(__file__).parent


class Noise(NamedTuple):
    """Standard deviation of the noise: `factor * sqrt(max(gain * intensity + floor, least))`."""

    gain: float
    floor: float
    least: float
    factor: float


class Explorer(NamedTuple):
    """What goes into the head of a page, and what into its body."""

    head: str
    body: str


def explorer(
    embedded: Embedded,
    document: ExplorerDocument,
    bands: Sequence[Band],
    marks: Sequence[Mark],
    noise: Noise,
    start: tuple[int, ...],
    file: str,
) -> Explorer:
    """Figures that a script in the page fills, offline.

    Args:
        embedded: spectra with no, one or two axes of pixels, of one slice or several.
        document: the empty figures, for its outline.
        bands: to choose from, the first shown first.
        marks: pixels to jump to, on the measured grid.
        noise: of the measurement.
        start: number of the slice and index of the pixel that are shown first, on the measured grid.
        file: name of the measurement.
    """
    marks = [mark for mark in marks if mark.slice % embedded.bins.slices == 0]
    data = _data(embedded, document, bands, marks, noise, start, file)
    style = (_HERE / "explorer.css").read_text(encoding="utf-8")
    return Explorer(f"{document.library}<style>{style}</style>", _body(embedded, document, data, marks, bands))


def _data(
    embedded: Embedded,
    document: ExplorerDocument,
    bands: Sequence[Band],
    marks: Sequence[Mark],
    noise: Noise,
    start: tuple[int, ...],
    file: str,
) -> dict[str, Any]:
    """What the script must know."""
    shown, bins = embedded.spectra, embedded.bins
    measured, restored = _two(shown.measured_positions), _two(shown.positions)

    def binned(slice_: int, index: tuple[int, ...]) -> dict[str, int]:
        row, column = (*index, 0, 0)[:2]
        return {"slice": slice_ // bins.slices, "row": row // bins.pixels, "column": column // bins.pixels}

    to_measured = [nearest(fine.values, coarse.values) for fine, coarse in zip(restored, measured, strict=True)]
    to_restored = [nearest(coarse.values, fine.values) for fine, coarse in zip(restored, measured, strict=True)]
    first = binned(start[0], start[1:])
    factor = noise.factor / np.sqrt(embedded.together)
    return {
        "kind": ("spectrum", "series", "map")[len(shown.positions)],
        "file": file,
        "name": Path(file).stem or "spectrum",
        "unit": shown.unit,
        "axis": [float(each) for each in shown.axis],
        "exact": embedded.exact,
        "noise": noise._replace(factor=float(factor))._asdict(),
        "measured": _grid(measured),
        "restored": _grid(restored),
        "toMeasured": dict(zip("yx", (each.tolist() for each in to_measured), strict=True)),
        "toRestored": dict(zip("yx", (each.tolist() for each in to_restored), strict=True)),
        "grids": {name: grid._asdict() for name, grid in document.grids.items()},
        "columns": document.columns,
        "figures": list(document.places),
        "spectral": [name for name in _RIGHT if name in document.places],
        "ratio": _ratio(shown.positions, document.grids),
        "bands": [band._asdict() for band in bands],
        "marks": [binned(mark.slice, mark.place) | {"ray": mark.ray} for mark in marks],
        "markColours": list(MARK_COLOURS),
        "slices": list(shown.slices),
        "components": len(shown.components),
        "start": first | {"row": int(to_restored[0][first["row"]]), "column": int(to_restored[1][first["column"]])},
    }


def _two(positions: tuple[Positions, ...]) -> tuple[Positions, Positions]:
    """Two axes always, for the script; those of one pixel have no name."""
    alone = Positions("", np.zeros(1), "")
    y, x = (*positions, alone, alone)[:2]
    return y, x


def _grid(positions: tuple[Positions, Positions]) -> dict[str, Any]:
    places = {name: [each.at(i) for i in range(len(each.values))] for name, each in zip("yx", positions, strict=True)}
    return {"shape": [len(each.values) for each in positions], "places": places}


def _ratio(positions: tuple[Positions, ...], grids: dict[str, Grid]) -> float | None:
    """Width of a map over its height; None where its axes are of different kinds, or it is none."""
    if len(positions) != 2 or positions[0].unit != positions[1].unit:
        return None
    grid = grids["after"]
    return abs(grid.x[1] - grid.x[0]) / abs(grid.y[1] - grid.y[0])


def _body(
    embedded: Embedded, document: ExplorerDocument, data: dict[str, Any], marks: Sequence[Mark], bands: Sequence[Band]
) -> str:
    divs = document.places
    kind = data["kind"]
    wide = " wide" if (data["ratio"] or 1.0) > 2.2 else ""
    parts = [
        f'<section id="explorer" class="{kind}{wide}" aria-label="The measurement, to look around in">',
        *(f'<p class="data">{html.escape(sentence)}</p>' for sentence in notices(embedded)),
        f"<p>{_HELP[kind]}{_HELP_SLICES if len(embedded.spectra.slices) > 1 else ''}</p>",
        _controls(bands),
        _slices(embedded.spectra.slices),
        '<p id="readout" role="status"></p>',
        '<div id="figures">',
        '<div class="left">',
        *(_figure(name, divs[name], kind, embedded.spectra) for name in _LEFT if name in divs),
        _list(marks),
        '</div><div class="right">',
        *(_figure(name, divs[name], kind, embedded.spectra) for name in _RIGHT if name in divs),
        "</div></div>",
        "</section>",
        *_texts(embedded),
        f'<script type="application/json" id="explorer-data">{_json(data)}</script>',
        f"<script>{(_HERE / 'explorer.js').read_text(encoding='utf-8')}</script>",
        document.script,
        "<noscript><p>The figures need JavaScript; the picture beside this page shows the same bands.</p></noscript>",
    ]
    return "\n".join(parts)


_HELP = {
    "map": "Click a pixel to see its spectrum; with a map in focus the arrow keys move on (Shift: ten pixels). Drag "
    "over the spectrum to choose the band that the maps show.",
    "series": "Click a spectrum in a picture or in the profile; with a picture in focus the arrow keys move on (Shift: "
    "ten spectra). Drag over the spectrum to choose the band that the profile shows.",
    "spectrum": "Drag over the spectrum to measure a band.",
}
_HELP_SLICES = " The slider, or Page Up and Page Down with a map in focus, chooses the slice."

_LEFT, _RIGHT = ("before", "after", "profile", "layer"), ("spectrum", "residual", "component")

_NAMES = {
    "before": "as measured",
    "after": "restored",
    "layer": "where to be careful",
    "profile": "height of the band along the series",
    "spectrum": "spectrum",
    "residual": "residual",
    "component": "spectrum of the component",
}

_ALTERNATIVES = {
    "map": {
        "before": "Map of the chosen band as measured, on the colour scale of the restored map.",
        "after": "Map of the chosen band as restored, coloured from its 0.5th to its 99.7th percentile.",
    },
    "series": {
        "before": "Spectra as measured, one under another, on the colour scale of the restored ones.",
        "after": "Spectra as restored, one under another, coloured from their 1st to their 99th percentile.",
        "profile": "Height of the chosen band in each spectrum, measured and restored.",
    },
}
_ALTERNATIVES_OF_ALL = {
    "residual": "Measured less restored, with the noise expected in each channel to both sides of zero.",
    "component": "Spectrum of the component whose scores the layer shows; it is 1 at its highest.",
}


def _figure(name: str, div: str, kind: str, shown: Explored) -> str:
    words = _ALTERNATIVES.get(kind, {}).get(name) or _ALTERNATIVES_OF_ALL.get(name, "")
    keys = ' tabindex="0" role="group"' if name in ("before", "after", "layer", "profile") else ""
    label = f"{_NAMES[name]}; the arrow keys choose the pixel" if keys else _NAMES[name]
    focus = f'<div{keys} aria-label="{label}">{div}</div>' if keys else div
    layers = _layers(kind, shown) if name == "layer" else ""
    key = _key() if name == "residual" else ""
    caption = f'<figcaption class="hidden" id="alt-{name}">{html.escape(words)}</figcaption>'
    hidden = " hidden" if name == "component" else ""
    return f'<figure id="figure-{name}"{hidden}>{layers}{focus}{key}{caption}</figure>'


def _layers(kind: str, shown: Explored) -> str:
    names = {
        "uncertainty": "uncertainty",
        "residual": "residual / noise",
        "flagged": "flagged channels" if kind == "map" else "flagged",
        "cosmic_ray": "cosmic rays",
    }
    for number, share in enumerate(_shares(shown), 1):
        names[f"component-{number}"] = f"component {number} ({share} of variance)"
    options = "".join(f'<option value="{value}">{words}</option>' for value, words in names.items())
    return f'<div class="controls"><label>Layer <select id="layer">{options}</select></label></div>'


def _shares(shown: Explored) -> list[str]:
    """How much of what the spectra differ by each component makes up, in words."""
    spread = np.nansum(shown.scores**2, axis=tuple(range(shown.scores.ndim - 1))) * (shown.components**2).sum(1)
    return [f"{share:.0f} %" if share >= 1 else f"{share:.1g} %" for share in 100 * spread / (spread.sum() or 1.0)]


def _slices(slices: Sequence[str]) -> str:
    if len(slices) < 2:
        return ""
    slider = f'<input id="slice" type="range" min="0" max="{len(slices) - 1}" step="1">'
    return f'<div class="controls"><label>Slice {slider}</label> <output id="slice-words" for="slice"></output></div>'


def _key() -> str:
    items = zip(MARK_NAMES, MARK_COLOURS, strict=True)
    shaded = "".join(f'<li><i style="background:{colour}"></i>{name}</li>' for name, colour in items)
    return f'<ul class="key" aria-label="Shaded channels">{shaded}</ul>'


def _controls(bands: Sequence[Band]) -> str:
    options = "".join(f'<option value="{number}">{band.centre:.0f} cm⁻¹</option>' for number, band in enumerate(bands))
    number = 'type="number" step="any"'
    return (
        '<div class="controls"><fieldset><legend>Band</legend>'
        f'<label>of <select id="bands">{options}<option value="own">your own</option></select></label>'
        f'<label>from <input id="band-low" {number}></label><label>to <input id="band-high" {number}> cm⁻¹</label>'
        '<label><input id="baseline" type="checkbox" checked> above a straight line under it</label></fieldset>'
        '<label><input id="whole" type="checkbox"> whole range of intensities</label>'
        "<fieldset><legend>Save</legend>"
        '<button id="save-csv" type="button">spectrum (CSV)</button>'
        '<button id="save-png" type="button">picture (PNG)</button>'
        '<button id="save-svg" type="button">picture (SVG)</button></fieldset></div>'
    )


def _list(marks: Sequence[Mark]) -> str:
    if not marks:
        return '<div id="list"><h2>Cosmic rays and flagged spectra</h2><p>None.</p></div>'
    items = "".join(
        f'<li><button type="button" data-mark="{i}">{html.escape(mark.words)}</button></li>'
        for i, mark in enumerate(marks)
    )
    heading = f"<h2>Cosmic rays and flagged spectra ({len(marks):,})</h2>"
    return f'<div id="list">{heading}<ul id="marks">{items}</ul></div>'


def _texts(embedded: Embedded) -> list[str]:
    texts = {
        f"cube-{name}" if part == "values" else f"cube-{name}-{part}": text
        for name, cube in embedded.cubes.items()
        for part, text in cube.items()
    }
    texts |= {f"marks-{name}": text for name, text in embedded.marks.items()}
    texts |= {f"component-{name}": text for name, text in embedded.components.items()}
    return [f'<script type="text/plain" id="{name}">{text}</script>' for name, text in texts.items()]


def _json(data: dict[str, Any]) -> str:
    # Inside <script> no "</script>" of a user's text may end it.
    return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
