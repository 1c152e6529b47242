"""Training data of the denoising task: ResUNet1D on pairs of spectra, from files or simulated on the device."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from deeper_jax.data.batches import evaluation_batches, steps_per_epoch
from deeper_jax.data.files import SpectralPairs
from deeper_jax.data.fingerprints import cell_fingerprints, data_record
from deeper_jax.data.preprocess import preprocess_pairs, without_constant
from deeper_jax.data.spectral_pairs import join_cells
from deeper_jax.data.splits import leave_one_cell_out, split_by_cell
from deeper_jax.errors import InputError
from deeper_jax.models.registry import build_from_config
from deeper_jax.spectra.axis import like_wavelengths
from deeper_jax.spectra.preprocessing import Step
from deeper_jax.training.device_batches import check_input_pipeline, resident_spectra_batches
from deeper_jax.training.job import Batch, TrainingJob
from deeper_jax.training.sharding import batch_sharding, data_mesh

log = logging.getLogger(__name__)
# ResUNet1D halves spectra twice.
_MULTIPLE = 4


def denoising_job(config: ConfigDict) -> TrainingJob:
    """Network and data of a denoising config.

    `data.source` is 'files' (`data.path` holds the pairs; a simulated set is written there first if there is
    nothing and `data.simulate` says how) or 'simulator' (new spectra at every step, made on the device). What comes
    from files is fed by `data.input_pipeline`: 'tf.data', or 'device' (kept whole on each device and augmented there).

    Raises:
        InputError: unusable data or settings.
    """
    sources = {"files": _from_files, "simulator": _from_simulator}
    if config.data.source not in sources:
        raise InputError(f"data.source is {config.data.source!r}; choose 'files' or 'simulator'.")
    return sources[config.data.source](config)


def load_splits(config: ConfigDict) -> dict[str, SpectralPairs]:
    """The 'train', 'validation' and 'test' pairs of a config with `data.source` 'files'.

    Raises:
        InputError: nothing to train on, or `data.fold` is not one of the folds.
    """
    return _prepared(_split(_read(config), config), config)


def _prepared(splits: dict[str, SpectralPairs], config: ConfigDict) -> dict[str, SpectralPairs]:
    return {name: prepared_pairs(pairs, config.data.steps, config.model.length) for name, pairs in splits.items()}


def prepared_pairs(pairs: SpectralPairs, steps: Sequence[Step], length: int) -> SpectralPairs:
    """Pairs after preprocessing, without the last one to three channels where they are so many more than `length`.

    The network takes multiples of four. Raises InputError as `preprocess_pairs`.
    """
    pairs = preprocess_pairs(pairs, steps)
    extra, axis = pairs.noisy.shape[1] - length, pairs.wavenumbers
    if axis is None or not 0 < extra < _MULTIPLE:
        return pairs
    log.info("%s: the last %d of %d channels are left out.", pairs.source, extra, axis.size)
    return preprocess_pairs(pairs, [{"name": "crop", "low": float(axis[0]), "high": float(axis[length - 1])}])


def _split(splits: dict[str, SpectralPairs], config: ConfigDict) -> dict[str, SpectralPairs]:
    if config.data.fold is not None:
        return _leave_one_out(_all_cells(splits), config)
    if "validation" in splits:
        return splits
    known = splits.get("train", splits.get("all"))
    if known is None:
        raise InputError(f"{config.data.path}: holds no training spectra, only {sorted(splits)}.")
    parts = split_by_cell(known, validation_fraction=config.data.validation_fraction, seed=config.seed)
    return {**splits, **parts}


def cells_of_folds(config: ConfigDict) -> tuple[str, ...]:
    """The cells that the folds of a config's data test on, in order."""
    return _all_cells(_read(config)).cell_names


def _read(config: ConfigDict) -> dict[str, SpectralPairs]:
    from deeper_jax.data.tfds_denoising import prepare_and_load

    path = Path(config.data.path)
    if config.data.simulate and not path.exists():
        _simulate(path, config)
    return prepare_and_load(path, config.data.tfds_dir)


def _all_cells(splits: Mapping[str, SpectralPairs]) -> SpectralPairs:
    cells = [pairs.of_cell(name) for pairs in splits.values() for name in pairs.cell_names]
    return join_cells(cells, [cell.cell_names[0] for cell in cells], cells[0].source)


def _leave_one_out(pairs: SpectralPairs, config: ConfigDict) -> dict[str, SpectralPairs]:
    folds = leave_one_cell_out(pairs.cell_names)
    if not 0 <= config.data.fold < len(folds):
        raise InputError(f"data.fold is {config.data.fold}; {config.data.path} has the folds 0 to {len(folds) - 1}.")
    fraction, test = config.data.validation_fraction, folds[config.data.fold].test
    return split_by_cell(pairs, validation_fraction=fraction, test_cells=(test,), seed=config.seed)


def _simulate(path: Path, config: ConfigDict) -> None:
    from deeper_jax.data.simulated_data import write_simulated_dataset

    settings = config.data.simulate.to_dict()
    log.info("%s does not exist: simulating a data set there (%s).", path, settings)
    write_simulated_dataset(path, **settings)


def _from_files(config: ConfigDict) -> TrainingJob:
    check_input_pipeline(config.data.input_pipeline)
    read = _read(config)
    splits = _prepared(_split(read, config), config)
    _check_axis(splits["train"], config)
    train, validation = (without_constant(splits[name]) for name in ("train", "validation"))
    # A name may be in the test data too; then it is not the test cell that was trained on.
    cells = {
        name: digits
        for split in sorted(read, key=lambda s: s != "test")
        for name, digits in cell_fingerprints(read[split]).items()
    }
    batch_size = config.train.batch_size
    arrays = {"input": over_maximum(validation.noisy), "target": over_maximum(validation.target)}
    return TrainingJob(
        model=build_from_config(config.to_dict()),
        train_batches=lambda first, last: _batches_of_files(config, train, first, last),
        validation_batches=lambda: evaluation_batches(arrays, batch_size),
        steps_per_epoch=steps_per_epoch(len(train), batch_size),
        record={
            "normalisation": "each spectrum over its own maximum",
            "wavenumbers": None if train.wavenumbers is None else train.wavenumbers.tolist(),
            "preprocessing": list(train.steps),
            "data": {
                **data_record(config.data.path, train, {n: cells[n] for n in train.cell_names + validation.cell_names}),
                "train_cells": list(train.cell_names),
                "validation_cells": list(validation.cell_names),
            },
        },
    )


def _check_axis(train: SpectralPairs, config: ConfigDict) -> None:
    """Raise InputError on a length that the model does not take; log a doubt about the wavenumbers."""
    length = train.noisy.shape[1]
    if length < _MULTIPLE:
        raise InputError(f"{config.data.path}: its spectra have {length} channels; the network takes 4 or more.")
    if length != config.model.length:
        raise InputError(
            f"{config.data.path}: its spectra have {length} channels, the model takes {config.model.length}: "
            f"set --config.model.length={length - length % _MULTIPLE}."
        )
    if train.wavenumbers is not None and (doubt := like_wavelengths(train.wavenumbers)):
        log.warning("%s: %s.", config.data.path, doubt)


def _batches_of_files(config: ConfigDict, train: SpectralPairs, first: int, last: int) -> Iterator[Batch]:
    settings: dict[str, Any] = {"batch_size": config.train.batch_size, "seed": config.seed, **config.augment.to_dict()}
    if config.data.input_pipeline == "device":
        return resident_spectra_batches(train, start_step=first, total_steps=last, **settings)
    from deeper_jax.data.spectra_pipeline import training_batches

    batches = training_batches(
        train,
        start_step=first,
        total_steps=last,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        **settings,
    )
    return ({"input": batch["noisy"], "target": batch["target"]} for batch in batches)


def _from_simulator(config: ConfigDict) -> TrainingJob:
    from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_spectra
    from deeper_jax.spectra.preprocessing import apply_steps

    if config.model.length != len(default_wavenumbers()):
        raise InputError(
            f"model.length is {config.model.length}, but the simulator's axis has {len(default_wavenumbers())} "
            "channels: set model.length to that."
        )
    axis = default_wavenumbers()
    steps = [dict(step) for step in config.data.steps]
    ranges = SimulatorConfig(**config.data.simulator.to_dict())
    batch_size = config.train.batch_size

    def make_batch(key: jax.Array) -> Batch:
        low, high, _, high_truth = simulate_spectra(key, batch_size, axis, ranges)
        target = high_truth if config.data.noise_free_target else high
        noisy, clean = (apply_steps(spectra, axis, steps)[0] for spectra in (low, target))
        return {"input": over_maximum(noisy), "target": over_maximum(clean)}

    record = {
        "normalisation": "each spectrum over its own maximum",
        "wavenumbers": axis.tolist(),
        "preprocessing": steps,
    }
    return simulated_job(config, make_batch, record)


def simulated_job(config: ConfigDict, make_batch: Callable[[jax.Array], Batch], record: dict[str, Any]) -> TrainingJob:
    """The network of a config and data that are simulated anew at every step, on the device.

    Args:
        config: with `seed`, `train.steps_per_epoch` and `data.validation_spectra`.
        make_batch: from a random key to a batch; it is compiled.
        record: as for `TrainingJob`, without the data's origin.
    """
    batch_size = config.train.batch_size

    def train_batches(start_step: int, total_steps: int) -> Iterator[Batch]:
        # Of several processes each makes its own part of the global batch, which is the same for any number of them.
        parts = batch_sharding(data_mesh()) if jax.process_count() > 1 else None
        make, base = jax.jit(make_batch, out_shardings=parts), jax.random.fold_in(jax.random.key(config.seed), 0)
        for step in range(start_step, total_steps):
            yield make(jax.random.fold_in(base, step))

    make, key = jax.jit(make_batch), jax.random.key(config.seed + 1)
    count = max(1, config.data.validation_spectra // batch_size)
    made = [jax.device_get(make(jax.random.fold_in(key, index))) for index in range(count)]
    arrays = {name: np.concatenate([part[name] for part in made]) for name in ("input", "target")}
    return TrainingJob(
        model=build_from_config(config.to_dict()),
        train_batches=train_batches,
        validation_batches=lambda: evaluation_batches(arrays, batch_size),
        steps_per_epoch=config.train.steps_per_epoch,
        record={**record, "data": {"source": "spectra simulated on the device", "simulated": True}},
    )


def over_maximum(spectra: Any) -> Any:
    """Each spectrum [..., L] over its own maximum, float32; one with no positive value is left as it is."""
    arrays = jnp if isinstance(spectra, jax.Array) else np
    maximum = spectra.max(-1, keepdims=True)
    return (spectra / arrays.where(maximum > 0, maximum, 1)).astype(np.float32)
