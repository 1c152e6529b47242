"""The layers that a map and an enhanced map become: (values, settings, kind) each, as napari's plugins pass them.

Each layer's metadata holds the whole map: "measured", the `xarray.DataArray`, and "enhanced", the data set that
`deeper_jax.enhance` gave, where it was enhanced. Plain arrays; napari is not imported here.
"""

from pathlib import Path
from typing import Any

import numpy as np

from deeper_jax.napari_plugin.picture import Picture, picture_of, upright

Layer = tuple[np.ndarray, dict[str, Any], str]

MEASURED, ENHANCED = "measured", "enhanced"
# In the metadata of a layer of spectra: which of the two they are.
SHOWS = "shows"
# The colours of the page's marks.
_FLAGGED, _COSMIC_RAY = "#CC79A7", "#0072B2"
# Numbers of a map that its limits of colour are looked for in.
_LOOKED_AT = 1 << 20


def map_layers(data: Any) -> list[Layer]:
    """The one layer of a map as it was measured.

    data: `xarray.DataArray` [..., wavenumber], as `read_map` gives; falling coordinates are turned.
    """
    data = upright(data)
    settings = {"name": name_of(data), "metadata": {MEASURED: data, SHOWS: MEASURED}}
    return [_image(data.values, picture_of(data), settings)]


def result_layers(result: Any, measured: Any = None) -> list[Layer]:
    """The layers of an enhanced map: restored and uncertainty, on the finer grid where it has one, and the marks.

    result: the `xarray.Dataset` of `deeper_jax.enhance`. measured: the map that it was made of, for the metadata;
    None: as the result holds it, which makes a layer of its own.
    """
    result = upright(result)
    before = own_measured(result)
    layers = [] if measured is not None else map_layers(before)
    name = name_of(before if measured is None else measured)
    metadata = {MEASURED: before if measured is None else measured, ENHANCED: result}
    for layer in layers:
        layer[1]["metadata"] = metadata | {SHOWS: MEASURED}
    restored, coarse = picture_of(result["intensity"]), picture_of(result["measured"])
    unsure = {"name": f"{name} uncertainty", "metadata": metadata, "colormap": "magma", "visible": False}
    layers += [
        _image(result["uncertainty"].values, restored, unsure),
        _image(
            result["intensity"].values, restored, {"name": f"{name} restored", "metadata": metadata | {SHOWS: ENHANCED}}
        ),
    ]
    marks = {"flagged": (result["flagged"], _FLAGGED), "cosmic rays": (result["cosmic_ray"], _COSMIC_RAY)}
    for word, (mask, colour) in marks.items():
        values = mask.values.any(-1) if coarse.is_map else coarse.arranged(mask.values)
        settings = {
            "name": f"{name} {word}",
            "metadata": metadata,
            "colormap": {None: "transparent", 1: colour},
            "opacity": 0.6,
            **coarse.layer_settings(spectral=not coarse.is_map),
        }
        layers.append((values.astype(np.uint8), settings, "labels"))
    return layers


def is_enhanced(dataset: Any) -> bool:
    """Whether a data set (`xarray.Dataset`) holds what `result_layers` shows."""
    return {"intensity", "measured", "uncertainty", "flagged", "cosmic_ray"} <= set(dataset.data_vars)


def own_measured(result: Any) -> Any:
    """The map as measured (`xarray.DataArray`) that an enhanced map holds, under the names that maps have."""
    measured = result["measured"]
    names = {str(dim): str(dim).removesuffix("_measured") for dim in measured.dims}
    kept = {name: coordinate for name, coordinate in measured.coords.items() if set(coordinate.dims) <= set(names)}
    plain = measured.drop_vars([name for name in measured.coords if name not in kept])
    plain = plain.rename({old: new for old, new in names.items() if old != new}).rename("intensity")
    return plain.assign_attrs(result["intensity"].attrs | {"source_file": result.attrs.get("source_file", "")})


def name_of(data: Any) -> str:
    """What a map's layers are called: its file's name without the ending, or its title."""
    return Path(str(data.attrs.get("source_file") or "")).stem or str(data.attrs.get("title") or "") or "Raman map"


def band_layer(image: np.ndarray, picture: Picture, name: str, metadata: dict[str, Any]) -> Layer:
    """The layer of one number a pixel of a map [..., H, W]."""
    settings = {
        "name": name,
        "metadata": metadata,
        "colormap": "viridis",
        "contrast_limits": limits_of(image[..., None]),
    }
    return image, settings | picture.layer_settings(spectral=False), "image"


def limits_of(spectra: np.ndarray) -> tuple[float, float]:
    """Where colours begin and end, so that single extremes do not take the contrast from all others."""
    flat = spectra.reshape(-1, spectra.shape[-1])
    flat = flat[:: max(1, flat.size // _LOOKED_AT)]
    flat = flat[np.isfinite(flat).all(-1)]
    low, high = np.percentile(flat, (1, 99.8)) if flat.size else (0.0, 1.0)
    return float(low), float(high) if high > low else float(low) + 1.0


def _image(values: np.ndarray, picture: Picture, settings: dict[str, Any]) -> Layer:
    shown = {"colormap": "viridis", "contrast_limits": limits_of(values), **picture.layer_settings()}
    return picture.arranged(values), shown | settings, "image"
