"""What the spectra of a map have in common, for a reader: principal components with their images and spectra."""

from typing import Any

import numpy as np

from deeper_jax.enhancement.map_denoiser import FittedMap

# Weaker than this share of the strongest, a component is rounding.
_SMALLEST = 1e-3


def with_components(result: Any, fitted: FittedMap, present: np.ndarray) -> Any:
    """The data set of an enhanced map with `component_scores` [..., K] and `component_spectra` [K, L].

    They are the principal components of what was found to be common to the map's spectra, strongest first, offsets left
    aside, as each pixel has one of its own: but for an offset, what a spectrum has beyond the mean of all is the sum of
    its scores times the components' spectra. Half of the channels of a component's spectrum are below 0, and it is 1 at
    its highest, so that a score is in the map's unit. K is 1 to the number of components fitted.

    Args:
        result: the enhanced map, `intensity` [..., L].
        fitted: what its P spectra have in common.
        present: [...], which spectra were measured, P of them; scores are NaN elsewhere.
    """
    images, spectra = fitted.scores * fitted.by_pixel, fitted.components * fitted.by_channel
    basis, mixing = np.linalg.qr((spectra - spectra.mean(1, keepdims=True)).T)
    left, sizes, right = np.linalg.svd((images - images.mean(0)) @ mixing.T, full_matrices=False)
    kept = sizes > _SMALLEST * sizes[0]
    scores, axes = (left * sizes)[:, kept], right[kept] @ basis.T
    axes -= np.median(axes, axis=1, keepdims=True)
    # Upright, and 1 at the highest channel.
    height = axes[np.arange(len(axes)), np.abs(axes).argmax(1)]
    image = result["intensity"]
    on_grid = np.full((*present.shape, len(axes)), np.nan, image.dtype)
    on_grid[present] = scores * height
    told = {"units": image.attrs.get("units", "a.u."), "long_name": "how much of a component, beyond the mean"}
    shape = {"long_name": "spectrum of a component, 1 at its highest"}
    return result.assign_coords(component=np.arange(1, len(axes) + 1)).assign(
        component_scores=((*image.dims[:-1], "component"), on_grid, told),
        component_spectra=(("component", "wavenumber"), (axes / height[:, None]).astype(image.dtype), shape),
    )
