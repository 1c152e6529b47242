import importlib
import sys
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from configs.common import parse_arg
from deeper_jax.cli.configs import SHIPPED, load_config, shipped_configs
from deeper_jax.cli.main import main
from deeper_jax.errors import InputError
from deeper_jax.models.registry import MODELS
from deeper_jax.tasks.registry import TASKS, training_job
from deeper_jax.training.schedules import make_schedule

FILES = (Path(__file__).parents[1] / "configs").glob("*.py")
NAMES = sorted(path.stem for path in FILES if path.stem not in ("common", "experiments"))


@pytest.mark.parametrize("name", NAMES)
def test_every_config_is_whole_and_says_how_it_is_run(name):
    module = importlib.import_module(f"configs.{name}")
    assert "python train.py --config=configs/" in module.__doc__ and "--workdir=" in module.__doc__
    check_whole(module.get_config())


def check_whole(config):
    assert isinstance(config, ConfigDict)
    assert config.task in TASKS and config.model.name in MODELS
    assert bool(config.train.steps) != bool(config.train.epochs)
    make_schedule(**config.schedule.to_dict(), total_steps=10, steps_per_epoch=5)


@pytest.mark.parametrize("setting", ["small", "paper"])
def test_every_run_of_the_experiments_is_whole(setting):
    config = importlib.import_module("configs.experiments").get_config(setting)
    for run in (config.denoising, config.hybrid.training, *config.super_resolution.values(), config.transfer.training):
        check_whole(run)
        assert run.data.simulate  # so that it runs out of the box
    check_whole(config.transfer.map_training)
    # What is fine-tuned must fit what it starts from.
    for tissue, cells in (("training", "x4"), ("map_training", "x2")):
        models = [dict(config.transfer[tissue].model), dict(config.super_resolution[cells].model)]
        assert models[0] == models[1]


def test_the_experiments_are_no_config_to_train():
    config = importlib.import_module("configs.experiments").get_config()
    with pytest.raises(InputError, match="has no task"):
        training_job(config)


def test_the_papers_settings():
    denoising = importlib.import_module("configs.denoising").get_config()
    assert (denoising.train.epochs, denoising.train.batch_size) == (500, 256)
    assert denoising.schedule.to_dict() == {"name": "one_cycle", "learning_rate": 5e-4}
    assert denoising.augment.to_dict() == {"shift": 0.1, "flip": False, "mixup": 0.5, "mixup_alpha": 0.2}
    assert denoising.model.batch_norm is True
    images = importlib.import_module("configs.super_resolution")
    for scale, patch in ((2, 64), (3, 63), (4, 64)):
        config = images.get_config(f"scale={scale},blocks=16")
        assert (config.train.epochs, config.train.batch_size, config.data.patch) == (600, 2, patch)
        assert (config.model.groups, config.model.blocks, config.model.width) == (18, 16, 250)
        assert config.schedule.to_dict() == {"name": "constant", "learning_rate": 1e-5}


def test_arguments_are_typed_and_unknown_ones_refused():
    values = parse_arg("scale=3,fast,rate=0.5", scale=2, fast=False, rate=1.0, name="a")
    assert values.to_dict() == {"scale": 3, "fast": True, "rate": 0.5, "name": "a"}
    assert parse_arg("fast=false", fast=True).fast is False
    for text, sentence in (("depth=3", "unknown"), ("scale=three", "give a int"), ("fast=maybe", "true or false")):
        with pytest.raises(ValueError, match=sentence):
            parse_arg(text, scale=2, fast=False)


def test_a_config_is_found_by_name_and_by_file(tmp_path, monkeypatch):
    assert SHIPPED == Path(__file__).parents[1] / "configs"
    assert {"denoising", "default_denoiser", "experiments"} <= set(shipped_configs())
    monkeypatch.chdir(tmp_path)
    for name in ("super_resolution:scale=3", f"{SHIPPED / 'super_resolution.py'}:scale=3"):
        assert load_config(name).model.scale == 3
    with pytest.raises(InputError, match=r"configs/nothing.py: there is no such config file.*cartilage"):
        load_config("configs/nothing.py")
    with pytest.raises(InputError, match="unknown config argument 'size'"):
        load_config("super_resolution:size=3")


def test_a_config_elsewhere_imports_the_shipped_ones_and_its_neighbours(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "base.py").write_text("WIDTH = 4\n")
    (tmp_path / "configs" / "mine.py").write_text(
        "from configs import base, denoising\n"
        "def get_config(arg=None):\n"
        "    return denoising.get_config(f'width={base.WIDTH}')\n"
    )
    before = {name: module for name, module in sys.modules.items() if name.startswith("configs")}
    assert load_config(str(tmp_path / "configs" / "mine.py")).model.width == 4
    # Another folder's configs are not mixed up with these.
    assert before == {name: module for name, module in sys.modules.items() if name.startswith("configs")}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def get_config(arg=None): return {}", "returns a ConfigDict"),
        ("x = 1", "returns a ConfigDict"),
        ("def get_config(", "SyntaxError"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def get_config(arg=None): return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_config_that_cannot_be_read_is_one_sentence(text, sentence, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(InputError, match=sentence):
        load_config(str(tmp_path / "mine.py"))


def test_settings_are_changed_and_keep_their_types():
    given = ["model.batch_norm=false", "train.steps=7", "schedule.learning_rate=1e-3", "data.path=a b", "data.fold=2"]
    config = load_config("denoising", [f"--config.{setting}" for setting in [*given, "optimizer.frozen=('encoder1',)"]])
    assert config.model.batch_norm is False and config.train.steps == 7 and config.schedule.learning_rate == 1e-3
    assert config.data.path == "a b" and config.data.fold == 2 and config.optimizer.frozen == ("encoder1",)
    assert config.is_locked


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("data.pth=x", r"no setting 'pth' \(did you mean 'path'"),
        ("train.steps.few=1", "no setting 'few'"),
        ("window=1", "no setting 'window'; there are: augment, data"),
        ("train.steps=many", "many"),
        ("train.steps=1.5", "1.5"),
        ("model.batch_norm=perhaps", "perhaps"),
    ],
)
def test_unknown_settings_and_wrong_values_are_one_sentence(setting, sentence):
    with pytest.raises(InputError, match=sentence):
        load_config("denoising", [f"--config.{setting}"])


@pytest.mark.slow
def test_memory_is_printed_for_each_batch_and_kind_of_rematerialisation(tmp_path, capsys):
    (tmp_path / "configs").mkdir()
    path = tmp_path / "configs" / "small.py"
    path.write_text(
        "from configs import super_resolution_small\n"
        "def get_config(arg=None):\n"
        "    config = super_resolution_small.get_config('scale=2')\n"
        "    config.model.update({'length': 8, 'width': 4, 'reduction': 2, 'groups': 3})\n"
        "    config.data.patch = 16\n"
        "    return config\n"
    )
    main(["memory", str(path), "--batch-sizes=2,8"])
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    rows = [line.split("|")[1:-1] for line in table[2:]]
    assert [(row[0].strip(), row[1].strip()) for row in rows] == [
        (remat, size) for remat in ("none", "blocks", "groups", "both") for size in ("2", "8")
    ]
