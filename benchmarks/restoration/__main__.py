"""What `enhance` makes of maps with the map restorer, beside what else is done to them.

    python -m benchmarks.restoration cells                    # simulated cells, on the grid that was measured
    python -m benchmarks.restoration dose                     # the same light on every pixel, or longer on fewer
    python -m benchmarks.restoration finer --runs=runs/finer  # coarse scans of simulated samples, and the peers
    python -m benchmarks.restoration real_finer --maps FILES  # measured maps, of which some pixels are given
    python -m benchmarks.restoration thinned --maps FILES     # measured counts of which a share is given, and the peers
    python -m benchmarks.restoration smooth --maps FILES      # measured maps for the truth, with drawn noise
    python -m benchmarks.restoration pairs --pairs=FILE       # spectra measured twice: error and intervals, by line
    python -m benchmarks.restoration cost                     # seconds and peak memory, in a new process each

Each part says under --help what it compares and how.
"""

import argparse
import logging

from benchmarks.restoration import cells, cost, dose, finer, pairs, real_finer, smooth, thinned
from deeper_jax.cli.command_line import run_quietly

PARTS = {
    "cells": cells,
    "cost": cost,
    "dose": dose,
    "finer": finer,
    "pairs": pairs,
    "real_finer": real_finer,
    "smooth": smooth,
    "thinned": thinned,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    for name, part in PARTS.items():
        part.add_options(parts.add_parser(name, description=part.__doc__, formatter_class=parser.formatter_class))
    options = parser.parse_args(arguments)

    def work() -> None:
        # What `enhance` tells of its steps would stand between the rows of the tables.
        logging.getLogger("deeper_jax.enhancement").setLevel(logging.WARNING)
        PARTS[options.part].run(options)

    run_quietly(f"restoration {options.part}", work)


if __name__ == "__main__":
    main()
