"""The experiments by name, and running one or all of them."""

import functools
import html
import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
from ml_collections import ConfigDict

from deeper_jax.errors import InputError
from deeper_jax.evaluation.report.web_page import write_web_page
from deeper_jax.experiments import figure2_denoising, figure3_super_resolution, figure4_hybrid, figure5_transfer
from deeper_jax.experiments.report import Report, write_report

_log = logging.getLogger(__name__)

EXPERIMENTS = MappingProxyType(
    {
        "denoising": "Figure 2: the denoiser in leave-one-cell-out cross-validation",
        "super_resolution": "Figure 3: 2x, 3x and 4x on images never seen",
        "hybrid": "Figure 4: denoising and super-resolution together",
        "transfer": "Figure 5: from cells to cartilage",
    }
)
"""What each experiment is, by name."""


def run_experiments(name: str, output: str | Path, config: ConfigDict, *, jobs: int = 1, command: str = "") -> Path:
    """Run one experiment, or 'all', and write its report; what is there already is not done again.

    Args:
      name: a key of `EXPERIMENTS`, or 'all'.
      output: folder for data, runs and reports; a run that was stopped goes on from there.
      config: as in configs/experiments.py.
      jobs: folds of the cross-validation trained side by side.
      command: the command line, for the record.

    Returns:
      The page to open first.

    Raises:
      InputError: an unknown name, unusable data or settings, or runs of other settings in `output`. Of 'all', the
        other experiments are done first.
    """
    names = list(EXPERIMENTS) if name == "all" else [name]
    if not set(names) <= set(EXPERIMENTS):
        raise InputError(f"there is no experiment called {name!r}: choose one of {', '.join(EXPERIMENTS)}, or all.")
    if jobs < 1:
        raise InputError(f"jobs is {jobs}; give 1 or more.")
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    if not jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        # The same programs are compiled for every fold.
        jax.config.update("jax_compilation_cache_dir", str((output / "compiled").absolute()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    runs: dict[str, Callable[[ConfigDict, Path], Report]] = {
        "denoising": functools.partial(figure2_denoising.run, jobs=jobs),
        "super_resolution": figure3_super_resolution.run,
        "hybrid": figure4_hybrid.run,
        "transfer": figure5_transfer.run,
    }
    pages: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for each in names:
        start = time.perf_counter()
        _log.info(f"{each}: {EXPERIMENTS[each]}.")
        try:
            pages[each] = write_report(runs[each](config, output), output / each, command)
        except InputError as error:
            if name != "all":
                raise
            # The others may do without what this one lacks.
            _log.warning(f"{each}: not done: {error}")
            refused[each] = str(error)
            continue
        _log.info(f"{each}: {(time.perf_counter() - start) / 60:.1f} minutes; report in {pages[each]}")
    if name != "all":
        return pages[name]
    links = "".join(f'<li><a href="{each}/index.html">{EXPERIMENTS[each]}</a></li>' for each in pages)
    links += "".join(f"<li>{EXPERIMENTS[each]} Not done: {html.escape(why)}</li>" for each, why in refused.items())
    page = write_web_page(output / "index.html", "The paper's experiments", [f"<ul>{links}</ul>"])
    if refused:
        raise InputError(
            f"{', '.join(refused)}: not done, for the reason above; the other reports are in {page}, and the same "
            "command goes on where this one left off."
        )
    return page
