"""Measured smooth maps taken for the truth, with drawn noise: shot noise and that of reading out.

    python -m benchmarks.restoration smooth --maps cartilage_map_real.npz
    python -m benchmarks.restoration smooth --maps grains.npz=1,570 --components=6 --electrons=3,10

The map, scaled to so many photo-electrons a channel, is the truth. `enhance` is blind; the peers have the number of
components, the strength of BM3D and the smoothing of spectra that are best for the truth in each draw (peers.py).
Squared errors in percent of the map's variance about its mean spectrum, mean and half-width of the 95 % interval over
draws of the noise.
"""

import argparse

import numpy as np

import deeper_jax
from benchmarks.restoration.peers import NOT_INSTALLED, least_error, peers
from benchmarks.restoration.real_maps import CountedMap, map_variance
from benchmarks.restoration.samples import numbers, told
from benchmarks.restoration.thinned import OURS, WITHOUT, enhanced
from deeper_jax.evaluation.reference_methods import pca
from deeper_jax.tasks.load import DEFAULT_RESTORER

# Standard deviation of the noise of reading out, in photo-electrons.
READING = 2.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--maps", type=CountedMap.parsed, nargs="+", required=True, help="FILE or FILE=GAIN,PEDESTAL")
    parser.add_argument("--components", type=int, help="cut the map to so many principal components first")
    parser.add_argument("--electrons", type=numbers, default="3,10,30", help="mean of a channel")
    parser.add_argument("--draws", type=int, default=3, help="of the noise")


def run(options: argparse.Namespace) -> None:
    model, restorer, others = deeper_jax.load(), deeper_jax.load(DEFAULT_RESTORER), peers()
    titles = [OURS, WITHOUT, *(f"{name}, best for the truth" for name in others)]
    print(f"| map | electrons | {' | '.join(titles)} |\n|{' --- |' * (2 + len(titles))}")
    for each in options.maps:
        clean, axis = each.electrons()
        if options.components:
            clean = pca(clean.reshape(-1, len(axis)), options.components).reshape(clean.shape)
        clean = np.maximum(clean, 0.0)
        for electrons in options.electrons:
            truth = clean * (electrons / clean.mean())
            errors: list[list[float]] = [[] for _ in titles]
            for draw in range(options.draws):
                generator = np.random.default_rng(draw)
                cube = generator.poisson(truth) + READING * generator.standard_normal(truth.shape)
                for found, restorers in zip(errors, ({"network": restorer.restore_grid}, {}), strict=False):
                    found.append(float(((enhanced(cube, axis, model, restorers) - truth) ** 2).mean()))
                for found, ways in zip(errors[2:], others.values(), strict=True):
                    found += [least_error(cube, truth, ways)] if ways else []
            scale = 100 / map_variance(truth)
            cells = [told(scale * np.array(found)) if found else NOT_INSTALLED for found in errors]
            print(f"| {each.path.name} | {electrons:g} | {' | '.join(cells)} |", flush=True)
