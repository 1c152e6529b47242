"""Raman spectra of the molecules of cells and tissue, from tables of bands.

Positions are common assignments of the biomedical Raman literature; widths and relative heights are typical
of solution and cell spectra at about 11 cm^-1 resolution.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.simulator.config import SimulatorConfig
from deeper_jax.simulator.draws import Draws

Array = jax.Array

# (position cm^-1, full width at half maximum cm^-1, height relative to the strongest band)
BANDS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "protein": (
        (621, 12, 0.09), (643, 13, 0.10), (757, 15, 0.14), (828, 18, 0.14), (852, 18, 0.18), (880, 22, 0.10),
        (937, 28, 0.20), (1003, 11, 0.42), (1031, 14, 0.14), (1080, 38, 0.16), (1126, 26, 0.22),
        (1156, 16, 0.10), (1174, 16, 0.10), (1208, 24, 0.22), (1242, 42, 0.42), (1268, 40, 0.34),
        (1313, 42, 0.42), (1339, 32, 0.40), (1400, 36, 0.13), (1449, 36, 0.90), (1552, 22, 0.12),
        (1584, 18, 0.09), (1605, 14, 0.12), (1617, 14, 0.12), (1658, 45, 1.00), (1670, 42, 0.22),
    ),
    "lipid": (
        (701, 14, 0.06), (719, 16, 0.10), (876, 26, 0.14), (971, 24, 0.10), (1064, 22, 0.28),
        (1082, 32, 0.30), (1127, 20, 0.24), (1266, 26, 0.28), (1301, 24, 0.55), (1440, 32, 1.00),
        (1462, 30, 0.30), (1656, 20, 0.58), (1742, 26, 0.16),
    ),
    "nucleic_acid": (
        (669, 18, 0.22), (682, 18, 0.22), (728, 18, 0.40), (784, 19, 1.00), (811, 18, 0.32), (830, 24, 0.24),
        (1095, 24, 0.62), (1216, 22, 0.22), (1238, 28, 0.34), (1257, 24, 0.38), (1303, 26, 0.36),
        (1338, 28, 0.66), (1374, 24, 0.50), (1421, 24, 0.30), (1484, 22, 0.62), (1577, 22, 0.64),
        (1660, 42, 0.52),
    ),
    "carbohydrate": (
        (480, 18, 1.00), (578, 18, 0.28), (852, 22, 0.50), (937, 24, 0.66), (1048, 30, 0.52),
        (1083, 32, 0.74), (1125, 28, 0.80), (1260, 32, 0.32), (1340, 34, 0.66), (1380, 28, 0.60),
        (1460, 30, 0.50),
    ),
    "cytochrome_c": (
        (603, 14, 0.34), (748, 16, 1.00), (1127, 16, 0.72), (1170, 16, 0.18), (1227, 16, 0.24),
        (1312, 18, 0.56), (1337, 18, 0.34), (1360, 16, 0.32), (1585, 18, 0.86), (1638, 18, 0.24),
    ),
    "collagen": (
        (855, 18, 0.40), (876, 18, 0.32), (920, 20, 0.36), (938, 20, 0.42), (1003, 11, 0.24),
        (1032, 16, 0.24), (1245, 40, 0.62), (1270, 36, 0.58), (1340, 34, 0.26), (1450, 34, 0.95),
        (1668, 45, 1.00),
    ),
    "chondroitin_sulfate": (
        (857, 22, 0.26), (940, 24, 0.24), (1063, 24, 1.00), (1130, 30, 0.28), (1342, 32, 0.62),
        (1378, 28, 0.68), (1415, 30, 0.28), (1640, 45, 0.20),
    ),
    "hydroxyapatite": ((590, 24, 0.14), (960, 16, 1.00), (1045, 26, 0.10), (1072, 20, 0.14)),
    "polystyrene": (
        (621, 11, 0.20), (1001, 11, 1.00), (1031, 12, 0.34), (1155, 13, 0.14), (1183, 13, 0.12),
        (1450, 18, 0.14), (1583, 13, 0.14), (1602, 13, 0.30),
    ),
}  # fmt: skip


class Bands(NamedTuple):
    """The bands of one sample's K molecules, `[B]` each.

    Attributes:
        position: centres, cm^-1.
        width: full widths at half maximum, cm^-1, before the spectrometer's resolution.
        height: relative to the strongest band of the molecule.
        lorentzian: fraction of the Lorentzian line in the pseudo-Voigt shape.
        owner: `[K, B]`, 1 where the band belongs to the molecule.
    """

    position: Array
    width: Array
    height: Array
    lorentzian: Array
    owner: np.ndarray


@functools.cache
def _band_table(molecules: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return all bands `[B, 3]` of the molecules and the matrix `[K, B]` of which belongs to which."""
    bands = np.concatenate([np.asarray(BANDS[name], np.float32) for name in molecules])
    owner = np.repeat(np.arange(len(molecules)), [len(BANDS[name]) for name in molecules])
    return bands, (owner == np.arange(len(molecules))[:, None]).astype(np.float32)


def pseudo_voigt(wavenumbers: Array, position: Array | np.ndarray, width: Array, lorentzian: Array) -> Array:
    """Evaluate bands of height 1.

    Args:
        wavenumbers: `[L]`, cm^-1.
        position: band centres, any shape, cm^-1.
        width: full widths at half maximum, the same shape, cm^-1.
        lorentzian: fraction of the Lorentzian line in [0, 1], the same shape; the rest is Gaussian.

    Returns:
        The band shapes, `[..., L]`.
    """
    squared = ((wavenumbers - position[..., None]) / (0.5 * width[..., None])) ** 2
    gaussian = jnp.exp(-np.log(2.0).astype(np.float32) * squared)
    mix = lorentzian[..., None]
    return mix / (1.0 + squared) + (1.0 - mix) * gaussian


def draw_endmembers(
    key: Array, wavenumbers: Array | np.ndarray, config: SimulatorConfig, molecules: tuple[str, ...]
) -> Array:
    """Draw the spectra of the molecules in one sample, each band moved, widened and rescaled a little.

    Args:
        key: random key.
        wavenumbers: any axis, `[L]`, cm^-1.
        config: its `band_*` settings, `axis_shift` and `resolution` are used.
        molecules: K names out of `BANDS`.

    Returns:
        `[K, L]`, not negative; the strongest band of each molecule is about 1 high.
    """
    bands = draw_bands(key, config, tuple(molecules))
    shapes = pseudo_voigt(
        jnp.asarray(wavenumbers, jnp.float32),
        bands.position,
        jnp.maximum(bands.width, config.resolution),
        bands.lorentzian,
    )
    return jnp.asarray(bands.owner) @ (bands.height[:, None] * shapes)


def draw_bands(key: Array, config: SimulatorConfig, molecules: tuple[str, ...]) -> Bands:
    """Draw the bands of one sample's molecules; `band_*` settings and `axis_shift` of `config` are used."""
    table, owner = _band_table(molecules)
    bands = jnp.asarray(table)
    count = bands.shape[0]
    draws = Draws(key, 4 * count + 3)
    normal = draws.normal((3, count + 1))
    return Bands(
        position=bands[:, 0] + config.band_shift * normal[0, :count] + config.axis_shift * normal[0, count],
        width=bands[:, 1] * jnp.exp(config.band_width_spread * normal[1, :count]),
        height=bands[:, 2] * jnp.exp(config.band_height_spread * normal[2, :count]),
        lorentzian=draws.uniform((count,), 0.2, 0.7),
        owner=owner,
    )
