"""Simulated samples that nothing was trained on, their errors, and how means are told."""

import argparse
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from scipy import stats

from deeper_jax.simulator import SimulatorConfig, cartilage_config, simulate_cartilage, simulate_cell
from deeper_jax.simulator.config import default_wavenumbers

SIMULATED = {"cell": (simulate_cell, SimulatorConfig()), "cartilage": (simulate_cartilage, cartilage_config())}
SIDE, FIRST_SEED = 60, 5000


def add_samples(parser: argparse.ArgumentParser, count: int = 10) -> None:
    parser.add_argument("--samples", type=int, default=count, help="simulated samples of each kind")
    parser.add_argument("--side", type=int, default=SIDE, help="their height and width in pixels")


def numbers(text: str) -> list[float]:
    """The numbers of an option such as 1,3,10."""
    return [float(each) for each in text.split(",")]


def whole_numbers(text: str) -> list[int]:
    """The whole numbers of an option such as 2,3,4."""
    return [int(each) for each in text.split(",")]


def quiet(config: SimulatorConfig, level: float) -> SimulatorConfig:
    """Of one light, without cosmic rays and without the read-outs' random offset, which nobody can know."""
    return dataclasses.replace(config, signal_level=(level, level), low_cosmic_rate=0.0, offset_step_probability=0.0)


def samples(kind: str, config: SimulatorConfig, indices: range, side: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Counts and their expectation, [side, side, L] each."""
    return (drawn(kind, config, FIRST_SEED + index, side) for index in indices)


def drawn(kind: str, config: SimulatorConfig, seed: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts and their expectation, [side, side, L] each, of one seed."""
    measured = _drawing(SIMULATED[kind][0], config, side)(jax.random.key(seed))
    return np.asarray(measured.low, np.float64), np.asarray(measured.low_truth, np.float64)


@functools.cache
def _drawing(simulate: Any, config: SimulatorConfig, side: int) -> Any:
    return jax.jit(lambda key: simulate(key, side, side, default_wavenumbers(), config))


def error(output: np.ndarray, truth: np.ndarray, cube: np.ndarray) -> float:
    """Mean squared error in percent of the noise's variance."""
    return float(100 * ((output - truth) ** 2).mean() / ((cube - truth) ** 2).mean())


def told(values: Any, digits: int = 3) -> str:
    """Mean and half-width of its 95 % interval."""
    if len(values) < 2:
        return f"{np.mean(values):.{digits}f}"
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return f"{np.mean(values):.{digits}f} ± {half:.{digits}f}"
