"""Mistakes in the settings are one sentence, said before any data are prepared."""

import numpy as np
import pytest

from configs import super_resolution_small, tiny
from deeper_jax.cli.configs import load_config
from deeper_jax.data.files import read_pairs
from deeper_jax.data.preprocess import without_constant
from deeper_jax.errors import InputError
from deeper_jax.spectra.axis import like_wavelengths
from deeper_jax.tasks.registry import training_job


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("train.batch_size", 0, r"config\.train\.batch_size is 0; give a whole number, 1 or more"),
        ("train.batch_size", -8, "batch_size is -8"),
        ("train.batch_size", "8", "batch_size is '8'"),
        ("train.batch_size", 12, "batch_size is 12 .*does not divide over 8 devices"),
        ("train.log_every", 0, "log_every is 0; give a whole number, 1 or more"),
        ("train.evaluate_every", 0, "evaluate_every is 0"),
        ("train.checkpoint_every", 2.5, r"checkpoint_every is 2\.5"),
        ("train.steps", 0, "steps and config.train.epochs are both 0"),
        ("train.ema_decay", 1.0, r"ema_decay is 1\.0; give a number from 0"),
        ("train.loss", "l11", r"loss is 'l11' \(did you mean 'l1'\?\); denoising takes l1 or mse"),
        ("train.loss", "gaussian", "loss is 'gaussian'; denoising takes l1 or mse"),
        ("schedule.name", "one_cicle", r"schedule called 'one_cicle' \(did you mean 'one_cycle'\?\): choose one of"),
        ("schedule.final_divizor", 2.0, r"no option 'final_divizor' \(did you mean 'final_divisor'\?\)"),
        ("schedule.learning_rate", -1.0, "must be a positive number, but it is -1"),
        ("optimizer.name", "adamm", r"optimizer called 'adamm' \(did you mean 'adam'\?\)"),
        ("optimizer.momentun", 0.9, r"config\.optimizer has the unknown setting 'momentun' \(did you mean 'momentum'"),
        ("optimizer.weight_decay", "much", "config.optimizer cannot be used: '>=' not supported"),
        ("model.name", "resunet", r"model\.name is 'resunet' \(did you mean 'resunet1d'\?\)"),
        ("model.widht", 4, r"no argument 'widht' \(did you mean 'width'\?\)"),
        ("model.width", "four", "does not say how to build the network"),
        ("model.length", 3, "`length` must be a positive multiple of 4, but it is 3"),
        ("model.dtype", "float99", r"config\.model\.dtype cannot be used: data type 'float99' not understood"),
        ("augment.shift", 0.7, r"config\.augment cannot be used: shift: found 0\.7"),
        ("augment.flop", True, r"config\.augment has the unknown setting 'flop' \(did you mean 'flip'"),
        ("data.steps", ({"name": "remove_cosmic_ray"},), "named 'remove_cosmic_ray': expected one of"),
        ("data.validation_fraction", 1.5, r"validation_fraction is 1\.5"),
        ("seed", -1, "config.seed is -1"),
        ("task", "denoisng", r"config.task is 'denoisng' \(did you mean 'denoising'\?\)"),
    ],
)
def test_a_mistake_is_named_before_any_data_are_simulated(key, value, sentence, tmp_path):
    config = tiny.get_config()
    config.data.path, config.data.tfds_dir = str(tmp_path / "cells"), str(tmp_path / "copy")
    section, _, name = key.rpartition(".")
    with config.ignore_type():
        (config[section] if section else config)[name] = value
    with pytest.raises(InputError, match=sentence):
        training_job(config)
    assert not list(tmp_path.iterdir())


def test_a_misspelt_or_missing_setting_of_a_config_of_ones_own_is_named(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from configs import tiny\ndef get_config(arg=None):\n    config = tiny.get_config()\n"
        "    config.train.batch_sise = 8\n    return config\n"
    )
    with pytest.raises(InputError, match=r"mine\.py: config\.train has the unknown setting 'batch_sise' \(did"):
        load_config(str(path))
    path.write_text(path.read_text().replace("config.train.batch_sise = 8", "del config.train['log_every']"))
    with pytest.raises(InputError, match=r"mine\.py: config\.train lacks 'log_every'"):
        load_config(str(path))


AXIS = np.linspace(600, 1600, 64)


def written(path, noisy, axis=AXIS, **more):
    np.savez(path, noisy=noisy, target=noisy, **({} if axis is None else {"wavenumbers": axis}), **more)
    return path


def job_of(path, folder, **model):
    config = tiny.get_config()
    config.data.path, config.data.tfds_dir, config.model.length = str(path), str(folder / "copy"), 64
    config.model.update(model)
    return training_job(config)


def spectra(count=12, length=64):
    return np.random.default_rng(0).random((count, length)).astype(np.float32)


def test_spectra_that_are_zero_or_constant_are_left_out_or_refused(tmp_path, caplog):
    some = spectra()
    some[2], some[5] = 0, 7
    found = without_constant(read_pairs(written(tmp_path / "some.npz", some))["all"])
    np.testing.assert_array_equal(found.noisy, np.delete(some, [2, 5], axis=0))
    assert "2 of 12 pairs are zero or constant, left out" in caplog.text
    with pytest.raises(InputError, match=r"zero\.npz: found 7 pairs of spectra, all of them zero or constant"):
        job_of(written(tmp_path / "zero.npz", 0 * spectra()), tmp_path)


def test_two_spectra_are_enough_to_train_and_validate_on(tmp_path):
    job = job_of(written(tmp_path / "two.npz", spectra(2)), tmp_path)
    batch = next(job.train_batches(0, 1))
    assert batch["input"].shape == (16, 64) and np.isfinite(batch["input"]).all()
    with pytest.raises(InputError, match=r"one\.npz: found 1 spectrum, expected two or more"):
        job_of(written(tmp_path / "one.npz", spectra(1)), tmp_path)


@pytest.mark.parametrize("length", [1, 3])
def test_spectra_of_one_or_three_channels_are_refused(length, tmp_path):
    with pytest.raises(InputError, match=rf"few\.npz: its spectra have {length} channels; the network takes 4 or more"):
        job_of(written(tmp_path / "few.npz", spectra(length=length), AXIS[:length]), tmp_path)


def test_axes_that_look_like_wavelengths_are_named(tmp_path, caplog):
    assert like_wavelengths(np.linspace(533.0, 640.0, 1024)) and not like_wavelengths(np.linspace(498, 1800, 500))
    assert not like_wavelengths(np.linspace(2800.0, 3000.0, 1024)) and not like_wavelengths(np.array([600.0]))
    job_of(written(tmp_path / "nm.npz", spectra(), np.linspace(540.0, 556.0, 64)), tmp_path)
    assert "nm.npz: the axis goes from 540 to 556 in steps of 0.25, as wavelengths in nm do" in caplog.text
    with pytest.raises(InputError, match=r"wl\.npz: found the axis 'wavelengths', expected 'wavenumbers' in cm\^-1"):
        read_pairs(written(tmp_path / "wl.npz", spectra(), None, wavelengths=AXIS))


def test_an_image_without_light_is_named(tmp_path):
    config = super_resolution_small.get_config("scale=2")
    config.data.update({"path": str(tmp_path / "maps"), "tfds_dir": str(tmp_path / "copy"), "patch": 8})
    config.model.update({"length": 8, "width": 4, "groups": 1, "blocks": 1, "reduction": 2})
    config.train.batch_size = 8
    (tmp_path / "maps").mkdir()
    for name, image in (("a", np.random.default_rng(0).random((8, 8, 8))), ("dark", np.zeros((8, 8, 8)))):
        np.save(tmp_path / "maps" / f"{name}.npy", image)
    with pytest.raises(InputError, match="maps: image 'dark' is constant or nowhere positive"):
        training_job(config)
