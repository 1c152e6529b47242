"""Simulator of Raman images of cells and cartilage in pure JAX: seeded, jit-able, runs on any device."""

from deeper_jax.simulator.config import (
    CARTILAGE_MOLECULES,
    CELL_MOLECULES,
    SimulatorConfig,
    cartilage_config,
    default_wavenumbers,
)
from deeper_jax.simulator.image import SimulatedImage
from deeper_jax.simulator.samples import simulate_cartilage, simulate_cell, simulate_spectra
from deeper_jax.simulator.varied import VariedSpectra, simulate_varied_spectra

__all__ = [
    "CARTILAGE_MOLECULES",
    "CELL_MOLECULES",
    "SimulatedImage",
    "SimulatorConfig",
    "VariedSpectra",
    "cartilage_config",
    "default_wavenumbers",
    "simulate_cartilage",
    "simulate_cell",
    "simulate_spectra",
    "simulate_varied_spectra",
]
