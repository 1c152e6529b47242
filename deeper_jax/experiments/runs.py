"""Trains what an experiment needs, unless it is there already, on the user's data or on simulated ones."""

import copy
import logging
from pathlib import Path

from ml_collections import ConfigDict

from deeper_jax.tasks.load import Model, load_as
from deeper_jax.tasks.registry import training_job
from deeper_jax.training.loop import train
from deeper_jax.training.run_directory import claim

_log = logging.getLogger(__name__)

FINISHED = "finished"
"""A file of this name says that the run beside it came to its end."""


def trained(config: ConfigDict, workdir: Path, kind: type[Model]) -> Model:
    """The model of a run, of that kind, which is started, resumed or taken as it is.

    Raises:
      InputError: `workdir` holds a run of another config, or the config cannot be trained.
    """
    if (workdir / FINISHED).exists():
        claim(workdir, config)
    else:
        _log.info(f"Training {workdir}.")
        train(config, training_job(config), workdir)
        (workdir / FINISHED).touch()
    return load_as(workdir, kind)


def with_data(config: ConfigDict, output: Path, name: str) -> ConfigDict:
    """The same config on `data.path` if that exists, else on data simulated in OUTPUT/data/NAME; says which."""
    config = copy.deepcopy(config)
    found = Path(config.data.path).exists()
    if found:
        _log.info(f"{name}: using {config.data.path}.")
    else:
        instead = output / "data" / name
        _log.info(f"{name}: {config.data.path} is not there, SIMULATED data in {instead} instead.")
        config.data.path = str(instead)
    config.data.tfds_dir = str(output / "data" / "prepared")
    return config


def data_sentence(simulated: bool, source: object, words: str, kind: str = "data") -> str:
    """What a report is about: simulated or measured, from where, and `words` on how many and how they are used."""
    return f"{'SIMULATED' if simulated else 'MEASURED'} {kind} ({source}): {words}"
