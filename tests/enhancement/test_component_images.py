"""Components of an enhanced map for a reader, against a singular value decomposition of the map itself."""

import numpy as np
from tiny_models import spectra_of_bands

from deeper_jax.enhancement.component_images import with_components
from deeper_jax.enhancement.map_denoiser import fit_map
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.maps import raman_map
from deeper_jax.spectra.noise import NoiseModel


def test_components_are_the_principal_components_of_what_was_fitted():
    values, axis = spectra_of_bands(8, 9)
    values[1, 2] = np.nan
    present = np.isfinite(values).all(-1)
    measured = MeasuredSpectra(values, present)
    fitted = fit_map(measured, NoiseModel(0.0, 4.0, 4.0), lambda spectra, std: (0.9 * spectra, std), {})
    assert fitted is not None
    found = with_components(raman_map(values, axis).to_dataset(name="intensity"), fitted, present)
    scores, spectra = found["component_scores"].values, found["component_spectra"].values
    np.testing.assert_array_equal(np.isnan(scores).all(-1), ~present)
    common = fitted.estimate(slice(0, len(measured))).spectra
    common = common - common.mean(1, keepdims=True)
    common -= common.mean(0)
    told = scores[present] @ spectra
    np.testing.assert_allclose(told - told.mean(1, keepdims=True), common, atol=2e-3 * np.abs(common).max())
    _, sizes, axes = np.linalg.svd(common, full_matrices=False)
    for k, (own, size) in enumerate(zip(axes[: len(spectra)], sizes, strict=False)):
        own = own - np.median(own)
        height = own[np.abs(own).argmax()]
        np.testing.assert_allclose(spectra[k], own / height, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(scores[present][:, k]) / np.abs(height), size, rtol=1e-6)
