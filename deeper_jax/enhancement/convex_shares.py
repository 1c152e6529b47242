"""The shares of several estimates in the mixture of them that is nearest to what is known."""

import numpy as np
from scipy.optimize import nnls


def convex_shares(products: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Shares w [W], 0 or more and together 1, of the least w.products.w - 2 target.w.

    Args:
        products: [W, W], positive definite: of the estimates with one another, summed over what is known.
        target: [W], of the estimates with what is known.
    """
    root = np.linalg.cholesky(products)
    # A heavy last row makes the sum 1.
    heavy = 1e3 * np.sqrt(np.trace(products))
    rows = np.vstack([root.T, np.full(len(target), heavy)])
    shares, _ = nnls(rows, np.append(np.linalg.solve(root, target), heavy))
    return shares / shares.sum()
