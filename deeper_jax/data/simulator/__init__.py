"""Simulator of Raman images of cells in pure JAX: seeded, jit-able, runs on any device."""

from deeper_jax.data.simulator.cell import simulate_cell, simulate_spectra
from deeper_jax.data.simulator.config import (
    CELL_MOLECULES,
    SimulatorConfig,
    default_config,
    default_wavenumbers,
    reference_cell_config,
)
from deeper_jax.data.simulator.image import SimulatedImage

__all__ = [
    "CELL_MOLECULES",
    "SimulatedImage",
    "SimulatorConfig",
    "default_config",
    "default_wavenumbers",
    "reference_cell_config",
    "simulate_cell",
    "simulate_spectra",
]
