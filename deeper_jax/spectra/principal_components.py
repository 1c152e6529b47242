"""Principal components of spectra."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def principal_components(spectra: Array, components: int) -> tuple[Array, Array]:
    """Mean spectrum `[L]` and orthonormal principal components `[K, L]`, strongest first.

    K is `components` or the rank's bound min(N, L) where that is smaller. Computed from the L x L covariance,
    whose eigenvectors are the right singular vectors of the centred spectra.

    Raises:
        ValueError: `components` is below 1.
    """
    if components < 1:
        raise ValueError(f"components must be at least 1, got {components}")
    mean = spectra.mean(axis=0)
    centred = spectra - mean
    length = spectra.shape[-1]
    count = min(components, *spectra.shape)
    # Imported here: who only draws bands need not wait for it.
    from scipy.linalg import eigh

    _, vectors = eigh(centred.T @ centred, subset_by_index=(length - count, length - 1))
    return mean, np.ascontiguousarray(vectors[:, ::-1].T)
