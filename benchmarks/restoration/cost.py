"""Seconds and peak memory of `enhance`, from arrays to arrays, imports and compilation included, a process each."""

import argparse

import numpy as np

import deeper_jax
from benchmarks.command import cost_of
from deeper_jax.maps import raman_map


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", help=argparse.SUPPRESS)
    parser.add_argument(
        "--sizes",
        nargs="+",
        default=["16,16,500,4", "64,64,500,1", "120,120,1024,1"],
        help="height, width, channels and scale of each map",
    )


def run(options: argparse.Namespace) -> None:
    if options.size:
        height, width, channels, scale = map(int, options.size.split(","))
        y, x = np.mgrid[:height, :width]
        images = np.stack([np.sin(x / 7) + 2, np.cos(y / 5) + 2, np.hypot(x - 20, y - 20) < 9], -1)
        axis = np.linspace(600.0, 1800.0, channels)
        bands = np.exp(-0.5 * ((axis - np.array([[900.0], [1200.0], [1500.0]])) / 12) ** 2)
        cube = np.random.default_rng(0).poisson(20 + 30 * images @ bands).astype(np.float32)
        deeper_jax.enhance(raman_map(cube, axis), scale=scale)
        return
    print("| map | scale | seconds | peak memory |\n| --- | --- | --- | --- |")
    for size in options.sizes:
        spent = cost_of("-m", "benchmarks.restoration", "cost", f"--size={size}")
        *shape, scale = size.split(",")
        print(f"| {' x '.join(shape)} | {scale} | {spent.seconds:.1f} | {spent.memory:.2f} GB |", flush=True)
